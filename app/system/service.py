"""How the installation is, looked at for as long as somebody wants to know.

Kafka is asked in the background while there are readers: so a broker that is away holds up no page, and two
looks tell whether a partition moves. The database is asked for each reader.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import orjson

from app.access import NotAllowed
from app.system.view import DatabaseView, SystemView
from models.access import Action, Thing, may
from models.processes import Beat, ProcessKind, ProcessStanding, RunningProcess
from sinks.errors import SinkError
from sinks.postgres.connector_gaps import find_gaps
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.system.queues import Queue, Queues
    from models.access import Caller
    from sinks.storage.bucket import ObjectStorage

#: How often Kafka and the storage are asked while somebody looks, and for how long after the last look.
LOOK_EVERY_S = 3.0
LOOKED_AT_FOR_S = 60.0
#: How long a reader waits for the first answer of Kafka; then the page says that it is not there yet.
FIRST_WITHIN_S = 3.0
#: How long the database and the storage may take.
DATABASE_WITHIN_S = 3.0
STORAGE_WITHIN_S = 3.0
GAPS_SHOWN_FOR = timedelta(days=7)
GAPS_SHOWN_MAX = 20

_PROCESSES = statements("processes").find_processes
_DATABASE = statements("processes").look_at_database
_PARTITIONS = statements("partitions").look_at_partitions
_DEAD_LETTERS = statements("dead_letters").count_dead_letters_by_reason
_WITHOUT_WORDS = statements("doctor").find_without_pieces
_FAILURES = (*DRIVER_ERRORS, TimeoutError)


class SystemWatch:
    """Looks at the system, as an async context manager.

    Args:
        queues: what Kafka is asked about.
        pool: connections of a user with the rights of chatlog_api.
        storage: where the files of exports are.
    """

    def __init__(self, queues: Queues, pool: asyncpg.Pool[asyncpg.Record], storage: ObjectStorage) -> None:
        self._pool, self._storage = pool, storage
        self._queues = queues
        self._asked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self._found: tuple[Queue, ...] | None = None
        self._storage_error: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await self._queues.close()

    async def look(self, caller: Caller) -> SystemView:
        """Return how the system is now.

        Raises:
            NotAllowed: it is not for this caller, narrowed as they are.
        """
        if not may(caller, Action.SEE_SYSTEM, Thing()):
            raise NotAllowed("Your scope does not reach the system as a whole.")
        self._begin_to_look()
        database, _ = await asyncio.gather(self._ask_database(), self._wait_for_kafka())
        return SystemView(
            database=database,
            queues=self._found,
            storage_error=self._storage_error,
            looked=datetime.now(UTC),
            now=time.monotonic(),
        )

    def _begin_to_look(self) -> None:
        self._asked_at = time.monotonic()
        if self._looking is None or self._looking.done():
            self._answered.clear()
            self._looking = asyncio.create_task(self._keep_looking(), name="system watch")

    async def _wait_for_kafka(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WITHIN_S):
                await self._answered.wait()

    async def _keep_looking(self) -> None:
        while time.monotonic() - self._asked_at < LOOKED_AT_FOR_S:
            self._found, self._storage_error = await asyncio.gather(self._queues.ask(), self._ask_storage())
            self._answered.set()
            await asyncio.sleep(LOOK_EVERY_S)
        self._found = None
        await self._queues.close()

    async def _ask_storage(self) -> str | None:
        """Return why the storage cannot be used, in words; None if it answers."""
        try:
            async with asyncio.timeout(STORAGE_WITHIN_S):
                await self._storage.size("chatlog-is-there")
        except SinkError as error:
            return str(error)
        except TimeoutError:
            return f"it does not answer within {STORAGE_WITHIN_S:g} s"
        return None

    async def _ask_database(self) -> DatabaseView | None:
        """Return what the database tells; None if it does not."""
        try:
            async with asyncio.timeout(DATABASE_WITHIN_S), self._pool.acquire() as connection:
                since = datetime.now(UTC) - GAPS_SHOWN_FOR
                gaps = await find_gaps(connection, None, since, GAPS_SHOWN_MAX)
                [(ahead, default_rows)] = await connection.fetch(_PARTITIONS)
                [about] = await connection.fetch(_DATABASE)
                kept = await connection.fetch(_DEAD_LETTERS)
                lacking = await connection.fetch(_WITHOUT_WORDS)
                return DatabaseView(
                    processes=tuple(_process(row) for row in await connection.fetch(_PROCESSES)),
                    dead_letters={row["reason"]: row["pending"] for row in kept},
                    gaps=tuple(gaps),
                    months_ahead=ahead,
                    default_rows=default_rows,
                    without_words=tuple(row["name"] for row in lacking),
                    version=about["version"],
                    size_bytes=about["size_bytes"],
                    revision=about["revision"],
                )
        except _FAILURES:
            return None


def _process(row: asyncpg.Record) -> RunningProcess:
    return RunningProcess(
        id=row["id"],
        kind=ProcessKind(row["kind"]),
        role=row["role"],
        host=row["host"],
        version=row["version"],
        started=row["started"],
        silent_s=row["silent_s"],
        beat=Beat(
            ProcessStanding(row["verdict"]),
            tuple(row["reasons"]),
            row["address"],
            orjson.loads(row["partitions"]),
        ),
    )
