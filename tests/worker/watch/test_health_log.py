"""What the log tells of a worker's health: news once, what lasts now and then."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.worker.watch.health_log import WORTH_A_LINE_S, HealthLog
from app.worker.watch.verdicts import Facts, Recovery, Waiting
from sinks.trouble import REPEAT_EVERY_S
from tests.doctor.facts import WELL

if TYPE_CHECKING:
    from collections.abc import Callable

NO_DATABASE = replace(WELL, database_error="TimeoutError")


@pytest.fixture
def health_log(caplog: pytest.LogCaptureFixture) -> HealthLog:
    caplog.set_level(logging.INFO, "app.worker.watch.health_log")
    return HealthLog()


def watch(health_log: HealthLog, facts: Callable[[int], Facts], seconds: int, *, since: int = 0) -> None:
    for second in range(since, since + seconds):
        health_log.note(facts(second), rebalances=1, partitions=4, now=float(second))


def test_each_rebalance_is_one_line_with_the_partitions(
    health_log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    health_log.note(replace(WELL, was_assigned=False), rebalances=0, partitions=0, now=0)
    health_log.note(replace(WELL, rebalancing=True), rebalances=1, partitions=0, now=1)
    health_log.note(WELL, rebalances=1, partitions=8, now=2)
    health_log.note(WELL, rebalances=1, partitions=8, now=3)
    health_log.note(WELL, rebalances=2, partitions=4, now=4)

    assert caplog.messages == ["The group has given out its partitions"] * 2
    assert [record.__dict__["partitions"] for record in caplog.records] == [8, 4]


def test_a_table_that_was_restored_is_one_line_with_the_figures(
    health_log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    watch(health_log, lambda second: replace(WELL, recovery=Recovery(500 - 100 * second, 500)), 5)
    watch(health_log, lambda _: WELL, 5, since=5)

    told = [record for record in caplog.records if record.message == "The state table is restored"]
    assert [(record.__dict__["records"], record.__dict__["seconds"]) for record in told] == [(500, 5.0)]


def test_a_short_time_of_not_being_ready_is_not_told(
    health_log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    watch(health_log, lambda _: NO_DATABASE, int(WORTH_A_LINE_S))
    watch(health_log, lambda _: WELL, 5, since=int(WORTH_A_LINE_S))

    assert caplog.messages == ["The group has given out its partitions"]


def test_an_outage_is_told_with_its_reasons_now_and_then_and_at_its_end(
    health_log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    watch(health_log, lambda _: NO_DATABASE, 100)
    watch(health_log, lambda _: WELL, 5, since=100)

    told = caplog.records[1:]
    assert [record.levelname for record in told] == ["WARNING"] * 3 + ["INFO"]
    assert [record.__dict__["seconds"] for record in told[:3]] == [10, 10 + REPEAT_EVERY_S, 70]
    assert told[0].__dict__["reasons"] == ["PostgreSQL cannot be used: TimeoutError"]
    assert told[-1].message == "The worker is ready again"


def test_what_a_part_waits_for_is_left_to_that_part(
    health_log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = (Waiting("persist", 5.0, "PostgreSQL is down", "PostgreSQL is down: start it"),)
    watch(health_log, lambda _: replace(NO_DATABASE, waiting=waiting), 100)
    # The part has got through again; the probe asks only every few seconds.
    watch(health_log, lambda _: NO_DATABASE, 5, since=100)
    watch(health_log, lambda _: WELL, 5, since=105)

    assert caplog.messages == ["The group has given out its partitions"]


def test_a_recovery_that_takes_long_is_no_warning(
    health_log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    watch(health_log, lambda second: replace(WELL, recovery=Recovery(5_000 - second, 5_000)), 50)

    told = caplog.records[1:]
    assert [record.levelname for record in told] == ["INFO", "INFO"]
    assert "4,990 of 5,000 records remain" in told[0].__dict__["reasons"][0]
