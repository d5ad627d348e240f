"""Waiting for a service: without end, with backoff, and without a flood of reports."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from models.errors import BadRecord, Reason
from sinks import retry
from sinks.errors import CannotGoOn, ServiceDown
from sinks.retry import FIRST_WAIT_S, LONGEST_WAIT_S, RetryPolicy
from sinks.trouble import BRIEF_S, REPEAT_EVERY_S
from tests import virtual_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Service:
    """Is down until a time, and notes when it was asked."""

    def __init__(self, back_at_s: float) -> None:
        self.back_at_s = back_at_s
        self.asked_at: list[float] = []

    async def ask(self) -> str:
        self.asked_at.append(virtual_time.now())
        if virtual_time.now() < self.back_at_s:
            raise ServiceDown("it is away")
        return "answer"


@pytest.fixture(autouse=True)
def _clock_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=virtual_time.now))


def test_what_works_at_once_is_not_a_retry(caplog: pytest.LogCaptureFixture) -> None:
    policy = RetryPolicy("test")
    with caplog.at_level(logging.INFO):
        assert virtual_time.run(policy.run(Service(0).ask)) == "answer"
    assert (policy.retries, policy.last_error, policy.waiting_since) == (0, None, None)
    assert caplog.records == []


def test_it_is_tried_again_until_the_service_is_back_with_bounded_waits() -> None:
    policy, service = RetryPolicy("test"), Service(back_at_s=120)

    assert virtual_time.run(policy.run(service.ask)) == "answer"

    waits = [later - sooner for sooner, later in zip(service.asked_at, service.asked_at[1:], strict=False)]
    assert FIRST_WAIT_S <= waits[0] <= 2 * FIRST_WAIT_S + 1e-9
    assert all(waits[number] > waits[number - 1] for number in range(1, 5))
    assert max(waits) <= LONGEST_WAIT_S + FIRST_WAIT_S
    assert service.asked_at[-1] < 120 + LONGEST_WAIT_S + FIRST_WAIT_S
    assert policy.retries == len(waits)
    assert policy.last_error == "it is away"
    assert policy.waiting_since is None


@pytest.mark.parametrize(
    "error",
    [BadRecord(Reason.REJECTED_BY_DATABASE, "bad"), CannotGoOn("stop"), KeyError("bug")],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_is_the_callers_at_once(error: Exception) -> None:
    policy = RetryPolicy("test")

    async def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        virtual_time.run(policy.run(fail))
    assert policy.retries == 0


def test_an_outage_is_reported_once_then_every_half_minute_and_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy, service = RetryPolicy("persist"), Service(back_at_s=100)

    with caplog.at_level(logging.INFO):
        virtual_time.run(policy.run(service.ask))

    waiting, back = caplog.records[:-1], caplog.records[-1]
    assert [record.levelname for record in waiting] == ["WARNING"] * 4
    assert {record.__dict__["part"] for record in caplog.records} == {"persist"}
    assert {record.__dict__["error"] for record in waiting} == {"it is away"}
    for number, record in enumerate(waiting):
        earliest = REPEAT_EVERY_S * number
        assert earliest <= record.__dict__["waiting_s"] <= earliest + number * (LONGEST_WAIT_S + FIRST_WAIT_S)
    assert back.levelname == "INFO"
    assert back.__dict__["waited_s"] >= 100


def test_many_who_wait_for_one_service_report_as_one(caplog: pytest.LogCaptureFixture) -> None:
    policy, service = RetryPolicy("capture"), Service(back_at_s=20)

    async def all_partitions() -> None:
        await asyncio.gather(*(policy.run(service.ask) for _ in range(12)))

    with caplog.at_level(logging.INFO):
        virtual_time.run(all_partitions())

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert policy.waiting_since is None


def test_it_waits_as_long_as_anyone_waits(caplog: pytest.LogCaptureFixture) -> None:
    """One batch may get through while another still waits, for a lock."""
    policy = RetryPolicy("persist")

    async def test() -> None:
        stuck = asyncio.create_task(policy.run(Service(back_at_s=25).ask))
        await asyncio.sleep(5)
        began = policy.waiting_since
        for _ in range(10):
            await policy.run(Service(0).ask)
            assert policy.waiting_since == began
            await asyncio.sleep(1)
        await stuck
        assert policy.waiting_since is None

    with caplog.at_level(logging.INFO):
        virtual_time.run(test())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_nobody_waits_any_more_once_the_work_was_cancelled_or_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker whose partitions were taken away while it waited must not say that it waits for ever."""
    policy = RetryPolicy("persist")

    async def fails_later() -> None:
        raise ServiceDown("away") if virtual_time.now() < 1 else CannotGoOn("stop")

    async def test(work: Callable[[], Awaitable[object]], gives_up_after_s: float) -> None:
        waiting = asyncio.create_task(policy.run(work))
        await asyncio.wait({waiting}, timeout=0.05)
        assert policy.waiting_since == 0
        await asyncio.wait({waiting}, timeout=gives_up_after_s)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert policy.waiting_since is None

    with caplog.at_level(logging.INFO):
        virtual_time.run(test(Service(back_at_s=1e9).ask, 3))
        virtual_time.run(test(fails_later, 100))
    assert "The service is back" not in caplog.messages


def test_cancelling_works_at_once() -> None:
    policy = RetryPolicy("test")

    async def test() -> float:
        waiting = asyncio.create_task(policy.run(Service(back_at_s=1e9).ask))
        await asyncio.sleep(60)
        waiting.cancel()
        await asyncio.wait({waiting})
        return virtual_time.now()

    assert virtual_time.run(test()) == 60


def test_a_second_outage_that_lasts_is_reported_anew(caplog: pytest.LogCaptureFixture) -> None:
    policy = RetryPolicy("test")

    async def test() -> None:
        await policy.run(Service(back_at_s=3).ask)
        await policy.run(Service(back_at_s=virtual_time.now() + 15).ask)

    with caplog.at_level(logging.INFO):
        virtual_time.run(test())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING", "INFO"]
    second = caplog.records[2].__dict__["waiting_s"]
    assert BRIEF_S <= second <= BRIEF_S + LONGEST_WAIT_S + FIRST_WAIT_S


def test_a_service_that_fails_for_a_moment_again_and_again_is_no_flood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two writers that deadlock every second, for hours."""
    policy = RetryPolicy("test")

    async def test() -> None:
        while virtual_time.now() < 300:
            await policy.run(Service(back_at_s=virtual_time.now() + 0.05).ask)
            await asyncio.sleep(1)

    with caplog.at_level(logging.INFO):
        virtual_time.run(test())
    assert policy.retries > 200
    assert 9 <= [record.levelname for record in caplog.records].count("WARNING") <= 11
    assert len(caplog.records) <= 22


def test_the_reason_is_what_comes_before_the_details() -> None:
    policy = RetryPolicy("test")
    assert policy.reason is None

    policy.last_error = "PostgreSQL cannot be reached (OSError): start it; 10.0.0.1: no route"
    assert policy.reason == "PostgreSQL cannot be reached (OSError)"
