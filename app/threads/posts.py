"""Writes messages of threads, as many as wait at once: together, in one transaction.

Each request waits for its own message, and is answered once that is committed. A message that cannot be
written fails alone, and so do those of a thread that somebody holds.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from app.gathering import Gathering
from app.postgres.tenants import ask_for_tenant
from models.errors import BadRecord
from sinks.errors import SinkError
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.splitting import write_or_split
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence
    from uuid import UUID

    from app.threads.telling import Telling

    #: Of posts by their numbers what became of them, as far as that is known.
    Outcomes = dict[int, "PostOutcome | Exception"]
    _Posts = Sequence[tuple[int, "NewPost"]]

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
        numbered = list(enumerate(posts))
        outcomes: Outcomes = {}
        try:
            await self._write(str(tenant), numbered, outcomes)
        except DRIVER_ERRORS as error:
            _fail_the_rest(outcomes, numbered, classify(error))
        except SinkError as error:
            _fail_the_rest(outcomes, numbered, error)
        if PostOutcome.WRITTEN in outcomes.values():
            self._telling.now()
        return [outcomes[number] for number, _ in numbered]

    async def _write(self, tenant: str, posts: _Posts, outcomes: Outcomes) -> None:
        """Write posts; of threads that somebody holds for long, the others do not wait for these.

        Raises:
            SinkError, and what the driver raises: what has no outcome yet is not written.
        """
        with suppress(asyncpg.LockNotAvailableError):
            await self._write_or_split(tenant, posts, outcomes)
        left = [(number, post) for number, post in posts if number not in outcomes]
        if not left:
            return
        free = await self._free_of(tenant, {post.thread for _, post in left})
        parts: defaultdict[UUID | None, list[tuple[int, NewPost]]] = defaultdict(list)
        for number, post in left:
            parts[None if post.thread in free else post.thread].append((number, post))
        # The free ones first; another may be let go meanwhile.
        for thread in sorted(parts, key=lambda thread: thread is not None):
            try:
                await self._write_or_split(tenant, parts[thread], outcomes)
            except asyncpg.LockNotAvailableError as error:
                _fail_the_rest(outcomes, parts[thread], classify(error))

    async def _write_or_split(self, tenant: str, posts: _Posts, outcomes: Outcomes) -> None:
        async def write(some: _Posts) -> int:
            try:
                written = await self._write_some(tenant, some)
            except BadRecord as error:
                if len(some) == 1:
                    outcomes[some[0][0]] = error
                raise
            outcomes.update((number, PostOutcome.LEFT_OUT) for number, _ in some)
            outcomes.update((number, PostOutcome.WRITTEN) for number in written)
            return len(written)

        await write_or_split(posts, write)

    async def _write_some(self, tenant: str, some: _Posts) -> list[int]:
        rows = [
            post.row
            | {"number": number, "id": str(post.id), "ms": post.timestamp_ms, "thread": str(post.thread)}
            for number, post in some
        ]
        told = orjson.dumps(rows).decode()
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                found = await connection.fetch(_SQL.insert_posts, tenant, told, self._at_most)
        except asyncpg.LockNotAvailableError:
            raise
        except DRIVER_ERRORS as error:
            raise classify(error) from error
        return [row["number"] for row in found]

    async def _free_of(self, tenant: str, threads: Collection[UUID]) -> set[UUID]:
        async with self._pool.acquire() as connection:
            return {row["id"] for row in await connection.fetch(_SQL.find_free_threads, tenant, threads)}


def _fail_the_rest(outcomes: Outcomes, posts: _Posts, error: Exception) -> None:
    """Have posts that came to nothing so far fail; what is written stays written."""
    for number, _ in posts:
        outcomes.setdefault(number, error)
