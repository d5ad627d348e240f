"""Whether the views that people's SQL reads are there, and the triggers without which tables are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.doctor.findings import Finding, Level
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

_SQL = statements("doctor")
_MISSING_VIEWS = _SQL.find_missing_views
_TRIGGERS = _SQL.find_triggers

#: The revision that makes the views.
_VIEWS_SINCE = "0015"
VIEWS = (
    *("all_messages", "live.chat_messages", "live.chat_sessions", "live.users"),
    *("assistant.chat_conversations", "assistant.chat_sessions"),
)
_AS_MADE = "make it again as migrations/versions/{}*.up.sql does"


class Trigger(NamedTuple):
    """A trigger that something depends on.

    Attributes:
        table: that has it.
        name: its own.
        since: the revision that makes it.
        without: what is so if it is not there, or off.
    """

    table: str
    name: str
    since: str
    without: str


TRIGGERS = (
    Trigger(
        "chat_logging_config", "chat_logging_config_version", "0014", "rules that are changed never hold"
    ),
    Trigger(
        "assistant.chat_conversations", "add_turn", "0015", "turns that are added to the view are refused"
    ),
    Trigger("messages_assistant", "keep_session", "0015", "assistant.chat_sessions lacks what is captured"),
    Trigger(
        "conversations", "drop_session", "0015", "assistant.chat_sessions keeps those that were taken away"
    ),
    Trigger(
        "assistant.chat_sessions",
        "leave_sum",
        "0015",
        "turns that a program adds and counts are counted twice",
    ),
)


async def check_views(connection: asyncpg.Connection[asyncpg.Record], revision: str) -> list[Finding]:
    """Say which views and triggers are missing, of those that a revision has.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    views = VIEWS if revision >= _VIEWS_SINCE else ()
    triggers = [trigger for trigger in TRIGGERS if trigger.since <= revision]
    missing = [row["name"] for row in await connection.fetch(_MISSING_VIEWS, list(views))]
    on = {
        (row["table"], row["name"]): row["is_on"]
        for row in await connection.fetch(
            _TRIGGERS,
            [trigger.table for trigger in triggers],
            [trigger.name for trigger in triggers],
        )
    }
    findings = [
        Finding("schema", Level.WRONG, f"{view} is missing", _AS_MADE.format(_VIEWS_SINCE))
        for view in missing
    ]
    findings += [
        finding
        for trigger in triggers
        if trigger.table not in missing
        for finding in _trigger_findings(trigger, on.get((trigger.table, trigger.name)))
    ]
    if views and not findings:
        findings = [Finding("schema", Level.OK, "the views and triggers are there")]
    return findings


def _trigger_findings(trigger: Trigger, is_on: bool | None) -> Iterator[Finding]:
    if is_on:
        return
    what = f"the trigger {trigger.name} of {trigger.table} is {'missing' if is_on is None else 'off'}"
    mend = (
        _AS_MADE.format(trigger.since)
        if is_on is None
        else f"ALTER TABLE {trigger.table} ENABLE TRIGGER {trigger.name}"
    )
    yield Finding("schema", Level.WRONG, f"{what}: {trigger.without}", mend)
