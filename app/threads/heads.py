"""What never changes of threads, remembered: whose they are, which every request has to know.

Remembered here and, for other replicas too, in Redis, if there is one. It cannot be wrong, as it cannot
change; whether the thread is still there, the statement that follows tells. A thread that is deleted is
forgotten where that is done and in Redis, and by other replicas when they are next asked for one, an hour
after PostgreSQL told of it. A Redis that is away costs the time to ask PostgreSQL.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from app.redis import SharedMemory
from app.threads.rows import ThreadHead
from sinks.sql import statements

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg
    from redis.asyncio import ConnectionPool, Redis

_SQL = statements("threads")
#: 300 bytes each.
HERE_MAX = 20_000
#: For how long one is remembered.
REMEMBERED_S = 3600.0


class ThreadHeads:
    """Knows whose threads are.

    Args:
        pool: connections that may read conversations.
        redis: what replicas share; None for nothing.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], redis: ConnectionPool | None) -> None:
        self._pool = pool
        self._there = SharedMemory(
            redis,
            without="Redis does not remember threads; PostgreSQL is asked in its place",
            over="Redis remembers threads again",
        )
        #: Each with until when; who was kept first, first.
        self._here: OrderedDict[tuple[str, UUID], tuple[ThreadHead, float]] = OrderedDict()

    async def find(self, tenant: str, thread: UUID) -> ThreadHead | None:
        """Return what never changes of a tenant's thread; None if they have none of this id."""
        self._drop_expired()
        known = self._here.get((tenant, thread))
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        there = await self._find_there(tenant, thread)
        if there is not None:
            self._keep_here(*there)
            return there[0]
        row = await self._pool.fetchrow(_SQL.find_head, tenant, thread)
        if row is None:
            return None
        found = ThreadHead(thread, tenant, row["subject_id"], row["started"])
        await self._keep_there(found)
        self._keep_here(found, REMEMBERED_S)
        return found

    def keep(self, head: ThreadHead) -> None:
        """Remember a thread that was just made or read; here, where it is asked for next."""
        self._keep_here(head, REMEMBERED_S)

    async def forget(self, tenant: str, thread: UUID) -> None:
        """Forget a thread that was deleted."""
        self._here.pop((tenant, thread), None)
        await self._there.ask(lambda redis: redis.delete(_name(tenant, thread)))

    def _keep_here(self, head: ThreadHead, for_s: float) -> None:
        key = head.tenant, head.id
        self._here.pop(key, None)
        self._here[key] = head, time.monotonic() + for_s
        if len(self._here) > HERE_MAX:
            self._here.popitem(last=False)

    def _drop_expired(self) -> None:
        """Forget those that are first, as long as their time is over: none that follows was kept before."""
        now = time.monotonic()
        while self._here and next(iter(self._here.values()))[1] <= now:
            self._here.popitem(last=False)

    async def _find_there(self, tenant: str, thread: UUID) -> tuple[ThreadHead, float] | None:
        """Return a thread that Redis remembers, and for how long it does, in seconds."""
        name = _name(tenant, thread)

        async def find(redis: Redis) -> Any:
            asked = redis.pipeline(transaction=True)
            asked.get(name)
            asked.pttl(name)
            return await asked.execute()

        told, left_ms = await self._there.ask(find) or (None, 0)
        if told is None:
            return None
        learner, started = orjson.loads(told)
        return ThreadHead(thread, tenant, learner, datetime.fromisoformat(started)), left_ms / 1000

    async def _keep_there(self, head: ThreadHead) -> None:
        told = orjson.dumps([head.learner, head.started.isoformat()])
        await self._there.ask(
            lambda redis: redis.set(_name(head.tenant, head.id), told, ex=round(REMEMBERED_S))
        )


def _name(tenant: str, thread: UUID) -> str:
    return f"chatlog:thread:{thread}:{tenant}"
