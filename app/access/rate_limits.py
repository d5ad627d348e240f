"""How much anybody may ask: counted by caller and by address, here or in a Redis that several APIs share.

What limits are is the library's matter (`limits`: sliding windows). Which routes are limited, is
`app.access.limited_routes`'. A Redis that is away costs limits, not answers: nothing is counted until it is
back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Any, cast

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from prometheus_client import Counter

from app.access.client_address import network_of
from app.errors import AppError, ErrorAnswer
from app.redis import REDIS_AGAIN_S, REDIS_WITHIN_S
from models.errors import MustAct
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from redis.asyncio import ConnectionPool

    from models.access import Caller

log = logging.getLogger(__name__)

CALLER, ADDRESS = "caller", "address"


@dataclass(frozen=True, slots=True)
class LimitStanding:
    """How far somebody is with a limit.

    Attributes:
        limit: how many requests a window has.
        remaining: how many are left.
        resets_at: when there are more again, in seconds since 1970.
    """

    limit: int
    remaining: int
    resets_at: float

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says of it."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(ceil(self.resets_at)),
        }


class TooManyRequests(AppError):
    """A caller, or whoever asks from an address, asks more than they may: they wait, and ask again."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=1)

    def __init__(self, by: str, standing: LimitStanding, now: float) -> None:
        wait_s = max(1, ceil(standing.resets_at - now))
        super().__init__(f"Too many requests of this {by}: ask again in {wait_s} s.")
        self.answer = replace(self.answer, retry_after_s=wait_s, headers=standing.headers)


class LimitCounters:
    """Counts what became of requests that are limited.

    Attributes:
        refused: those that were too many.
        uncounted: those that were let through uncounted.

    Args:
        registry: what is asked for the figures.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter(
            "chatlog_api_rate_limited", "Requests that were too many", ["by"], registry=registry
        )
        self.uncounted = Counter(
            "chatlog_api_rate_limits_not_counted",
            "Requests that were let through uncounted, as Redis does not answer",
            registry=registry,
        )
        for by in (CALLER, ADDRESS):
            self.refused.labels(by)


class RateLimits:
    """Counts requests, and refuses those that are too many.

    Args:
        amounts: how many of each caller, and of each address; None for no limit.
        redis: where they are counted; None for here.
        counters: of what becomes of them.
        of: of what they are, so that others are counted apart.
    """

    def __init__(
        self,
        amounts: tuple[str | None, str | None],
        redis: ConnectionPool | None,
        counters: LimitCounters,
        of: str = "",
    ) -> None:
        of_callers, of_addresses = amounts
        self._of_callers = _amounts(of_callers)
        self._of_addresses = _amounts(of_addresses)
        self._within_s = None if redis is None else REDIS_WITHIN_S
        self._limiter = SlidingWindowCounterRateLimiter(
            MemoryStorage()
            if redis is None
            else RedisStorage(
                "async+redis://",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix=f"chatlog:limits{of}",
                # Its options are said to be plain values.
                connection_pool=cast("Any", redis),
            )
        )
        self._away_until = 0.0
        self._trouble = Trouble(log, over="Redis counts requests again")
        self._refused, self._uncounted = counters.refused, counters.uncounted

    async def count(self, caller: Caller, address: str | None) -> LimitStanding | None:
        """Count a request: as `count_address` does, then as `count_caller` does."""
        await self.count_address(address)
        return await self.count_caller(caller)

    async def count_address(self, address: str | None) -> None:
        """Count a request by where it comes from.

        Args:
            address: as far as that is known; of IPv6, its /64 counts as one.

        Raises:
            TooManyRequests: it is one too many.
        """
        network = None if address is None else network_of(address, ipv4_bits=32, ipv6_bits=64)
        if network is not None:
            await self._count(self._of_addresses, ADDRESS, network)

    async def count_caller(self, caller: Caller) -> LimitStanding | None:
        """Count a request by who asks; return how far they are with the limit that has least left.

        Returns:
            None where callers have no limit, or where nothing could be counted.

        Raises:
            TooManyRequests: it is one too many.
        """
        return await self._count(self._of_callers, CALLER, f"{caller.tenant} {caller.email}")

    async def _count(self, amounts: list[RateLimitItem], by: str, who: str) -> LimitStanding | None:
        if not amounts:
            return None
        if time.monotonic() < self._away_until:
            self._note_uncounted(by)
            return None
        try:
            async with asyncio.timeout(self._within_s):
                standing = await self._hit(amounts, by, who)
        except (StorageError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + REDIS_AGAIN_S
            self._note_uncounted(by)
            self._trouble.note(
                "Redis does not count requests: they are let through without a limit",
                {"error": repr(error)},
            )
            return None
        self._trouble.end()
        return standing

    def _note_uncounted(self, by: str) -> None:
        # Once a request: that of an address is not let through yet.
        if by == CALLER:
            self._uncounted.inc()

    async def _hit(self, amounts: list[RateLimitItem], by: str, who: str) -> LimitStanding | None:
        least: LimitStanding | None = None
        for item in amounts:
            is_within = await self._limiter.hit(item, by, who)
            if is_within and by == ADDRESS:
                # Others may be behind it: answers tell callers of their own limit alone.
                continue
            window = await self._limiter.get_window_stats(item, by, who)
            standing = LimitStanding(item.amount, window.remaining if is_within else 0, window.reset_time)
            if not is_within:
                self._refused.labels(by).inc()
                raise TooManyRequests(by, standing, time.time())
            if least is None or standing.remaining < least.remaining:
                least = standing
        return least


def _amounts(written: str | None) -> list[RateLimitItem]:
    return [] if written is None else parse_many(written)
