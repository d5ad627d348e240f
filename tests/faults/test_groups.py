"""Workers that join, leave, or are taken for dead and come back: partitions move, and nothing is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.conversations import conversations
from tests.faults.cluster import ends, everything_is_committed
from tests.faults.joined import assert_joined_as_expected
from tests.faults.ledger import Ledger, entries, events_and_states
from tests.faults.locking import chat_log_locked
from tests.faults.messages import events_of, states_of
from tests.looking import ready
from tests.services import changed, eventually

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import Workers

MESSAGES = 20_000
#: What a worker says each time that its group has come to terms.
GIVEN_OUT = "The group has given out its partitions"
JOINS = 5


@pytest.mark.long
async def test_workers_join_and_leave_under_load(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topics = Ledger(system), topics_of(system.topology)
    workers.start(Role.PERSIST)
    workers.start(Role.CAPTURE)
    statuses = []
    with fault_report(f"a worker of each role joins and leaves under load, {JOINS} times", ledger) as fault:
        for number in range(JOINS):
            passers_by = [workers.start(Role.CAPTURE), workers.start(Role.PERSIST)]
            events, states = events_and_states(MESSAGES // JOINS, f"{number}-")
            await ledger.produce(topics.state.name, states)
            await ledger.produce(topics.events.name, events)
            for worker in passers_by:
                await ready(worker)
            statuses += await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in passers_by))
        fault.over()
        await ledger.settle()

    assert statuses == [0] * 2 * JOINS


@pytest.mark.long
async def test_a_persist_worker_sleeps_until_others_have_its_partitions_and_wakes_up(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    sleeper = workers.start(Role.PERSIST)
    with fault_report("persist is frozen beyond its session, and wakes up", ledger) as fault:
        await ready(sleeper)
        async with chat_log_locked(system) as lock:
            await ledger.produce(topic, entries(MESSAGES, "f"))
            await lock.holds_up_a_write()
            sleeper.freeze()
        workers.start(Role.PERSIST)
        await ledger.settle()
        # Now it hears that its batches are written, and acknowledges them.
        sleeper.thaw()
        fault.over()
        await ledger.produce(topic, entries(MESSAGES // 10, "after"))
        await ready(sleeper)
        await ledger.settle()
        # An offset that the sleeper had in mind would set the group back, or beyond what was done.
        await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))
        assert sleeper.stop() == 0


@pytest.mark.long
async def test_a_capture_worker_sleeps_until_others_have_its_partitions_and_wakes_up(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    """What it writes when it wakes up must not put back what others know of the users since."""
    said = conversations(users=MESSAGES // 40, turns=20)
    half, before_the_last_word = len(said.events) // 2, len(said.events) - 2_000
    events, states = events_of(said), states_of(said)
    ledger, topics = Ledger(system), topics_of(system.topology)
    # Small chunks, so that it has many in hand when it falls asleep.
    small = changed(system, chunk_max_records=20)
    with fault_report("capture is frozen beyond its session, and wakes up", ledger) as fault:
        await ledger.produce(topics.state.name, states[:half])
        await ledger.produce(topics.events.name, events[:half])
        sleeper = workers.start(Role.CAPTURE, small)
        await eventually(lambda: states_are_logged(system, half // 4))
        sleeper.freeze()
        # However far it came, what it knows of the users is old from now on.
        await ledger.produce(topics.state.name, states[half:])
        await ledger.produce(topics.events.name, events[half:before_the_last_word])
        given_out = sleeper.log.read_text().count(GIVEN_OUT)
        workers.start(Role.PERSIST)
        successor = workers.start(Role.CAPTURE)
        await ledger.settle()
        sleeper.thaw()
        fault.over()
        await eventually(lambda: sleeper.log.read_text().count(GIVEN_OUT) > given_out)
        await ready(sleeper)
        # Whoever takes over now, the sleeper among them, knows of the states what the changelog tells.
        successor.kill()
        workers.start(Role.CAPTURE)
        await ledger.produce(topics.events.name, events[before_the_last_word:])
        await ledger.settle()

    await assert_joined_as_expected(system, said)


async def states_are_logged(system: Settings, number: int) -> bool:
    """Tell whether so much is in the changelog; it has somewhat less records, as a chunk's are merged."""
    return sum((await ends(system, topics_of(system.topology).state_changelog.name)).values()) >= number
