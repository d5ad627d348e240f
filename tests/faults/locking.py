"""Holds up PostgreSQL in the middle of a worker's writes, so that a test can break something just then."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings

_WRITES_HELD_UP = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'chatlog-persist'
      AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO ' || $1 || ' (%'
"""


class Lock:
    """A lock on a table, or on a row of it, that keeps writers waiting."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], table: str = "chat_log") -> None:
        self._connection = connection
        self._table = table

    async def holds_up_a_write(self) -> None:
        """Return when a worker has sent a batch, and waits for the lock."""
        await eventually(self._writes_held_up, what="a batch is being written")

    async def _writes_held_up(self) -> int:
        # A transaction sees who did what when it asked first, unless it asks for a new look.
        await self._connection.execute("SELECT pg_stat_clear_snapshot()")
        count: int = await self._connection.fetchval(_WRITES_HELD_UP, self._table)
        return count


@asynccontextmanager
async def chat_log_locked(system: Settings) -> AsyncIterator[Lock]:
    """Lock the table; what waits for it goes on at the end."""
    async with _locked(system, "chat_log") as lock:
        yield lock


@asynccontextmanager
async def messages_locked(system: Settings) -> AsyncIterator[Lock]:
    """Lock the table of all platforms."""
    async with _locked(system, "messages") as lock:
        yield lock


@asynccontextmanager
async def _locked(system: Settings, table: str) -> AsyncIterator[Lock]:
    connection = await asyncpg.connect(system.database.require_url())
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield Lock(connection, table)
    finally:
        await connection.close()
