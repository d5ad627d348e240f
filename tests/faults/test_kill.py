"""Workers that are killed in the middle of the work: every message is a row, once, with its own state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settings import Role
from app.topics import topics_of
from tests.app.looking import ready
from tests.conversations import conversations
from tests.faults.cluster import committed
from tests.faults.joined import assert_joined_as_expected, contradictions, entries_are_at_least, entries_in
from tests.faults.ledger import Ledger, entries, events_and_states
from tests.faults.locking import chat_log_locked
from tests.faults.messages import events_of, states_of
from tests.services import eventually
from tests.workers import count

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import Workers

MESSAGES = 20_000


async def test_one_of_two_persist_workers_is_killed(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger = Ledger(system)
    with fault_report("kill -9 of one of two persist workers", ledger) as fault:
        await ledger.produce(topics_of(system).chat_log.name, entries(MESSAGES, "k"))
        workers.start(Role.PERSIST)
        victim = workers.start(Role.PERSIST)
        await eventually(lambda: rows_between(system, 500, MESSAGES), 60, "both workers are at work")
        victim.kill()
        fault.over()
        await ledger.settle(90)


async def test_a_persist_worker_is_killed_while_its_batch_is_being_written(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, victim = Ledger(system), workers.start(Role.PERSIST)
    topic = topics_of(system).chat_log.name
    with fault_report("kill -9 of a persist worker while its batches are being written", ledger) as fault:
        await ready(victim)
        async with chat_log_locked(system) as lock:
            await ledger.produce(topic, entries(MESSAGES // 4, "b"))
            await lock.holds_up_a_write()
            victim.kill()
            assert sum((await committed(system, system.persist_group, topic)).values()) == 0
        # PostgreSQL goes on to write what the dead worker sent, beside the one that reads it again.
        workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle(60)


async def test_a_capture_worker_is_killed_in_the_middle(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    said = conversations(users=MESSAGES // 20, turns=10)
    ledger, topics = Ledger(system), topics_of(system)
    with fault_report("kill -9 of one of two capture workers", ledger) as fault:
        await ledger.produce(topics.state.name, states_of(said))
        await ledger.produce(topics.events.name, events_of(said))
        workers.start(Role.PERSIST)
        workers.start(Role.CAPTURE)
        victim = workers.start(Role.CAPTURE)
        await eventually(lambda: rows_between(system, 500, MESSAGES), 60, "both workers are at work")
        victim.kill()
        fault.over()
        await ledger.settle(90)

    await assert_joined_as_expected(system, said)


async def test_a_capture_worker_is_killed_between_produce_and_commit(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    events, states = events_and_states(MESSAGES // 2, "c")
    ledger, topics = Ledger(system), topics_of(system)
    # So long that nothing is committed before the end.
    late = system.model_copy(update={"commit_interval_s": 60.0})
    victim = workers.start(Role.CAPTURE, late)
    with fault_report("kill -9 of capture between produce and commit", ledger) as fault:
        await ready(victim)
        await ledger.produce(topics.state.name, states)
        await ledger.produce(topics.events.name, events)
        await eventually(lambda: entries_are_at_least(system, len(events)), 60)
        victim.kill()
        assert sum((await committed(system, system.capture_group, topics.events.name)).values()) == 0
        workers.start(Role.CAPTURE, late)
        fault.over()
        await eventually(lambda: entries_are_at_least(system, 2 * len(events)), 60, "all is produced again")
        workers.start(Role.PERSIST)
        await ledger.settle(60)

    assert await entries_in(system) == 2 * len(events)
    assert await contradictions(system) == []


async def rows_between(system: Settings, low: int, high: int) -> bool:
    return low <= await count(system) < high
