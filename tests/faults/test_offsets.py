"""Offsets expire, are reset, or jump: work goes on with what is left, and what is gone is said loudly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from app.kafka.clients import client_settings
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.faults.cluster import delete_records, ends, everything_is_committed, forget_offsets
from tests.faults.ledger import Ledger, entries
from tests.faults.log_files import move_records
from tests.faults.outage import said
from tests.looking import ready
from tests.services import changed, eventually

if TYPE_CHECKING:
    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

MESSAGES = 4_000
JUMP = 10_000_000
NO_OFFSET = "No committed offset"
EXPIRED = "Records expired before they were read"
SHORTER = "The log is shorter than what was read of it"


async def test_the_offsets_of_the_group_expire(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    with fault_report("the group's offsets expire", ledger) as fault:
        await at_the_end(system, ledger, workers.start(Role.PERSIST), "before")
        await forget_offsets(system, groups_of(system.topology).persist)
        await ledger.produce(topic, entries(MESSAGES, "after"))
        worker = workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()

    line = said(worker, "WARNING", NO_OFFSET, topic)[0]
    assert str([*range(system.topology.topic_partitions)]) in line


@pytest.mark.parametrize(("offset", "what"), [(1, "to the beginning"), (10 * MESSAGES, "beyond the end")])
async def test_the_offsets_of_the_group_are_reset(
    system: Settings, workers: Workers, fault_report: FaultReport, offset: int, what: str
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    with fault_report(f"the group's offsets are reset {what}", ledger) as fault:
        await at_the_end(system, ledger, workers.start(Role.PERSIST), "before")
        await reset_offsets(system, topic, offset)
        await ledger.produce(topic, entries(MESSAGES, "after"))
        worker = workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()
        await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))

    assert bool(said(worker, "WARNING", SHORTER, topic)) == (what == "beyond the end")


async def test_records_are_deleted_before_they_were_read(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    with fault_report("records are deleted beneath the committed offset", ledger) as fault:
        await at_the_end(system, ledger, workers.start(Role.PERSIST), "before")
        deleted = [replace(message, becomes=None) for message in entries(MESSAGES, "deleted")]
        await ledger.produce(topic, deleted)
        await delete_records(system, topic, await ends(system, topic))
        await ledger.produce(topic, entries(MESSAGES, "after"))
        worker = workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()

    assert told_as_expired(worker, topic) == len(deleted)


@pytest.mark.parametrize("gap", ["at the beginning of the log", "within the log"])
async def test_the_log_jumps_while_it_is_read(
    system_on_own_kafka: Settings,
    workers_on_own_kafka: Workers,
    dedicated_kafka: EmbeddedKafka,
    fault_report: FaultReport,
    gap: str,
) -> None:
    system, ledger = system_on_own_kafka, Ledger(system_on_own_kafka)
    topic = topics_of(system.topology).chat_log.name
    # It stays a member while it is frozen, however long the broker takes to stop and to start.
    lasting = changed(system, session_timeout_s=120.0, rebalance_timeout_s=120.0)
    worker = workers_on_own_kafka.start(Role.PERSIST, lasting)
    await ready(worker)
    with fault_report(f"a jump of 10,000,000 offsets {gap}", ledger) as fault:
        await ledger.produce(
            topic, [replace(message, partition=0) for message in entries(MESSAGES, "before")]
        )
        await ledger.settle()
        await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))
        before_bytes = memory_of(worker)
        worker.freeze()
        await ledger.produce(topic, [replace(message, partition=0) for message in entries(MESSAGES, "after")])
        await dedicated_kafka.stop()
        move_records(
            dedicated_kafka.directory / "data" / f"{topic}-0",
            first_moved=0 if gap == "at the beginning of the log" else MESSAGES,
            by=JUMP,
        )
        await dedicated_kafka.start()
        worker.thaw()
        fault.over()
        await ledger.settle()
        await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))

    assert memory_of(worker) - before_bytes < 100 * 1024 * 1024
    # What was moved away from under the reader is as good as gone, as far as anyone can tell. It is told once
    # the broker has said where the log begins; the reading does not wait for that.
    lost = JUMP - MESSAGES if gap == "at the beginning of the log" else 0
    await eventually(lambda: told_as_expired(worker, topic) == lost)


async def at_the_end(system: Settings, ledger: Ledger, worker: WorkerProcess, tag: str) -> None:
    """Have a worker write and commit some messages, and stop."""
    topic = topics_of(system.topology).chat_log.name
    await ledger.produce(topic, entries(MESSAGES, tag))
    await ledger.settle()
    await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))
    assert worker.stop() == 0


async def reset_offsets(system: Settings, topic: str, offset: int) -> None:
    """Commit for the group, once it has no members, the same offset of every partition."""
    partitions = [TopicPartition(topic, partition) for partition in range(system.topology.topic_partitions)]
    consumer = AIOKafkaConsumer(
        **client_settings(system.kafka), group_id=groups_of(system.topology).persist, enable_auto_commit=False
    )

    async def are_committed() -> bool:
        try:
            await consumer.commit(dict.fromkeys(partitions, offset))
        except CommitFailedError as error:
            raise AssertionError("the group has members") from error
        return True

    await consumer.start()
    try:
        consumer.assign(partitions)
        await eventually(are_committed)
    finally:
        await consumer.stop()


def told_as_expired(worker: WorkerProcess, topic: str) -> int:
    """Return how many records the worker told are lost to it."""
    lines = said(worker, "ERROR", EXPIRED, topic)
    return sum(int(line.partition("records=")[2].split()[0]) for line in lines)


def memory_of(worker: WorkerProcess) -> int:
    return int(psutil.Process(worker.pid).memory_info().rss)
