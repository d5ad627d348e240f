"""Redis, which several APIs share. What is in it may be lost.

It may be away: nobody waits long for it, and what it would have told is gone without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool

if TYPE_CHECKING:
    from app.settings.limits import LimitSettings

#: How long a request waits for Redis.
REDIS_WITHIN_S = 0.2
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
