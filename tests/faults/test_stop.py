"""Workers that are told to stop under load: they end in time and in order, and what they did is committed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from app.stream.transport import CHUNKS_IN_FLIGHT_PER_PARTITION
from tests.faults.cluster import committed, ends
from tests.faults.joined import entries_are_at_least, entries_in
from tests.faults.ledger import Ledger, entries, events_and_states
from tests.faults.load import under_load
from tests.faults.locking import chat_log_locked
from tests.looking import ready
from tests.services import changed, eventually
from tests.workers import STOPS_WITHIN_S, count, rows_of

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

MESSAGES = 20_000
#: Small, so that what is in flight is done within the grace that a stop gives it, also on a busy machine.
SMALL_CHUNK = 100


async def test_persist_stops_under_load_with_all_it_wrote_committed(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    small = changed(system, chunk_max_records=SMALL_CHUNK)
    worker = workers.start(Role.PERSIST, small)
    with fault_report("SIGTERM of persist under load", ledger) as fault:
        await ready(worker)
        await ledger.produce(topic, entries(MESSAGES, "s"))
        await eventually(lambda: rows_are_at_least(system, 500), what="the worker writes")
        async with under_load(lambda number: ledger.produce(topic, entries(500, f"{number}-"))):
            await stops_in_time(worker)
        done = ledger.rows_before(topic, await committed(system, groups_of(system.topology).persist, topic))
        written = set(await rows_of(system))
        assert 500 <= len(written) < ledger.messages(), "the worker was not stopped in the middle"
        assert done <= written, "more is committed than is written"
        assert written <= done, "what is written is not committed, and will be read again"
        fault.over()
        workers.start(Role.PERSIST)
        await ledger.settle()


async def test_capture_stops_under_load_with_no_more_committed_than_is_produced(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topics = Ledger(system), topics_of(system.topology)

    async def produce(messages: int, tag: str) -> None:
        events, states = events_and_states(messages, tag)
        await ledger.produce(topics.state.name, states)
        await ledger.produce(topics.events.name, events)

    small = changed(system, chunk_max_records=SMALL_CHUNK)
    worker = workers.start(Role.CAPTURE, small)
    with fault_report("SIGTERM of capture under load", ledger) as fault:
        await ready(worker)
        await produce(MESSAGES, "s")
        await eventually(lambda: entries_are_at_least(system, 500), what="the worker produces")
        async with under_load(lambda number: produce(500, f"{number}-")):
            await stops_in_time(worker)
        done = await committed(system, groups_of(system.topology).capture, topics.events.name)
        produced = await entries_in(system)
        all_there = sum((await ends(system, topics.events.name)).values())
        assert produced < all_there, "the worker was not stopped in the middle"
        assert sum(done.values()) <= produced, "more is committed than is produced"
        fault.over()
        workers.start(Role.CAPTURE)
        workers.start(Role.PERSIST)
        await ledger.settle()

    in_flight = system.topology.topic_partitions * CHUNKS_IN_FLIGHT_PER_PARTITION * SMALL_CHUNK
    assert await entries_in(system) <= all_there + in_flight, "more was produced again than was in flight"


async def test_persist_stops_in_time_while_postgres_does_not_answer(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    topic = topics_of(system.topology).chat_log.name
    with fault_report("SIGTERM of persist while its table is locked", ledger) as fault:
        await ready(worker)
        async with chat_log_locked(system) as lock:
            await ledger.produce(topic, entries(MESSAGES // 4, "l"))
            await lock.holds_up_a_write()
            await stops_in_time(worker)
            assert sum((await committed(system, groups_of(system.topology).persist, topic)).values()) == 0
        fault.over()
        workers.start(Role.PERSIST)
        await ledger.settle()


async def stops_in_time(worker: WorkerProcess) -> None:
    since = time.monotonic()
    assert await asyncio.to_thread(worker.stop) == 0
    assert time.monotonic() - since < STOPS_WITHIN_S


async def rows_are_at_least(system: Settings, number: int) -> bool:
    return await count(system) >= number
