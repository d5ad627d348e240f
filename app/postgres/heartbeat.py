"""Says in the database, every few seconds, that this process runs and how it is: so one page finds them all.

By a connection of its own, which waits for nobody. While the database is away the process goes on as if
nothing were: nothing is kept to be said later.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import orjson

from app.postgres.connections import DatabaseUnavailable, connect
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.settings.database import DatabaseSettings
    from models.processes import Beat, ProcessKind

log = logging.getLogger(__name__)

#: How often a process says so. Whoever reads counts it as gone after several times that.
BEAT_EVERY_S = 10.0
#: How long one time may take, connecting included.
BEAT_WITHIN_S = 5.0
#: How long a stop may wait to take the row away.
LEAVE_WITHIN_S = 1.0
#: After a day nobody looks any more for what did not end by itself.
FORGET_AFTER_S = 86_400.0

_FAILURES = (DatabaseUnavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_SQL = statements("processes")


class Heartbeat:
    """Writes one process's row, while `run` runs; `leave` takes it away.

    Args:
        database: where; without DATABASE_URL nothing is said.
        kind: what the process is.
        role: of a worker its role, of a connector its platform.
        look: tells how it is now.
    """

    def __init__(
        self, database: DatabaseSettings, kind: ProcessKind, role: str, look: Callable[[], Beat]
    ) -> None:
        self._database = database
        self._kind, self._role, self._look = kind, role, look
        self._id = uuid4()
        self._host = socket.gethostname()
        self._started = datetime.now(UTC)
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._unheard = Trouble(log, over="It is written down again that this process runs")

    async def run(self) -> None:
        """Say it, until cancelled."""
        while self._database.url is not None:
            await self.beat()
            await asyncio.sleep(BEAT_EVERY_S)

    async def beat(self) -> None:
        """Say it once. Never raises for what the database does."""
        beat = self._look()
        partitions = {topic: list(numbers) for topic, numbers in beat.partitions.items()}
        try:
            async with asyncio.timeout(BEAT_WITHIN_S):
                if self._connection is None:
                    self._connection = await connect(self._database, application_name="chatlog-heartbeat")
                await self._connection.execute(
                    _SQL.beat,
                    self._id,
                    self._kind.value,
                    self._role,
                    self._host,
                    beat.address,
                    version("chatlog"),
                    beat.standing.value,
                    list(beat.reasons),
                    orjson.dumps(partitions).decode(),
                    self._started,
                )
                await self._connection.execute(_SQL.forget_processes, FORGET_AFTER_S)
        except _FAILURES as error:
            self.close()
            # Parts that need the database say so themselves.
            fields = {"error": type(error).__name__}
            self._unheard.note("That this process runs cannot be written down", fields, level=logging.INFO)
        else:
            self._unheard.end()

    async def leave(self) -> None:
        """Take the row away, if that is quick, and disconnect."""
        if self._connection is not None:
            with suppress(*_FAILURES):
                async with asyncio.timeout(LEAVE_WITHIN_S):
                    await self._connection.execute(_SQL.leave, self._id)
        self.close()

    def close(self) -> None:
        """Disconnect without a word. Idempotent."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


@asynccontextmanager
async def beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    """Have a heart beat for as long as the context lasts."""
    running = asyncio.create_task(heartbeat.run(), name="heartbeat")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        await heartbeat.leave()
