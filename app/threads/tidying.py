"""Forgets what threads need for a while only: keys of requests, and events that Kafka has had for a week."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.looking import Looker
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger(__name__)

EVERY_S = 10 * 60.0
#: How many rows a transaction forgets: a fraction of the 15 s that a statement may take.
ROWS_AT_ONCE = 10_000
_BEGIN = statements("outbox").begin_for_all_tenants
_STATEMENTS = (statements("threads").forget_old_keys, statements("thread_events").forget_old_events)


class ThreadTidying(Looker):
    """Does it now and again, in every process: twice is as good as once.

    Args:
        pool: connections as the role of the API.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        super().__init__("tidying of threads", EVERY_S)
        self._pool = pool
        self._trouble = Trouble(log, over="What threads need no more is forgotten again")

    async def look(self) -> None:
        """Forget what is old, however much that is."""
        try:
            for statement in _STATEMENTS:
                while await self._forget_some(statement) == ROWS_AT_ONCE:
                    continue
        except DRIVER_ERRORS as error:
            self._trouble.note(
                "What threads need no more cannot be forgotten", {"error": str(classify(error))}
            )
        else:
            self._trouble.end()

    async def _forget_some(self, statement: str) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_BEGIN)
            done = await connection.execute(statement, ROWS_AT_ONCE)
        return int(done.rpartition(" ")[2])
