"""What was produced is read back from a time on, to its end, also while the broker comes and goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.worker import recall
from app.worker.recall import TopicRecall
from sinks.kafka.delivery import OutRecord
from sinks.retry import RetryPolicy
from tests.services import eventually
from tests.sinks.kafka.topics import make_topic, producing

if TYPE_CHECKING:
    import pytest

    from app.local.embedded import EmbeddedKafka

START_MS = 1_790_000_000_000


async def filled(server: str, topic: str, times_ms: list[int]) -> None:
    await make_topic(server, topic, partitions=2)
    async with producing(server) as producer:
        for time_ms in times_ms:
            record = OutRecord(b"k", str(time_ms).encode(), (), time_ms)
            await producer.send(topic, 1, [record])


async def read_back(server: str, topic: str, since_ms: int, partition: int = 1) -> list[int]:
    reading = TopicRecall({"bootstrap_servers": server}, topic, RetryPolicy("test"))
    return [int(record.value) async for records in reading(partition, since_ms) for record in records]


async def test_all_is_read_that_came_since_a_time_whatever_times_it_says(
    kafka: str, kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-messages"
    times_ms = [START_MS + later for later in (0, 5_000, 9_000, 7_000, 10_000)]
    await filled(kafka, topic, times_ms)
    assert await read_back(kafka, topic, START_MS + 6_000) == times_ms[2:]
    assert await read_back(kafka, topic, 0) == await read_back(kafka, topic, -5) == times_ms
    assert await read_back(kafka, topic, START_MS + 10_001) == []
    assert await read_back(kafka, topic, 0, partition=0) == []


async def test_no_more_is_read_than_can_be_remembered(
    kafka: str, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "IDS_MAX", 2)
    topic = f"{kafka_prefix}-messages"
    await filled(kafka, topic, [START_MS, START_MS + 1, START_MS + 2])
    assert await read_back(kafka, topic, 0) == [START_MS + 1, START_MS + 2]


async def test_it_waits_for_a_broker_that_is_away_and_goes_on_where_it_was(
    dedicated_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One record a fetch, so that the rest is still to be fetched when the broker goes.
    monkeypatch.setattr(recall, "RECORDS_AT_ONCE", 1)
    monkeypatch.setattr(recall, "FETCH_BYTES", 1)
    monkeypatch.setattr(recall, "ANSWER_WITHIN_S", 2.0)
    server, times_ms = dedicated_kafka.bootstrap_servers, [START_MS + later for later in range(5)]
    await filled(server, "messages", times_ms)
    policy = RetryPolicy("test")
    found: list[int] = []
    goes_on = asyncio.Event()

    async def read() -> None:
        async for records in TopicRecall({"bootstrap_servers": server}, "messages", policy)(1, 0):
            found.extend(int(record.value) for record in records)
            await goes_on.wait()

    async def waits() -> bool:
        assert policy.waiting_since is not None
        return True

    reading = asyncio.create_task(read())
    await eventually(lambda: has(found, 1))
    await dedicated_kafka.kill()
    goes_on.set()
    await eventually(waits)
    await dedicated_kafka.start()
    await reading
    assert found == times_ms


async def has(found: list[int], number: int) -> bool:
    assert len(found) >= number
    return True
