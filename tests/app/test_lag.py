"""The lag of a group: worked out from what a real broker says, through its outages."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from faust.types import TP

from app.embedded import EmbeddedKafka
from app.kafka import client_settings
from app.lag import LagMonitor, PartitionLag, compare
from app.offsets import Offsets
from app.progress import Chunk, PartitionProgress
from app.settings import Settings
from tests.services import eventually, settings_for_tests

A = TP("topic", 0)


def behind(**fields: object) -> PartitionLag:
    values = {"tp": A, "beginning": 0, "end": 10, "committed": 4, "oldest_ms": None, "advanced_at": 0.0}
    return PartitionLag(**(values | fields))  # type: ignore[arg-type] # the test's own fields


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({}, 6),
        ({"committed": 10}, 0),
        ({"committed": None}, 10),
        ({"committed": None, "beginning": 7}, 3),
        ({"committed": 2, "beginning": 7}, 3),
        ({"committed": 12}, 0),
        ({"committed": None, "end": 0}, 0),
    ],
    ids=[
        "behind",
        "done",
        "never read",
        "never read, some expired",
        "expired unread",
        "log made anew",
        "empty",
    ],
)
def test_the_lag_is_what_there_is_still_to_read(fields: dict[str, object], messages: int) -> None:
    assert behind(**fields).messages == messages


def test_the_age_is_that_of_the_oldest_record_that_is_not_done() -> None:
    assert behind(oldest_ms=40_000).seconds(now_s=100.0) == 60.0
    assert behind(oldest_ms=200_000).seconds(now_s=100.0) == 0.0
    assert behind(oldest_ms=None).seconds(now_s=100.0) is None
    assert behind(oldest_ms=40_000, committed=10).seconds(now_s=100.0) == 0.0


@pytest.mark.parametrize(
    ("before", "committed", "advanced_at"),
    [
        (behind(advanced_at=3.0), 4, 3.0),
        (behind(advanced_at=3.0), 5, 9.0),
        (behind(advanced_at=3.0, committed=10), 10, 9.0),
        (behind(advanced_at=3.0, committed=None), None, 3.0),
        (None, 4, 9.0),
    ],
    ids=["stands still", "moves", "was done", "never read", "first look"],
)
def test_a_commit_stands_still_while_there_is_lag_and_it_does_not_move(
    before: PartitionLag | None, committed: int | None, advanced_at: float
) -> None:
    (lag,) = compare({A: Offsets(0, 20, committed)}, {A: before} if before else {}, {}, now=9.0)

    assert lag.advanced_at == advanced_at
    assert lag.commit_age_s(now=10.0) == 10.0 - advanced_at


async def test_every_partition_of_the_group_is_told_whoever_reads_it(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with topic_with_records(settings(), topic, partitions=3, records=5):
        await commit(settings(), "some-group", {TP(topic, 0): 5, TP(topic, 1): 2})
        async with monitor(settings(), "some-group", [topic]) as lag:
            await lag.look()

            assert [(p.tp.partition, p.committed, p.end, p.messages) for p in lag.partitions] == [
                (0, 5, 5, 0),
                (1, 2, 5, 3),
                (2, None, 5, 5),
            ]


async def test_the_age_comes_from_the_record_at_the_commit(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    now_ms = round(time.time() * 1000)
    times = [now_ms - 90_000, now_ms - 60_000, now_ms - 30_000]
    async with (
        topic_with_records(settings(), topic, partitions=1, records=3, times=times),
        monitor(settings(), "some-group", [topic]) as lag,
    ):
        await lag.look()
        assert lag.partitions[0].seconds(now_ms / 1000) == 90.0

        await commit(settings(), "some-group", {TP(topic, 0): 2})
        await lag.look()
        assert lag.partitions[0].seconds(now_ms / 1000) == 30.0


async def test_records_that_expired_no_longer_count_as_the_oldest(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    now_ms = round(time.time() * 1000)
    times = [now_ms - 90_000, now_ms - 60_000, now_ms - 30_000]
    async with (
        topic_with_records(settings(), topic, partitions=1, records=3, times=times),
        monitor(settings(), "some-group", [topic]) as lag,
        admin(settings()) as client,
    ):
        await lag.look()
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
        await lag.look()

        assert lag.partitions[0].messages == 1
        assert lag.partitions[0].seconds(now_ms / 1000) == 30.0


async def test_what_is_in_flight_here_tells_its_age_without_asking(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with topic_with_records(settings(), topic, partitions=1, records=3, times=[1, 2, 3]) as records:
        progress = PartitionProgress()
        progress.hand_out(Chunk(topic, 0, records[1:], 0))
        async with monitor(settings(), "some-group", [topic], {TP(topic, 0): progress}) as lag:
            await lag.look()

            assert lag.partitions[0].oldest_ms == 2


async def test_a_topic_that_is_missing_has_no_lag_and_is_not_made(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    async with monitor(settings(), "some-group", [f"{kafka_prefix}-missing"]) as lag:
        await lag.look()

        assert lag.partitions == ()
        assert lag.error is None
    async with admin(settings()) as client:
        assert f"{kafka_prefix}-missing" not in await client.list_topics()


async def test_an_outage_keeps_the_last_answer_and_says_how_old_it_is(
    dedicated_kafka: EmbeddedKafka, unique_env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lag.STALE_AFTER_S", 0.5)
    settings = settings_for_tests(
        unique_env,
        dedicated_kafka.bootstrap_servers,
        "postgresql://u:p@127.0.0.1:1/d",
        tmp_path,
    )
    async with (
        topic_with_records(settings, "some-topic", partitions=1, records=3),
        monitor(settings, "some-group", ["some-topic"]) as lag,
    ):
        await eventually(lambda: looks_well(lag))
        assert not lag.is_stale

        await dedicated_kafka.kill()
        began = time.monotonic()
        await lag.look()
        assert time.monotonic() - began < 15
        assert lag.error is not None
        assert [partition.messages for partition in lag.partitions] == [3]
        await eventually(lambda: lag.is_stale)
        assert lag.age_s >= 0.5

        await dedicated_kafka.start()
        await eventually(lambda: looks_well(lag), 30)
        assert not lag.is_stale
        assert [partition.messages for partition in lag.partitions] == [3]


async def looks_well(lag: LagMonitor) -> bool:
    await lag.look()
    return lag.error is None


@asynccontextmanager
async def monitor(
    settings: Settings, group: str, topics: list[str], progress: dict[TP, PartitionProgress] | None = None
) -> AsyncIterator[LagMonitor]:
    made = LagMonitor(settings, group, topics, lambda: progress or {})
    try:
        yield made
    finally:
        await made.on_stop()


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**client_settings(settings))
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def topic_with_records(
    settings: Settings, topic: str, *, partitions: int, records: int, times: list[int] | None = None
) -> AsyncIterator[list[object]]:
    """Make a topic with the same number of records in each partition; give those of the first."""
    async with admin(settings) as client:
        await client.create_topics([NewTopic(topic, partitions, 1)])
    producer = AIOKafkaProducer(**client_settings(settings), acks="all")
    await producer.start()
    try:
        for partition in range(partitions):
            for number in range(records):
                await producer.send_and_wait(
                    topic, b"v", partition=partition, timestamp_ms=times[number] if times else None
                )
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(**client_settings(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        yield [await consumer.getone() for _ in range(records)]
    finally:
        await consumer.stop()


async def commit(settings: Settings, group: str, offsets: dict[TP, int]) -> None:
    consumer = AIOKafkaConsumer(**client_settings(settings), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*tp) for tp in offsets])
        await consumer.commit({TopicPartition(*tp): offset for tp, offset in offsets.items()})
    finally:
        await consumer.stop()
