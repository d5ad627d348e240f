"""When a session may be begun: so many shards at once in five seconds, and so many sessions in a day.

https://docs.discord.com/developers/events/gateway (rate limits of identifying): a bot that begins too many
has its token reset. To take up a session is free.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict

import msgspec

log = logging.getLogger(__name__)

#: Between two sessions that are begun in one bucket, with something for the way.
APART_S = 5.5


class SessionStartLimit(msgspec.Struct, frozen=True):
    """How many sessions may be begun: `remaining` in the next `reset_after` ms, `max_concurrency` at once."""

    remaining: int
    reset_after: int
    max_concurrency: int = 1


class GatewayForBots(msgspec.Struct, frozen=True):
    """Where the gateway is, and how many shards Discord recommends."""

    url: str
    shards: int
    session_start_limit: SessionStartLimit


class SessionTurns:
    """Lets shards begin their sessions one after another.

    Args:
        limit: as Discord told it.
    """

    def __init__(self, limit: SessionStartLimit) -> None:
        self._buckets = max(limit.max_concurrency, 1)
        self._left = limit.remaining
        self._reset_at = time.monotonic() + limit.reset_after / 1000
        self._not_before: defaultdict[int, float] = defaultdict(float)
        self._turn: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, shard: int) -> None:
        """Return when a shard may begin a session."""
        bucket = shard % self._buckets
        async with self._turn[bucket]:
            if self._left <= 0 and (wait_s := self._reset_at - time.monotonic()) > 0:
                log.warning("Discord allows no more sessions for now", extra={"wait_s": round(wait_s)})
                await asyncio.sleep(wait_s)
            await asyncio.sleep(self._not_before[bucket] - time.monotonic())
            self._left -= 1
            self._not_before[bucket] = time.monotonic() + APART_S
