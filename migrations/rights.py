"""Who may do what with which table, as data: what `roles.up.sql` grants, and what `chatlog check` looks for.

What is not here nobody may, but the owner of the tables. The roles are granted to the users that log in:

    GRANT chatlog_writer TO the_user_of_the_workers_that_capture_and_persist;
    GRANT chatlog_exporter TO the_user_of_the_workers_that_export;
    GRANT chatlog_api TO the_user_of_the_api;
    GRANT chatlog_maintainer TO the_user_of_chatlog_backfill;
    GRANT chatlog_reader TO someone_who_reads;

Nobody reads `credentials.details`, which holds secrets, and nobody who exports or asks for exports deletes a
row (sessions that are over, and shares, aside).
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Right:
    """An action on a table, on some of its columns, or on a function.

    Attributes:
        action: as GRANT names it.
        thing: the table, or the function with the types of its arguments.
        columns: of the table; none for all of it.
    """

    action: str
    thing: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it for people."""
        if self.columns:
            return f"{self.action} ({', '.join(self.columns)}) of {self.thing}"
        link = {"INSERT": " into", "EXECUTE": ""}.get(self.action, " from")
        return f"{self.action}{link} {self.thing}"


def _on(table: str, *actions: str) -> tuple[Right, ...]:
    """Return the rights to do something with a whole table."""
    return tuple(Right(action, table) for action in actions)


_PAGES = Right("SELECT", "credentials", ("userid", "entity", "facebook_page_id"))
#: What tells whose message it is, and of which survey.
_LOOKUP = (Right("SELECT", "surveys", ("id", "userid", "shortcode", "created")), _PAGES)
_SURVEYS = (
    Right("SELECT", "users", ("id", "email")),
    Right("SELECT", "surveys", ("id", "userid", "shortcode", "title", "survey_name", "created")),
    _PAGES,
)
#: What was said is not among it.
_WHICH_MESSAGE = ("userid", "pageid", "timestamp", "direction", "shortcode", "surveyid")
_PROGRESS = (
    *("status", "export_link", "reason", "attempt", "lease_token", "lease_until"),
    *("rows_done", "rows_estimate", "bytes_done", "object_key", "finished", "cells_not_shown"),
)

#: What whoever asks for an export gives; the rest of its row has defaults.
_REQUEST = (
    *("user_id", "survey_owner", "survey_id", "status", "export_link"),
    *("source", "options", "published"),
)

_OF_PARTS: dict[str, tuple[Right, ...]] = {
    "chatlog_writer": (
        # SELECT because ON CONFLICT reads the key.
        *_on("chat_log", "INSERT", "SELECT"),
        Right("EXECUTE", "chat_log_make_partitions(integer, integer)"),
        # A dead letter is written, listed, marked as replayed, dropped; what it holds is never altered.
        *_on("dead_letters", "INSERT", "SELECT", "DELETE"),
        Right("UPDATE", "dead_letters", ("replayed_at",)),
        *_LOOKUP,
    ),
    "chatlog_exporter": (
        Right("SELECT", "chat_log"),
        Right("SELECT", "responses"),
        *_SURVEYS,
        # Whether a survey is still shared with who asked for its export.
        Right("SELECT", "survey_shares"),
        Right("SELECT", "export_status"),
        # Neither whose it is, nor what was asked for, nor whether its job was sent.
        Right("UPDATE", "export_status", _PROGRESS),
    ),
    "chatlog_api": (
        # For counts; what was said is not for the API to read.
        Right("SELECT", "chat_log", _WHICH_MESSAGE),
        Right(
            "SELECT",
            "responses",
            ("userid", "pageid", "timestamp", "question_ref", "shortcode", "surveyid"),
        ),
        *_SURVEYS,
        *_on("survey_shares", "SELECT", "INSERT", "DELETE"),
        Right("SELECT", "export_status"),
        Right("INSERT", "export_status", _REQUEST),
        # Not whose it is, nor of what.
        Right("UPDATE", "export_status", (*_PROGRESS, "options", "published", "removed")),
        *_on("ended_sessions", "SELECT", "INSERT", "DELETE"),
    ),
    "chatlog_maintainer": (
        Right("SELECT", "chat_log", _WHICH_MESSAGE),
        Right("UPDATE", "chat_log", ("surveyid",)),
        *_LOOKUP,
    ),
    # Where a message is not in chat_log, it may be among the dead letters.
    "chatlog_reader": (*_on("chat_log", "SELECT"), *_on("dead_letters", "SELECT")),
}


#: To see at which revision the tables are.
OF_EVERYBODY = Right("SELECT", "chatlog_schema_version")
#: By role.
RIGHTS = {role: (*rights, OF_EVERYBODY) for role, rights in _OF_PARTS.items()}


def columns_named(action: str, table: str) -> frozenset[str] | None:
    """Return the columns for which any role has a right; None if one has it on the whole table."""
    all_of_it = [
        right
        for rights in RIGHTS.values()
        for right in rights
        if (right.action, right.thing) == (action, table)
    ]
    if not all(right.columns for right in all_of_it):
        return None
    return frozenset(name for right in all_of_it for name in right.columns)


def as_json() -> str:
    """Return all rights for SQL: an array of objects with role, action, thing, columns, in a fixed order."""
    return json.dumps(
        [
            {"role": role, "action": right.action, "thing": right.thing, "columns": right.columns or None}
            for role, rights in RIGHTS.items()
            for right in rights
        ]
    )
