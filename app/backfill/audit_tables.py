"""Audits and leads in the tables of another application's PostgreSQL, read in one snapshot and never written.

By cursors of the server, so that no more than some rows are here at a time.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from app.backfill.audit_sources import CHUNK_BYTES, CHUNK_ROWS, BadRow, SourceUnreadable
from app.postgres.connections import DatabaseUnavailable, connect, server_of
from models.audit_columns import UnfitColumns
from models.audit_rows import audit_of, lead_of
from models.audits import Audit, AuditLead
from models.errors import BadRecord
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from app.backfill.audit_sources import WantedAudits
    from app.settings.database import DatabaseSettings
    from models import JSON
    from models.audit_columns import AuditColumns, TableColumns

    Connection = asyncpg.Connection[asyncpg.Record]

Item = TypeVar("Item", Audit, AuditLead)

_SQL = statements("audits")
_TIMES = ["created_at"]
#: Rows that the server sends at a time: at first, how much more each time, and at most.
_FIRST_ROWS, _GROWS, _MOST_ROWS = 10, 4, 2_000


class AuditTables:
    """The tables of one database, as of one moment. `open_tables` opens them.

    Args:
        connection: to the database, in a transaction that sees one snapshot.
        name: of it, without secrets.
        columns: where in it audits and leads are.
        wanted: which audits.
    """

    def __init__(
        self, connection: Connection, name: str, columns: AuditColumns, wanted: WantedAudits
    ) -> None:
        self.name = name
        self._connection = connection
        self._columns = columns
        self._wanted = wanted

    async def leads(self) -> AsyncIterator[list[AuditLead | BadRow]]:
        """Yield the leads, some at a time.

        Raises:
            SourceUnreadable: the database is down, or refuses. UnfitColumns: a table or column is missing.
        """
        async for chunk in self._read(self._columns.lead, "id", lead_of):
            yield chunk

    async def audits(self) -> AsyncIterator[list[Audit | BadRow]]:
        """Yield the audits, some at a time.

        Raises:
            SourceUnreadable: the database is down, or refuses. UnfitColumns: a table or column is missing.
        """
        async for chunk in self._read(self._columns.audit, "lead_id", audit_of):
            yield chunk

    async def _read(
        self, columns: TableColumns, of_lead: str, read: Callable[[Mapping[str, JSON]], Item]
    ) -> AsyncIterator[list[Item | BadRow]]:
        with_times = columns.kind == "audit"
        with _told(self.name):
            table = await self._connection.fetchrow(_SQL.find_columns, columns.table)
            if table is None or table["columns"] is None:
                raise UnfitColumns(
                    f"{self.name} has no table {columns.table}: say what it is called with --mapping FILE"
                )
            found = columns.among(table["columns"], f"{columns.table} of {self.name}")
            statement = await self._connection.fetchval(
                _SQL.reading_statement,
                table["name"],
                list(found.values()),
                list(found),
                _TIMES,
                found[of_lead],
                found["created_at"] if with_times else None,
            )
            since_ms = self._wanted.since_ms if with_times else None
            # By a name that no other session has: behind a pooler, a cursor's own could be somebody else's.
            reading = await self._connection.prepare(statement)
            cursor = await reading.cursor(self._wanted.lead, since_ms)
            many = _FIRST_ROWS
            while rows := await cursor.fetch(many):
                for first in range(0, len(rows), CHUNK_ROWS):
                    yield [_item(dict(row), columns.table, read) for row in rows[first : first + CHUNK_ROWS]]
                many = _next_rows(many, rows)


def _next_rows(many: int, rows: list[asyncpg.Record]) -> int:
    """Return how many rows to ask for, so that they are about as many bytes as are wanted here at a time."""
    size_bytes = sum(len(value) for row in rows for value in row.values() if isinstance(value, str))
    fitting = len(rows) * CHUNK_BYTES // max(size_bytes, 1)
    return max(1, min(fitting, _GROWS * many, _MOST_ROWS))


@asynccontextmanager
async def open_tables(
    database: DatabaseSettings, columns: AuditColumns, wanted: WantedAudits
) -> AsyncIterator[AuditTables]:
    """Connect to the database of another application, and see it as it is now.

    Args:
        database: its URL.
        columns: where in it audits and leads are.
        wanted: which audits.

    Raises:
        SourceUnreadable: it is down, or refuses.
    """
    name = server_of(database.require_url())
    try:
        connection = await connect(database, application_name="chatlog-backfill", statement_timeout_s=0)
    except DatabaseUnavailable as error:
        raise SourceUnreadable(str(error).replace("DATABASE_URL", "--source")) from None
    try:
        with _told(name):
            # It ends with the connection.
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
        yield AuditTables(connection, name, columns, wanted)
    finally:
        connection.terminate()


def _item(
    values: Mapping[str, JSON], table: str, read: Callable[[Mapping[str, JSON]], Item]
) -> Item | BadRow:
    try:
        return read(values)
    except BadRecord as error:
        return BadRow(f"{table}, id {values.get('id')}", error.detail)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except DRIVER_ERRORS as error:
        said = type(error).__name__ if isinstance(error, asyncpg.DataError) else str(error)
        raise SourceUnreadable(f"{name} cannot be read to its end: {said}") from None
