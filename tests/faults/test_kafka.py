"""A broker stops, crashes, hangs or takes no records: workers wait and say so, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from app.errors import EXIT_CUT_OFF
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.faults.cluster import committed, delete_topic
from tests.faults.freezing import frozen
from tests.faults.ledger import Ledger, events_and_states
from tests.faults.load import under_load
from tests.faults.outage import complaints, is_ready_again, is_seen_to_wait, was_told_as_one_outage
from tests.looking import get, ready
from tests.services import eventually
from tests.workers import STOPS_WITHIN_S, count

if TYPE_CHECKING:
    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

MESSAGES = 5_000
AWAY_S = 30.0
#: Lines that half a minute of an outage may be worth; each part that notices it may say so once.
FEW = 12


@pytest.mark.long
async def test_a_broker_is_away_for_half_a_minute(
    system_on_own_kafka: Settings,
    workers_on_own_kafka: Workers,
    dedicated_kafka: EmbeddedKafka,
    fault_report: FaultReport,
) -> None:
    system, ledger = system_on_own_kafka, Ledger(system_on_own_kafka)
    both = [workers_on_own_kafka.start(role) for role in (Role.CAPTURE, Role.PERSIST)]
    with fault_report(f"a broker is stopped for {AWAY_S:.0f} s", ledger) as fault:
        await at_work(system, ledger, both, "before")
        await dedicated_kafka.stop()
        since = time.monotonic()
        await eventually(lambda: say_kafka_is_silent(both))
        await eventually(lambda: time.monotonic() > since + AWAY_S)
        await dedicated_kafka.start()
        fault.over()
        await produce(system, ledger, "after")
        await ledger.settle()

    for worker in both:
        await is_ready_again(worker)
        assert worker.running
        half_minutes = 1 + (time.monotonic() - since) // 30
        assert len(complaints(worker)) <= FEW * half_minutes, complaints(worker)


async def test_a_broker_crashes_while_it_takes_records(
    system_on_own_kafka: Settings,
    workers_on_own_kafka: Workers,
    dedicated_kafka: EmbeddedKafka,
    fault_report: FaultReport,
) -> None:
    system, ledger = system_on_own_kafka, Ledger(system_on_own_kafka)
    both = [workers_on_own_kafka.start(role) for role in (Role.CAPTURE, Role.PERSIST)]
    with fault_report("kill -9 of the broker", ledger) as fault:
        await at_work(system, ledger, both, "before")
        async with under_load(lambda number: produce(system, ledger, f"meanwhile {number}", 500)):
            await dedicated_kafka.kill()
            await dedicated_kafka.start()
            fault.over()
        await ledger.settle()

    for worker in both:
        await is_ready_again(worker)


@pytest.mark.long
async def test_workers_stop_in_time_while_a_broker_hangs(
    system_on_own_kafka: Settings,
    workers_on_own_kafka: Workers,
    dedicated_kafka: EmbeddedKafka,
    fault_report: FaultReport,
) -> None:
    system, ledger = system_on_own_kafka, Ledger(system_on_own_kafka)
    both = [workers_on_own_kafka.start(role) for role in (Role.CAPTURE, Role.PERSIST)]
    with fault_report("SIGTERM of both roles while the broker is frozen", ledger) as fault:
        await at_work(system, ledger, both, "before")
        with frozen(dedicated_kafka.pid):
            since = time.monotonic()
            # Whether it stops in order or is cut off: it has until then, and is not killed.
            statuses = await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in both))
            stopped_in_s = time.monotonic() - since
        for role in (Role.CAPTURE, Role.PERSIST):
            workers_on_own_kafka.start(role)
        fault.over()
        await ledger.settle()

    assert stopped_in_s < STOPS_WITHIN_S
    assert set(statuses) <= {0, EXIT_CUT_OFF}


@pytest.mark.long
async def test_the_chat_log_topic_is_gone_for_a_while(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    topics, ledger = topics_of(system.topology), Ledger(system)
    worker = workers.start(Role.CAPTURE)
    with fault_report("the chat-log topic is deleted, and made again", ledger) as fault:
        await ready(worker)
        await delete_topic(system, topics.chat_log.name)
        await produce(system, ledger, "refused")
        await is_seen_to_wait(worker, "capture")
        assert (
            sum((await committed(system, groups_of(system.topology).capture, topics.events.name)).values())
            == 0
        )
        await ensure_topics(system.kafka, system.topology)
        workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()

    # aiokafka has its say as well.
    await was_told_as_one_outage(worker, "capture")


async def at_work(system: Settings, ledger: Ledger, workers: list[WorkerProcess], tag: str) -> None:
    """Return when all are ready, rows are there, and there is more to do."""
    for worker in workers:
        await ready(worker)
    await produce(system, ledger, tag)
    await eventually(lambda: has_rows(system), what="persist writes")


async def produce(system: Settings, ledger: Ledger, tag: str, messages: int = MESSAGES) -> None:
    topics = topics_of(system.topology)
    events, states = events_and_states(messages, tag)
    await ledger.produce(topics.state.name, states)
    await ledger.produce(topics.events.name, events)


async def say_kafka_is_silent(workers: list[WorkerProcess]) -> bool:
    for worker in workers:
        assert worker.running, "the worker has ended"
        assert (await get(worker, "/health/live")).status == 200
        readiness = await get(worker, "/health/ready")
        assert readiness.status == 503, "the worker says that it is ready"
        assert "Kafka has not answered" in readiness.text, readiness.text
    return True


async def has_rows(system: Settings) -> bool:
    return await count(system) > 0
