"""Whether the database keeps tenants apart where it should: row-level security, table by table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

_FIND_POLICED = statements("doctor").find_policed

#: The policy that shows each tenant its own rows alone.
_POLICY = "of_tenant"
#: By the revision that makes it, the tables that have it.
POLICED = {
    "0027": (
        *("conversations", "messages", "message_days", "message_day_deltas", "message_clears", "stays"),
        *("figure_days", "figure_hours", "figure_responses", "figure_people", "figure_weeks", "live_figures"),
        *("people", "message_feedback", "message_versions", "thread_events", "idempotency_keys"),
        *("chat_deletion_logs", "chat_export_logs", "access_log"),
    ),
    "0029": ("person_weeks",),
}


async def check_tenants(connection: asyncpg.Connection[asyncpg.Record], revision: str) -> list[Finding]:
    """Say which tables do not keep tenants apart, of those that do at a revision.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    wanted = {table: since for since, tables in POLICED.items() if since <= revision for table in tables}
    rows = await connection.fetch(_FIND_POLICED, list(wanted), _POLICY)
    findings = [
        finding
        for row in rows
        for finding in _findings(row["name"], wanted[row["name"]], is_on=row["is_on"], is_made=row["is_made"])
    ]
    if wanted and not findings:
        findings = [Finding("tenants", Level.OK, "row-level security keeps tenants apart")]
    return findings


def _findings(table: str, since: str, *, is_on: bool, is_made: bool) -> Iterator[Finding]:
    if not is_made:
        yield Finding(
            "tenants",
            Level.WRONG,
            f"{table} has no policy {_POLICY}, which keeps tenants apart",
            f"make it again as migrations/versions/{since}*.up.sql does",
        )
    elif not is_on:
        yield Finding(
            "tenants",
            Level.WRONG,
            f"row-level security of {table} is off: the API's own statements alone keep tenants apart in it",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        )
