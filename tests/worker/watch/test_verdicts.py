"""When a worker counts as live and as ready: the rules, over time."""

from dataclasses import replace

import pytest
from faust.types import TP

from app.worker.watch.lag import PartitionLag
from app.worker.watch.verdicts import (
    BELIEVED_S,
    OPEN_TOO_LONG_S,
    Facts,
    Held,
    Recovery,
    Stall,
    Waiting,
    Watchdog,
    liveness,
    readiness,
)
from tests.doctor.facts import WELL

MINE, ANOTHERS = TP("chat-log", 0), TP("chat-log", 1)
WAITS = replace(
    WELL, waiting=(Waiting("persist", 5.0, "PostgreSQL is down", "PostgreSQL is down: start it"),)
)
RESTORES = replace(WELL, recovery=Recovery(10, 20))


def lag(tp: TP = MINE, *, advanced_at: float = 0.0, committed: int = 5, end: int = 10) -> PartitionLag:
    return PartitionLag(tp, 0, end, committed, None, advanced_at)


def waiting(seconds: float) -> Waiting:
    return Waiting("persist", seconds, "PostgreSQL is down", "PostgreSQL is down: start it")


def watchdog() -> Watchdog:
    return Watchdog(stalled_after_s=60, settling_limit_s=100)


def test_a_partition_with_lag_whose_commit_does_not_move_stalls() -> None:
    dog = watchdog()
    dog.note(WELL, rebalances=1, now=1.0)

    assert dog.stalls([lag()], {MINE}, now=59.0) == ()
    assert dog.stalls([lag()], {MINE}, now=61.0) == (Stall("chat-log[0] has not moved from offset 5", 61.0),)


def test_a_partition_without_lag_does_not_stall() -> None:
    assert watchdog().stalls([lag(committed=10, end=10)], {MINE}, now=1_000.0) == ()


def test_a_partition_whose_commit_moves_does_not_stall() -> None:
    assert watchdog().stalls([lag(advanced_at=950.0)], {MINE}, now=1_000.0) == ()


def test_the_partition_of_another_worker_is_its_own_business() -> None:
    assert watchdog().stalls([lag(ANOTHERS)], {MINE}, now=1_000.0) == ()


@pytest.mark.parametrize(
    "excuse",
    [
        WAITS,
        RESTORES,
        replace(WELL, kafka_silent_s=20.0),
        replace(WELL, rebalancing=True),
        replace(WELL, was_assigned=False),
    ],
    ids=["waits", "restores", "kafka is down", "rebalances", "joins"],
)
def test_time_with_an_excuse_does_not_count(excuse: Facts) -> None:
    dog = watchdog()
    dog.note(excuse, rebalances=1, now=500.0)
    dog.note(WELL, rebalances=1, now=501.0)

    assert dog.stalls([lag()], {MINE}, now=559.0) == ()
    assert [stall.seconds for stall in dog.stalls([lag()], {MINE}, now=561.0)] == [61.0]


@pytest.mark.parametrize(
    "down",
    [replace(WELL, database_error="ConnectionRefusedError"), replace(WELL, kafka_silent_s=60.0)],
    ids=["database", "kafka"],
)
def test_a_service_that_is_down_for_hours_is_no_reason_to_restart(down: Facts) -> None:
    dog = watchdog()
    for second in range(10_000):
        dog.note(replace(down, waiting=(waiting(second),)), rebalances=1, now=float(second))

    assert dog.stalls([lag()], {MINE}, now=10_000.0) == ()


def test_a_part_that_waits_for_a_service_that_answers_others_is_restarted_in_the_end() -> None:
    dog = watchdog()
    stalled_from = None
    for second in range(1_000):
        dog.note(replace(WELL, waiting=(waiting(second),)), rebalances=1, now=float(second))
        if stalled_from is None and dog.stalls([lag()], {MINE}, now=float(second)):
            stalled_from = second

    assert stalled_from == BELIEVED_S + 61


def test_a_recovery_that_moves_is_given_all_the_time_it_takes() -> None:
    dog = watchdog()
    for second in range(1_000):
        dog.note(replace(WELL, recovery=Recovery(2_000 - second, 2_000)), rebalances=1, now=float(second))

    assert dog.stalls([], {MINE}, now=1_000.0) == ()


@pytest.mark.parametrize("state", [RESTORES, replace(WELL, rebalancing=True)], ids=["recovery", "rebalance"])
def test_a_recovery_or_a_rebalance_that_does_not_move_stalls(state: Facts) -> None:
    dog = watchdog()
    dog.note(WELL, rebalances=1, now=0.0)
    for second in range(1, 110):
        dog.note(state, rebalances=2, now=float(second))

    assert [stall.seconds for stall in dog.stalls([], {MINE}, now=110.0)] == [109.0]


def test_an_outage_while_joining_is_no_reason_to_restart() -> None:
    dog = watchdog()
    for second in range(1_000):
        dog.note(
            replace(WELL, was_assigned=False, kafka_silent_s=float(second)), rebalances=0, now=float(second)
        )

    assert dog.stalls([], set(), now=1_000.0) == ()


def test_what_stalls_is_told_with_its_partition() -> None:
    assert liveness([Stall("chat-log[3] has not moved from offset 7", 61.4)]).reasons == (
        "chat-log[3] has not moved from offset 7 for 61 s",
    )
    assert liveness([]).ok


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        (WELL, ()),
        (replace(WELL, was_assigned=False), ("no partitions yet: joining the consumer group",)),
        (replace(WELL, rebalancing=True), ("the group is rebalancing",)),
        (
            replace(WELL, rebalancing=True, recovery=Recovery(1_500, 20_000)),
            ("the state table is being restored: 1,500 of 20,000 records remain",),
        ),
        (replace(WELL, recovery=Recovery(0, 0)), ("the state table is being restored",)),
        (WAITS, ("persist has waited 5 s: PostgreSQL is down",)),
        (replace(WELL, kafka_silent_s=16.2), ("Kafka has not answered for 16 s",)),
        (replace(WELL, database_error="OSError"), ("PostgreSQL cannot be used: OSError",)),
    ],
)
def test_readiness_gives_its_reasons(facts: Facts, reasons: tuple[str, ...]) -> None:
    verdict = readiness(facts)

    assert verdict.reasons == reasons
    assert verdict.ok is (not reasons)


def test_an_open_transaction_of_a_producer_is_a_reason_when_it_lasts_and_none_to_restart() -> None:
    def held(seconds: float) -> Facts:
        return replace(WELL, held=(Held(MINE, 1_234, seconds),))

    assert readiness(held(OPEN_TOO_LONG_S - 1)).ok
    (reason,) = readiness(held(61)).reasons
    assert "transaction on chat-log[0] has been open for 61 s: 1,234 records behind it" in reason


def test_a_group_that_refuses_the_worker_is_a_reason_and_none_to_restart() -> None:
    refused = replace(WELL, was_assigned=False, joining_trouble="another kind of consumer is in it")
    assert readiness(refused).reasons == (
        "the consumer group does not let the worker in: another kind of consumer is in it",
    )
    dog = watchdog()
    for second in range(2_000):
        dog.note(refused, 0, float(second))
    assert dog.stalls([], set(), 2_000.0) == ()
