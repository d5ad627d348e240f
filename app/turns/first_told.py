"""When turns were first told of that have a name and tell no time: told again, they are of the same time.

Kept here for a day, or in Redis where several APIs share one. Where that is away or has forgotten, capture
still gives the rows of a turn its first time for an hour, whatever is answered here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.redis import REDIS_WITHIN_S
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

log = logging.getLogger(__name__)

KEPT_S = 24 * 60 * 60
#: Some 200 bytes each.
KEPT_MAX = 100_000
#: For how long Redis is left alone once it did not answer.
_AGAIN_S = 2.0


class FirstTold:
    """The first times of turns.

    Args:
        redis: where they are kept; None for here.
    """

    def __init__(self, redis: ConnectionPool | None) -> None:
        self._redis = None if redis is None else Redis(connection_pool=redis)
        self._known: dict[str, int] = {}
        self._away_until = 0.0
        self._trouble = Trouble(log, over="Redis tells again when turns were first told of")

    async def of(self, turn: str, now_ms: int) -> int:
        """Return when a turn was first told of, in ms since 1970: now, if it was not before."""
        known = self._known.pop(turn, None)
        if known is None or now_ms - known > KEPT_S * 1000:
            known = await self._shared(turn, now_ms)
            # Another may have asked of the same meanwhile.
            known = min(known, self._known.pop(turn, known))
        self._known[turn] = known
        if len(self._known) > KEPT_MAX:
            del self._known[next(iter(self._known))]
        return known

    async def _shared(self, turn: str, now_ms: int) -> int:
        if self._redis is None or time.monotonic() < self._away_until:
            return now_ms
        key = f"chatlog:turns:{sha256(turn.encode()).hexdigest()[:32]}"
        try:
            async with asyncio.timeout(REDIS_WITHIN_S):
                asked = self._redis.pipeline(transaction=True)
                asked.set(key, now_ms, nx=True, ex=KEPT_S)
                asked.get(key)
                _, first = await asked.execute()
            self._trouble.end()
            return int(first)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._away_until = time.monotonic() + _AGAIN_S
            self._trouble.note(
                "Redis does not tell when turns were first told of: each API knows only its own",
                {"error": repr(error)},
            )
            return now_ms
