"""Whether rows have a partition to go to: the month's of chat_log, or the platform's and month's of messages.

What has none waits in a default partition, where nothing is lost, and reading it takes long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from models.platforms import OF_MESSAGES
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg

_PARTITIONS = statements("doctor").find_partitions
#: The revision that makes messages.
_MESSAGES_SINCE = "0013"
_OF_MESSAGES = tuple(f"messages_{platform}" for platform in OF_MESSAGES)
_MIGRATE = "chatlog migrate up"
_PROCEDURE = 'docs/operations.md tells, "Move a month to its own partition"'


async def check_partitions(
    connection: asyncpg.Connection[asyncpg.Record], tables: Sequence[str], revision: str
) -> list[Finding]:
    """Say which partitions are missing, and what waits for one.

    Args:
        connection: to the database.
        tables: those that are there; what is missing is told elsewhere.
        revision: that they are at.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    by_month = [table for table in ("chat_log",) if table in tables]
    whole: list[str] = []
    if revision >= _MESSAGES_SINCE and "messages" in tables:
        whole.append("messages")
        by_month += _OF_MESSAGES
    found = {row["table"]: row for row in await connection.fetch(_PARTITIONS, [*whole, *by_month])}
    findings = [
        *(finding for table in whole for finding in _default_findings(found[table], "platforms")),
        *(finding for table in by_month for finding in _month_findings(found[table])),
    ]
    which = " and ".join([*by_month[:1], *whole])
    have = "has its" if len(by_month) == 1 else "have their"
    return findings or [
        Finding("schema", Level.OK, f"{which} {have} partitions, this month's and the next among them")
    ]


def _month_findings(row: asyncpg.Record) -> Iterator[Finding]:
    table = row["table"]
    if not row["is_there"]:
        platform = table.removeprefix("messages_")
        what = f"messages has no partition for {platform}: its rows go to the default partition"
        yield Finding("schema", Level.NOTE, what, _MIGRATE)
        return
    yield from _default_findings(row, "months")
    if months := row["months"]:
        what = f"{table} has no partition for {', '.join(months)}: rows go to the default partition"
        yield Finding("schema", Level.NOTE, what, _MIGRATE)


def _default_findings(row: asyncpg.Record, lacking: str) -> Iterator[Finding]:
    table = row["table"]
    if not row["has_default"]:
        yield Finding(
            "schema",
            Level.WRONG,
            f"{table} has no default partition: rows of {lacking} without a partition are refused",
            f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT",
        )
    elif row["default_rows"] and table != "chat_log":
        what = f"about {row['default_rows']} rows wait in {table}_default, of {lacking} without a partition"
        yield Finding("schema", Level.NOTE, what, _PROCEDURE)
