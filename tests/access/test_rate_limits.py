"""Who asks too much waits; whoever counts may be away, and then nobody does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from app.access.rate_limits import LimitCounters, RateLimits, TooManyRequests
from app.redis import redis_pool
from app.settings.limits import LimitSettings
from models.access import Caller
from tests.services import eventually

if TYPE_CHECKING:
    from tests.services import RedisServer

ANA, BEN = Caller("ana@example.org"), Caller("ben@example.org")
HERE, THERE = "203.0.113.1", "203.0.113.2"


def limits_of(caller: str | None = "3/minute", address: str | None = None, **more: Any) -> RateLimits:
    settings = LimitSettings(rate_limit_caller=caller, rate_limit_address=address, **more)
    return RateLimits(settings.of_turns, redis_pool(settings), LimitCounters(CollectorRegistry()))


async def let_through(limits: RateLimits, caller: Caller, address: str | None = None, times: int = 9) -> int:
    """Return how many of so many requests are answered."""
    for number in range(times):
        try:
            await limits.count(caller, address)
        except TooManyRequests:
            return number
    return times


async def test_a_caller_is_told_how_far_they_are_and_when_to_come_again() -> None:
    limits = limits_of()
    standings = [await limits.count(ANA, HERE) for _ in range(3)]

    with pytest.raises(TooManyRequests, match="caller: ask again in") as refused:
        await limits.count(ANA, THERE)

    assert [one and (one.limit, one.remaining) for one in standings] == [(3, 2), (3, 1), (3, 0)]
    answer = refused.value.answer
    assert answer.status == 429
    assert answer.retry_after_s is not None
    assert 1 <= answer.retry_after_s <= 120
    assert answer.headers["X-RateLimit-Limit"] == "3"
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert time.time() - 1 <= int(answer.headers["X-RateLimit-Reset"]) <= time.time() + 121
    assert await let_through(limits, BEN) == 3, "others are not kept out by it"
    assert await let_through(limits, Caller(ANA.email, "acme")) == 3, "nor those of another tenant"


@pytest.mark.parametrize(
    ("amounts", "one", "other", "answered"),
    [
        ("3/minute", HERE, HERE, 3),
        ("3/minute", HERE, THERE, 6),
        ("3/minute", "2001:db8::1", "2001:db8::2", 3),
        ("3/minute", "2001:db8::1", "2001:db8:0:1::1", 6),
        ("3/minute", None, None, 10),
        (None, HERE, HERE, 10),
    ],
)
async def test_an_address_is_limited_whoever_asks(
    amounts: str | None, one: str | None, other: str | None, answered: int
) -> None:
    limits = limits_of(None, amounts)
    asked = [(ANA, one), (BEN, other)] * 5

    assert sum([await let_through(limits, who, where, 1) for who, where in asked]) == answered


async def test_of_several_amounts_the_tightest_is_told() -> None:
    limits = limits_of("100/second;3/hour")
    standing = await limits.count(ANA, HERE)

    assert standing is not None
    assert (standing.limit, standing.remaining) == (3, 2)
    assert await let_through(limits, ANA) == 2


async def test_apis_that_share_a_redis_count_together(redis: RedisServer) -> None:
    one, other = (limits_of("4/minute", redis_url=SecretStr(redis.url)) for _ in range(2))

    assert await let_through(one, ANA, times=2) == 2
    assert await let_through(other, ANA) == 2
    assert await let_through(one, BEN) == 4


async def test_a_redis_that_is_away_costs_limits_and_no_answers(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    limits = limits_of("3/minute", redis_url=SecretStr(redis.url))
    caplog.set_level("INFO")
    assert await let_through(limits, ANA) == 3
    await redis.kill()

    began = time.monotonic()
    answered = await let_through(limits, ANA, times=500)
    took_s = time.monotonic() - began
    await redis.start()

    async def counts_again() -> bool:
        return await let_through(limits, ANA) < 9

    await eventually(counts_again)
    assert (answered, took_s < 5) == (500, True), took_s
    assert [record.message for record in caplog.records if record.name == "app.access.rate_limits"] == [
        "Redis does not count requests: they are let through without a limit",
        "Redis counts requests again",
    ]
    assert limits._uncounted._value.get() >= 500
