"""Records reach a real broker, safely, whatever their size and whatever happens to the broker."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from aiokafka import TopicPartition

from app.local.embedded import free_port
from models.errors import BadRecord, Reason
from sinks.kafka import producer as producer_module
from sinks.kafka.delivery import OutRecord
from sinks.kafka.producer import RecordProducer
from sinks.retry import RetryPolicy
from sinks.splitting import write_or_split
from tests.services import LIMIT_S, eventually
from tests.sinks.kafka.topics import make_topic, producing, records_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.local.embedded import EmbeddedKafka


def numbered(count: int, start: int = 0) -> list[OutRecord]:
    return [OutRecord(b"key", str(number).encode()) for number in range(start, start + count)]


async def test_records_are_in_the_log_in_order_when_it_returns(kafka: str, kafka_prefix: str) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-log", partitions=2)
    odd = [("a", b"1"), ("a", None), ("", b"\xff\x00"), ("a", b"2")]
    records = [
        OutRecord(None, b"no key"),
        OutRecord(b"key", None),
        OutRecord(b"", b""),
        OutRecord(b"k", b"v", odd, 1_600_000_000_000),
    ]
    async with producing(kafka) as producer:
        assert await producer.send(topic, 1, records) == 3
        assert await producer.send(topic, 1, [OutRecord(b"k", b"last")]) == 4

        found = await records_in(kafka, topic, 1)

    assert [(record.key, record.value) for record in found] == [
        (None, b"no key"),
        (b"key", None),
        (b"", b""),
        (b"k", b"v"),
        (b"k", b"last"),
    ]
    assert found[3].headers == tuple(odd)
    assert found[3].timestamp == 1_600_000_000_000
    assert await records_in(kafka, topic, 0) == []


async def test_many_bytes_go_out_in_batches_that_the_topic_takes(kafka: str, kafka_prefix: str) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-log", max_message_bytes="600000")
    values = [f"{number:06d}".encode() * 200 for number in range(3_000)]  # 3.6 MB
    async with producing(kafka) as producer:
        assert await producer.send(topic, 0, [OutRecord(b"k", value) for value in values]) == 2_999
    assert [record.value for record in await records_in(kafka, topic)] == values


async def test_a_record_larger_than_a_batch_travels_alone(kafka: str, kafka_prefix: str) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-log", max_message_bytes="4194304")
    values = [b"a", b"b" * 3_000_000, b"c"]
    async with producing(kafka) as producer:
        await producer.send(topic, 0, [OutRecord(None, value) for value in values])
    assert [record.value for record in await records_in(kafka, topic)] == values


async def test_a_record_too_large_for_the_topic_is_refused_and_its_neighbours_go_through(
    kafka: str, kafka_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-log", max_message_bytes="100000")
    retry_policy = RetryPolicy("test")
    records = numbered(500)
    records[7] = records[300] = OutRecord(b"key", b"x" * 200_000)

    async with producing(kafka, retry_policy) as producer:

        async def produce(some: Sequence[OutRecord]) -> int:
            await producer.send(topic, 0, some)
            return len(some)

        with caplog.at_level(logging.WARNING, logger="sinks"):
            written, refused = await write_or_split(records, produce)
        await producer.send(topic, 0, [OutRecord(None, b"the end")])

    assert written == 498
    assert [(record, error.reason) for record, error in refused] == [(records[7], Reason.TOO_LARGE)] * 2
    assert all("x" * 10 not in str(error) for _, error in refused)
    found = [record.value for record in await records_in(kafka, topic)]
    assert list(dict.fromkeys(found)) == [
        *(record.value for number, record in enumerate(records) if number not in {7, 300}),
        b"the end",
    ]
    # aiokafka's place in the sequence is lost with the batch; that is no outage, and nobody waits for it.
    assert (retry_policy.retries, caplog.messages) == (0, [])


async def test_a_partition_with_records_too_large_does_not_disturb_the_others(
    kafka: str, kafka_prefix: str
) -> None:
    """Each refusal makes a new producer, under the hands of all who are sending."""
    topic = await make_topic(kafka, f"{kafka_prefix}-log", partitions=4, max_message_bytes="100000")
    retry_policy = RetryPolicy("test")

    async with producing(kafka, retry_policy) as producer:

        async def keep_sending(partition: int) -> None:
            for number in range(150):
                await producer.send(topic, partition, numbered(3, start=3 * number))

        async def send_too_much() -> None:
            for _ in range(15):
                with pytest.raises(BadRecord):
                    await producer.send(topic, 0, [OutRecord(b"k", b"x" * 200_000)])

        await asyncio.gather(*(keep_sending(partition) for partition in (1, 2, 3)), send_too_much())

    expected = [str(number).encode() for number in range(450)]
    for partition in (1, 2, 3):
        found = [record.value for record in await records_in(kafka, topic, partition)]
        assert list(dict.fromkeys(found)) == expected
    assert retry_policy.retries == 0


async def test_a_time_that_the_brokers_do_not_take_is_the_records_fault(
    kafka: str, kafka_prefix: str
) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-log", message_timestamp_after_max_ms="3600000")
    in_a_year_ms = int(time.time() * 1000) + 365 * 86_400_000
    async with producing(kafka) as producer:
        with pytest.raises(BadRecord) as refused:
            await producer.send(topic, 0, [OutRecord(None, b"v", (), in_a_year_ms)])
        assert refused.value.reason is Reason.TIMESTAMP_OUT_OF_RANGE
        assert await producer.send(topic, 0, [OutRecord(None, b"w")]) == 0


async def test_a_broker_killed_while_records_are_sent_gets_all_of_them_when_it_is_back(
    dedicated_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer_module, "REQUEST_TIMEOUT_MS", 1_500)
    topic = await make_topic(dedicated_kafka.bootstrap_servers, "log", partitions=3)
    retry_policy = RetryPolicy("test")
    sent, enough = [0, 0, 0], asyncio.Event()

    async with producing(dedicated_kafka.bootstrap_servers, retry_policy) as producer:

        async def keep_sending(partition: int) -> None:
            while not enough.is_set():
                await producer.send(topic, partition, numbered(20, start=sent[partition]))
                sent[partition] += 20

        sending = [asyncio.create_task(keep_sending(partition)) for partition in range(3)]
        await eventually(lambda: min(sent) > 200)
        await dedicated_kafka.kill()
        await eventually(lambda: retry_policy.waiting_since is not None, what="it says that it waits")
        enough.set()
        assert not any(partition.done() for partition in sending)
        await dedicated_kafka.start()
        await asyncio.gather(*sending)
        assert retry_policy.waiting_since is None

    for partition in range(3):
        found = [
            record.value for record in await records_in(dedicated_kafka.bootstrap_servers, topic, partition)
        ]
        assert list(dict.fromkeys(found)) == [str(number).encode() for number in range(sent[partition])]
        # Once there, once in the log: what waits for a broker is not sent a second time.
        assert len(found) <= sent[partition] + 20


async def test_a_frozen_broker_is_waited_for_and_a_stop_does_not_wait_with_it(
    dedicated_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer_module, "REQUEST_TIMEOUT_MS", 1_000)
    topic = await make_topic(dedicated_kafka.bootstrap_servers, "log")
    retry_policy = RetryPolicy("test")
    producer = RecordProducer({"bootstrap_servers": dedicated_kafka.bootstrap_servers}, retry_policy)
    await producer.start()

    async def send_without_end() -> None:
        # A broker that is told to stop may still confirm what comes in the next few milliseconds.
        for number in itertools.count(1):
            await producer.send(topic, 0, numbered(1, start=number))

    await producer.send(topic, 0, numbered(1))
    frozen = psutil.Process(dedicated_kafka.pid)
    frozen.suspend()
    try:
        sending = asyncio.create_task(send_without_end())
        await eventually(lambda: sending.done() or retry_policy.waiting_since is not None)
        sending.cancel()
        await asyncio.wait({sending}, timeout=LIMIT_S)
        assert sending.cancelled()
        assert retry_policy.waiting_since is None

        # aiokafka's own stop would wait for as long as the broker is frozen.
        await asyncio.wait_for(producer.stop(), LIMIT_S)
        await producer.stop()
        await eventually(lambda: not [task for task in asyncio.all_tasks() if "aiokafka" in repr(task)])
    finally:
        frozen.resume()


async def test_a_producer_that_has_lost_its_place_in_the_sequence_is_renewed_and_goes_on(
    kafka: str, kafka_prefix: str
) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-log")
    async with producing(kafka) as producer:
        for number in range(3):
            await producer.send(topic, 0, numbered(1, start=number))
        first = producer._producer
        # A gap in the sequence, as a batch leaves it that was given up: every later one is out of order.
        first._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 5)
        await producer.send(topic, 0, numbered(1, start=3))
        assert producer._producer is not first
    assert [record.value for record in await records_in(kafka, topic)] == [b"0", b"1", b"2", b"3"]


async def test_starting_waits_for_a_broker_and_can_be_cancelled() -> None:
    retry_policy = RetryPolicy("test")
    producer = RecordProducer({"bootstrap_servers": f"127.0.0.1:{free_port()}"}, retry_policy)
    starting = asyncio.create_task(producer.start())
    await eventually(lambda: retry_policy.waiting_since is not None)
    assert "Kafka cannot be reached" in str(retry_policy.last_error)
    starting.cancel()
    await asyncio.wait({starting}, timeout=LIMIT_S)
    assert starting.cancelled()
    await producer.stop()


async def test_a_producer_that_was_not_started_says_so() -> None:
    producer = RecordProducer({}, RetryPolicy("test"))
    with pytest.raises(RuntimeError, match="not started"):
        await producer.send("t", 0, numbered(1))
    await producer.stop()


async def test_a_send_that_waits_for_its_topic_outlives_the_producer_it_began_with(
    kafka: str, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One partition's refused record renews the producer while another's send waits for metadata."""
    monkeypatch.setattr(producer_module, "REQUEST_TIMEOUT_MS", 2_000)
    known, missing = await make_topic(kafka, f"{kafka_prefix}-known"), f"{kafka_prefix}-missing"
    retry_policy = RetryPolicy("test")
    async with producing(kafka, retry_policy) as producer:
        sending = asyncio.create_task(producer.send(missing, 0, numbered(3)))
        await eventually(lambda: retry_policy.waiting_since is not None, what="it waits for the topic")
        too_large = OutRecord(b"k", b"x" * 2_000_000)
        for _ in range(20):
            with pytest.raises(BadRecord):
                await producer.send(known, 0, [too_large])
        await make_topic(kafka, missing)
        await sending
    assert [record.value for record in await records_in(kafka, missing, 0)] == [b"0", b"1", b"2"]
