"""Redis, which several APIs share. What is in it may be lost.

It may be away: nobody waits long for it, and what it would have told is gone without.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import ConnectionPool

    from app.settings.limits import LimitSettings

log = logging.getLogger(__name__)

Told = TypeVar("Told")

#: How long a request waits for Redis.
REDIS_WITHIN_S = 0.2
#: For how long Redis is left alone once it did not answer.
REDIS_AGAIN_S = 2.0
_CONNECTIONS_MAX = 50


def redis_pool(settings: LimitSettings) -> BlockingConnectionPool | None:
    """Return connections to the Redis of REDIS_URL, made as they are needed; None where none is set."""
    if settings.redis_url is None:
        return None
    return BlockingConnectionPool.from_url(
        settings.redis_url.get_secret_value(),
        max_connections=_CONNECTIONS_MAX,
        timeout=REDIS_WITHIN_S,
        socket_timeout=REDIS_WITHIN_S,
        socket_connect_timeout=REDIS_WITHIN_S,
    )


class SharedMemory:
    """What several APIs remember together, if there is a Redis, and as long as it answers.

    Args:
        redis: where; None for nowhere.
        without: what becomes of requests while it does not answer, for the log.
        over: that it answers again, for the log.
    """

    def __init__(self, redis: ConnectionPool | None, *, without: str, over: str) -> None:
        self._redis = None if redis is None else Redis(connection_pool=redis)
        self._without = without
        self._away_until = 0.0
        self._trouble = Trouble(log, over=over)

    async def ask(self, asking: Callable[[Redis], Awaitable[Told]]) -> Told | None:
        """Return what Redis says; None where there is none, or none that answers just now."""
        if self._redis is None or time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(REDIS_WITHIN_S):
                told = await asking(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + REDIS_AGAIN_S
            self._trouble.note(self._without, {"error": repr(error)})
            return None
        self._trouble.end()
        return told
