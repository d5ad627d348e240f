"""Writes messages of threads, as many as wait at once: together, in one transaction.

Each request waits for its own message, and is answered once that is committed. A message that cannot be
written fails alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import orjson

from app.gathering import Gathering
from app.postgres.tenants import ask_for_tenant
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.splitting import write_or_split
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from uuid import UUID

    import asyncpg

    from app.threads.telling import Telling

_SQL = statements("threads")

#: How many are written at once: some 10 ms of locks on their threads.
BATCH_MAX = 200
#: How many batches are under way, of the connections that others need too.
BATCHES_AT_ONCE = 2
#: How many wait to be written: a second of them, of some kilobytes each.
WAITING_MAX = 1500


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


class PostWriter:
    """Writes what waits.

    Args:
        pool: connections of a user who may.
        at_most: how many messages a thread holds.
        telling: has told what was written.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], at_most: int, telling: Telling) -> None:
        self._pool = pool
        self._at_most = at_most
        self._telling = telling
        self._posts: Gathering[NewPost, PostOutcome] = Gathering(
            "posts",
            self._write_of_tenant,
            at_most=BATCH_MAX,
            at_once=BATCHES_AT_ONCE,
            waiting_max=WAITING_MAX,
        )

    async def write(self, post: NewPost) -> PostOutcome:
        """Write a message; return what became of it, once that is for good.

        Raises:
            ServiceDown: the database is away; the message may be written, if it went away just then.
            CannotGoOn: it refuses.
            BadRecord: it cannot hold this message.
        """
        return await self._posts.do(post.tenant, post)

    async def stop(self) -> None:
        """Wait until nothing waits, for a while."""
        await self._posts.stop()

    async def _write_of_tenant(
        self, tenant: Hashable, posts: Sequence[NewPost]
    ) -> list[PostOutcome | Exception]:
        ask_for_tenant(str(tenant))
        outcomes: list[PostOutcome | Exception] = [PostOutcome.LEFT_OUT] * len(posts)

        async def write(some: Sequence[tuple[int, NewPost]]) -> int:
            written = await self._write_some(str(tenant), some)
            for number in written:
                outcomes[number] = PostOutcome.WRITTEN
            return len(written)

        written, refused = await write_or_split(list(enumerate(posts)), write)
        for (number, _), error in refused:
            outcomes[number] = error
        if written:
            self._telling.now()
        return outcomes

    async def _write_some(self, tenant: str, some: Sequence[tuple[int, NewPost]]) -> list[int]:
        rows = [
            post.row
            | {"number": number, "id": str(post.id), "ms": post.timestamp_ms, "thread": str(post.thread)}
            for number, post in some
        ]
        told = orjson.dumps(rows).decode()
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                found = await connection.fetch(_SQL.insert_posts, tenant, told, self._at_most)
        except DRIVER_ERRORS as error:
            raise classify(error) from error
        return [row["number"] for row in found]
