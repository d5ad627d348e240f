"""Writes messages of threads, as many as wait at once: together, in one transaction.

Each request waits for its own message, and is answered once that is committed. What comes while some are
written is written next, so a busy process pays for a commit once for many, and a quiet one waits for nobody.
A message that cannot be written fails alone.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from app.postgres.tenants import ask_for_tenant
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.splitting import write_or_split
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from app.threads.telling import Telling

_SQL = statements("threads")

#: How many are written at once: some 10 ms of locks on their threads.
BATCH_MAX = 200
#: How many batches are under way, of the connections that others need too.
BATCHES_AT_ONCE = 2


class PostOutcome(Enum):
    """What became of a message."""

    WRITTEN = auto()
    LEFT_OUT = auto()
    """Its thread is gone or full, or its Idempotency-Key is known."""


@dataclass(frozen=True, slots=True)
class NewPost:
    """A message that is to be written.

    Attributes:
        tenant: whose thread it is in.
        id: which it will be.
        timestamp_ms: when it was written.
        thread: which thread.
        row: the rest of its row, as `insert_posts` takes it.
    """

    tenant: str
    id: UUID
    timestamp_ms: int
    thread: UUID
    row: dict[str, Any]


@dataclass(slots=True)
class _Waiting:
    post: NewPost
    outcome: asyncio.Future[PostOutcome]


class PostWriter:
    """Writes what waits; an async context manager, which writes the rest before it ends.

    Args:
        pool: connections of a user who may.
        at_most: how many messages a thread holds.
        telling: has told what was written.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], at_most: int, telling: Telling) -> None:
        self._pool = pool
        self._at_most = at_most
        self._telling = telling
        self._waiting: defaultdict[str, list[_Waiting]] = defaultdict(list)
        self._writing: set[asyncio.Task[None]] = set()

    async def write(self, post: NewPost) -> PostOutcome:
        """Write a message; return what became of it, once that is for good.

        Raises:
            ServiceDown: the database is away; the message may be written, if it went away just then.
            CannotGoOn: it refuses.
            BadRecord: it cannot hold this message.
        """
        waiting = _Waiting(post, asyncio.get_running_loop().create_future())
        self._waiting[post.tenant].append(waiting)
        if len(self._writing) < BATCHES_AT_ONCE:
            task = asyncio.create_task(self._write_what_waits(), name="posts")
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        # A client that goes takes nothing back: what it asked for may be in a transaction with others.
        return await asyncio.shield(waiting.outcome)

    async def stop(self) -> None:
        """Wait until nothing waits."""
        while self._writing:
            await asyncio.wait(self._writing)

    async def _write_what_waits(self) -> None:
        while self._waiting:
            # The tenant who waits longest; each transaction is of one.
            tenant, waiting = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            some, rest = waiting[:BATCH_MAX], waiting[BATCH_MAX:]
            if rest:
                self._waiting[tenant] = rest
            try:
                _, refused = await write_or_split(some, partial(self._write_some, tenant))
                for one, error in refused:
                    _fail(one, error)
            except Exception as error:  # noqa: BLE001  whatever it is, they wait for it
                for one in some:
                    _fail(one, error)

    async def _write_some(self, tenant: str, some: Sequence[_Waiting]) -> int:
        rows = [
            one.post.row
            | {
                "number": number,
                "id": str(one.post.id),
                "ms": one.post.timestamp_ms,
                "thread": str(one.post.thread),
            }
            for number, one in enumerate(some)
        ]
        told = orjson.dumps(rows).decode()
        try:
            ask_for_tenant(tenant)
            async with self._pool.acquire() as connection, connection.transaction():
                found = await connection.fetch(_SQL.insert_posts, tenant, told, self._at_most)
        except DRIVER_ERRORS as error:
            raise classify(error) from error
        if found:
            self._telling.now()
        written = {row["number"] for row in found}
        for number, one in enumerate(some):
            if not one.outcome.done():
                one.outcome.set_result(PostOutcome.WRITTEN if number in written else PostOutcome.LEFT_OUT)
        return len(written)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.outcome.done():
        waiting.outcome.set_exception(error)
