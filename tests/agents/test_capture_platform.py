"""Events of a platform become records under one id a message, whoever reads them, and however often."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from agents.capture_platform import (
    NAMED_MAX,
    CaptureFigures,
    CapturePlatform,
    FirstTimesOfPartitions,
    MessagesTopic,
)
from app.kafka.topics import DAY_MS
from app.worker.watch.figures import by_label, total
from models.channels import DatedRule, OptOutSpan, Rules
from models.errors import BadRecord, Reason
from models.ids import message_id, source_of
from models.limits import OUR_RECORD_MAX_BYTES
from models.messages import UNKNOWN, ChannelParent, Extraction, Message, MessageRole
from models.platforms import Platform
from models.records import MessageRecord, decode_record
from tests.agents.partition import PartitionLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import pytest
    from aiokafka import ConsumerRecord

    from models.dead_letters import DeadLetter
    from models.records import Record
    from sinks.kafka.delivery import OutRecord

START_MS = 1_790_000_000_000


def extract(raw: bytes | None) -> Extraction:
    """A platform whose events are messages as JSON, or say what they are instead."""
    if not raw:
        raise BadRecord(Reason.EMPTY, "empty")
    event = orjson.loads(raw)
    if "unknown" in event:
        return Extraction(UNKNOWN, unknown=event["unknown"])
    if "parent" in event:
        return Extraction("parent", (ChannelParent(**event),))
    message = Message(**({"channel": "12", "role": MessageRole.USER, "content": ""} | event))
    return Extraction("message", (message,))


PLATFORM = Platform("toy", frozenset({"message", "parent"}), extract, lambda _: None, has_steady_times=False)


class Broker:
    """The topic of messages: one partition, whose log outlives every worker."""

    def __init__(self) -> None:
        self.log = PartitionLog("messages")
        self.refuses_over = OUR_RECORD_MAX_BYTES
        self.chance: random.Random | None = None
        self.recalled = 0

    async def send(self, topic: str, partition: int, records: Sequence[OutRecord]) -> int:
        assert (topic, partition) == ("messages", 0)
        if self.chance is not None:
            await asyncio.sleep(0)
        if any(len(record.value or b"") > self.refuses_over for record in records):
            raise BadRecord(Reason.TOO_LARGE, "refused")
        for record in records:
            assert record.timestamp_ms is not None
            self.log.append(record.value, record.timestamp_ms, key=record.key)
        return len(self.log.records)

    async def recall(self, partition: int, since_ms: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        assert partition == 0
        self.recalled += 1
        end = len(self.log.records)
        start = next((n for n in range(end) if self.log.records[n].timestamp >= since_ms), end)
        for position in range(start, end, 3):
            await asyncio.sleep(0)
            yield self.log.records[position : min(position + 3, end)]

    @property
    def records(self) -> list[Record]:
        return [decode_record(record.value) for record in self.log.records]

    @property
    def messages(self) -> list[MessageRecord]:
        return [record for record in self.records if isinstance(record, MessageRecord)]


class Worker:
    """One that captures the platform; the time is that of the last event."""

    def __init__(self, broker: Broker, rules: Rules | None = None, platform: Platform = PLATFORM) -> None:
        self.bad: list[DeadLetter] = []
        self.figures = CaptureFigures()
        known: Any = SimpleNamespace(known=self._rules)
        self._known = rules or Rules()
        producer: Any = broker
        topic = MessagesTopic(producer, "messages", 1, 10_000 * DAY_MS)
        letters: Any = SimpleNamespace(send=self._bury)
        self.times = FirstTimesOfPartitions(broker.recall, 1)
        self.capture = CapturePlatform(
            platform, known, None if platform.has_steady_times else self.times, topic, letters, self.figures
        )

    async def _rules(self) -> Rules:
        return self._known

    async def _bury(self, letters: list[DeadLetter]) -> None:
        self.bad.extend(letters)


def events(*said: dict[str, Any] | bytes) -> PartitionLog:
    log = PartitionLog("events")
    for number, one in enumerate(said):
        value = one if isinstance(one, bytes) else orjson.dumps(one)
        log.append(value, START_MS + number, key=b"12")
    return log


def said(source_id: str, later_ms: int = 0, **told: Any) -> dict[str, Any]:
    return {"source_id": source_id, "timestamp": START_MS + later_ms, **told}


async def captured(
    log: PartitionLog, rules: Rules | None = None, platform: Platform = PLATFORM
) -> tuple[Broker, Worker]:
    broker = Broker()
    worker = Worker(broker, rules, platform)
    await worker.capture(log.chunk(0, len(log.records)))
    return broker, worker


async def test_each_event_is_records_nothing_or_a_dead_letter_and_all_are_counted() -> None:
    log = events(said("m1", content="hi"), b"", {"unknown": "raid"}, said("m2", is_withheld=True))
    broker, worker = await captured(log)
    assert [(one.id, one.content) for one in broker.messages] == [
        (message_id("toy", "m1", START_MS), "hi"),
        (message_id("toy", "m2", START_MS), ""),
    ]
    assert [record.key for record in broker.log.records] == [b"12", b"12"]
    assert [(letter.offset, letter.reason) for letter in worker.bad] == [(1, Reason.EMPTY)]
    figures = worker.figures
    assert by_label(figures.kinds) == {"toy message": 2, "toy unknown": 1}
    assert (total(figures.events_read), total(figures.records), total(figures.withheld)) == (4, 2, 1)


async def test_what_rules_leave_out_is_counted_by_its_reason_and_what_a_sample_does_as_well() -> None:
    rules = Rules(
        [DatedRule("toy", "off", 0, is_enabled=False), DatedRule("toy", "few", 0, sampling_rate=0.0)],
        [OptOutSpan("toy", "shy")],
    )
    log = events(
        said("m1", channel="off"), said("m2", author_id="shy"), said("m3", channel="few"), said("m4")
    )
    broker, worker = await captured(log, rules)
    assert [(one.source_id, one.kept) for one in broker.messages] == [("m3", False), ("m4", True)]
    assert by_label(worker.figures.not_recorded) == {"toy disabled": 1, "toy opted_out": 1}
    assert total(worker.figures.sampled_out) == 1


async def test_the_rules_of_a_thread_s_channel_hold_as_soon_as_the_thread_was_told() -> None:
    rules = Rules([DatedRule("toy", "room", 0, is_enabled=False)])
    log = events(
        said("m1", channel="thread"),
        {"channel": "thread", "parent": "room"},
        said("m2", channel="thread"),
    )
    broker, _ = await captured(log, rules)
    assert [one.source_id for one in broker.messages] == ["m1"]


async def test_an_unknown_kind_is_named_once_in_the_log_and_not_more_than_so_many_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, worker = await captured(events(*[{"unknown": f"kind {n // 2}"} for n in range(4 * NAMED_MAX)]))
    assert [record.__dict__["kind"] for record in caplog.records] == [f"kind {n}" for n in range(NAMED_MAX)]
    assert total(worker.figures.kinds) == 4 * NAMED_MAX


async def test_a_record_that_kafka_refuses_is_a_dead_letter_and_its_neighbours_go_on() -> None:
    broker, log = Broker(), events(said("m1"), said("m2", content="x" * 5000), said("m3"))
    broker.refuses_over = 4000
    worker = Worker(broker)
    await worker.capture(log.chunk(0, 3))
    assert [one.source_id for one in broker.messages] == ["m1", "m3"]
    assert [(letter.offset, letter.reason) for letter in worker.bad] == [(1, Reason.TOO_LARGE)]


async def test_of_a_platform_with_steady_times_nothing_is_read_back() -> None:
    steady = Platform("toy", PLATFORM.kinds, extract, lambda _: None)
    broker, _ = await captured(events(said("m1"), said("m1", 5)), platform=steady)
    assert broker.recalled == 0
    assert [one.timestamp for one in broker.messages] == [START_MS, START_MS + 5]


async def test_a_successor_gives_what_comes_again_the_time_that_its_predecessor_gave() -> None:
    log = events(said("m1"), said("m1", 400), said("m1", 90))
    broker = Broker()
    await Worker(broker).capture(log.chunk(0, 1))
    await Worker(broker).capture(log.chunk(1, 1))
    assert [one.timestamp for one in broker.messages] == [START_MS, START_MS]
    third = Worker(broker)
    await third.capture(log.chunk(1, 1))
    third.times.forget()
    await third.capture(log.chunk(2, 1))
    assert {one.timestamp for one in broker.messages} == {START_MS}


async def test_the_rule_of_the_first_time_holds_for_a_successor_also_where_nothing_was_recorded() -> None:
    rules = Rules(
        [DatedRule("toy", "12", 0, is_enabled=False), DatedRule("toy", "12", (START_MS + 1) * 1000)]
    )
    log = events(said("m1"), said("m1", 400))
    broker = Broker()
    await Worker(broker, rules).capture(log.chunk(0, 1))
    await Worker(broker, rules).capture(log.chunk(1, 1))
    assert broker.messages == []


async def test_a_partition_whose_messages_go_where_one_far_ahead_has_its_own_finds_its_first_times() -> None:
    """Where the topic of messages has fewer partitions than that of events."""
    slow, fast = PartitionLog("events", 0), PartitionLog("events", 1)
    for later_ms in (0, 60_000):
        slow.append(orjson.dumps(said("m1", later_ms)), START_MS + later_ms)
    fast.append(orjson.dumps(said("other")), START_MS + 10 * 60 * 60_000)
    broker = Broker()
    await Worker(broker).capture(slow.chunk(0, 1))
    await Worker(broker).capture(fast.chunk(0, 1))
    await Worker(broker).capture(slow.chunk(1, 1))
    assert [one.timestamp for one in broker.messages if one.source_id == "m1"] == [START_MS, START_MS]


@given(
    deliveries=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 5000), st.sampled_from([1, 1000, 20 * 60_000])),
        min_size=1,
        max_size=40,
    ),
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_wherever_workers_are_killed_and_whoever_still_writes_a_message_has_one_id(
    deliveries: list[tuple[int, int, int]], seed: int, rate: float
) -> None:
    """Deliveries of five messages with times of their own, at most an hour after the first of the message."""
    log, arrives_ms = PartitionLog("events"), START_MS
    first_ms: dict[str, int] = {}
    came_ms: dict[str, int] = {}
    for number, jitter_ms, later_ms in deliveries:
        arrives_ms += later_ms
        source_id = f"m{number}"
        if arrives_ms - came_ms.setdefault(source_id, arrives_ms) > 60 * 60_000:
            continue
        told_ms = arrives_ms - jitter_ms
        first_ms.setdefault(source_id, told_ms)
        value = {"source_id": source_id, "timestamp": told_ms}
        log.append(orjson.dumps(value), arrives_ms)
    rules = Rules([DatedRule("toy", "12", 0, sampling_rate=rate)])

    broker = Broker()
    asyncio.run(read_by_many(random.Random(seed), log, broker, rules))

    expected = {message_id("toy", source_id, time_ms) for source_id, time_ms in first_ms.items()}
    assert {one.id for one in broker.messages} == expected
    assert len({source_of(one) for one in expected}) == len(expected)


async def read_by_many(chance: random.Random, log: PartitionLog, broker: Broker, rules: Rules) -> None:
    """Have the log read to its end by workers, each killed somewhere, and some still at work after that."""
    broker.chance = chance
    left_behind: list[asyncio.Task[None]] = []
    while log.committed < len(log.records):
        worker = Worker(broker, rules)
        position = log.committed
        for _ in range(chance.randrange(1, 5)):
            if position >= len(log.records):
                break
            chunk = log.chunk(position, chance.randrange(1, 6))
            working = asyncio.create_task(worker.capture(chunk))
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            if not working.done() and chance.random() < 0.4:
                # Its partition is given to another, and it does not know.
                if chance.random() < 0.5:
                    working.cancel()
                left_behind.append(working)
                break
            await working
            position = chunk.last_offset + 1
            if chance.random() < 0.7:
                log.committed = position
    await asyncio.gather(*left_behind, return_exceptions=True)
