"""Workers that are killed in the middle of the work: every message is a row, once, with its own state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from models.partitioners import Partitioner, partition_of
from tests.conversations import START_MS, Conversations, conversations
from tests.faults.cluster import committed
from tests.faults.joined import assert_joined_as_expected, contradictions, entries_are_at_least, entries_in
from tests.faults.ledger import Ledger, entries, events_and_states
from tests.faults.load import under_load
from tests.faults.locking import chat_log_locked
from tests.faults.messages import events_of, states_of
from tests.looking import metrics, ready
from tests.services import changed, eventually

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.messages import Message
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

MESSAGES = 20_000


async def test_one_of_two_persist_workers_is_killed(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    with fault_report("kill -9 of one of two persist workers", ledger) as fault:
        both = [workers.start(Role.PERSIST) for _ in range(2)]
        for worker in both:
            await ready(worker)
        await ledger.produce(topic, entries(MESSAGES, "k"))
        async with under_load(lambda number: ledger.produce(topic, entries(500, f"{number}-"))):
            await eventually(lambda: each_has(both, "chatlog_rows_total"))
            both[1].kill()
            fault.over()
        await ledger.settle()


async def test_a_persist_worker_is_killed_while_its_batch_is_being_written(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, victim = Ledger(system), workers.start(Role.PERSIST)
    topic = topics_of(system.topology).chat_log.name
    with fault_report("kill -9 of a persist worker while its batches are being written", ledger) as fault:
        await ready(victim)
        async with chat_log_locked(system) as lock:
            await ledger.produce(topic, entries(MESSAGES // 4, "b"))
            await lock.holds_up_a_write()
            victim.kill()
            assert sum((await committed(system, groups_of(system.topology).persist, topic)).values()) == 0
        # PostgreSQL goes on to write what the dead worker sent, beside the one that reads it again.
        workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()


@pytest.mark.parametrize("states_by", [Partitioner.MURMUR2, Partitioner.CRC32], ids=["alike", "unlike"])
async def test_a_capture_worker_is_killed_in_the_middle(
    system: Settings, workers: Workers, fault_report: FaultReport, states_by: Partitioner
) -> None:
    said: list[Conversations] = []
    ledger, topics = Ledger(system), topics_of(system.topology)

    def placed(state: Message) -> Message:
        return replace(
            state, partition=partition_of(states_by, state.key or b"", system.topology.topic_partitions)
        )

    async def talk(number: int, users: int = 25) -> None:
        # Each after those before it, as in life: else its events would not wait for its states.
        start_ms = START_MS + number * 10 * 60_000
        said.append(conversations(users=users, turns=10, tag=f"{number}-", start_ms=start_ms))
        await ledger.produce(topics.state.name, map(placed, states_of(said[-1])))
        await ledger.produce(topics.events.name, events_of(said[-1]))

    what = f"kill -9 of one of two capture workers, states partitioned by {states_by}"
    with fault_report(what, ledger) as fault:
        workers.start(Role.PERSIST)
        both = [workers.start(Role.CAPTURE) for _ in range(2)]
        for worker in both:
            await ready(worker)
        await talk(0, MESSAGES // 20)
        async with under_load(lambda number: talk(number + 1)):
            await eventually(lambda: each_has(both, "chatlog_entries_total"))
            both[1].kill()
            fault.over()
        await ledger.settle()

    await assert_joined_as_expected(system, *said)
    assert await contradictions(system) == []


async def test_a_capture_worker_is_killed_between_produce_and_commit(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    events, states = events_and_states(MESSAGES // 2, "c")
    ledger, topics = Ledger(system), topics_of(system.topology)
    # So long that nothing is committed before the end.
    late = changed(system, commit_interval_s=60.0)
    with fault_report("kill -9 of capture between produce and commit", ledger) as fault:
        await ledger.produce(topics.state.name, states)
        await ledger.produce(topics.events.name, events)
        victim = workers.start(Role.CAPTURE, late)
        await eventually(lambda: entries_are_at_least(system, len(events)))
        victim.kill()
        assert (
            sum((await committed(system, groups_of(system.topology).capture, topics.events.name)).values())
            == 0
        )
        workers.start(Role.CAPTURE, late)
        fault.over()
        await eventually(lambda: entries_are_at_least(system, 2 * len(events)), what="all is produced again")
        workers.start(Role.PERSIST)
        await ledger.settle()

    assert await entries_in(system) == 2 * len(events)
    assert await contradictions(system) == []


async def each_has(workers: list[WorkerProcess], metric: str) -> bool:
    """Tell whether none of the workers is without its part in what they do."""
    return all([(await metrics(worker))[metric][()] > 0 for worker in workers])
