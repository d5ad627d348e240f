"""Topics of a test's own on a real broker, and what is in them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import tenacity
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

from sinks.kafka.producer import RecordProducer
from sinks.retry import RetryPolicy
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import ConsumerRecord


async def make_topic(server: str, name: str, partitions: int = 1, **config: str) -> str:
    """Make a topic and return its name once the broker knows it; `_` in a setting's name means `.`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=server)
    await admin.start()

    async def is_there() -> bool:
        (found,) = await admin.describe_topics([name])
        return len(found["partitions"]) == partitions

    try:
        configs = {key.replace("_", "."): value for key, value in config.items()}
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        await eventually(is_there)
    finally:
        await admin.close()
    return name


async def records_in(server: str, topic: str, partition: int = 0) -> list[ConsumerRecord]:
    """Return every record of a partition."""
    return await _read(server, topic, [partition])


#: A broker that has just come back may break a first connection off.
once_it_answers = tenacity.retry(
    retry=tenacity.retry_if_exception_type((KafkaConnectionError, NodeNotReadyError)),
    stop=tenacity.stop_after_delay(30),
    wait=tenacity.wait_fixed(0.2),
    reraise=True,
)


@once_it_answers
async def all_records_in(server: str, topic: str) -> list[ConsumerRecord]:
    """Return every record of a topic, those of each partition in order."""
    admin = AIOKafkaAdminClient(bootstrap_servers=server)
    await admin.start()
    try:
        (found,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    return await _read(server, topic, [partition["partition"] for partition in found["partitions"]])


async def _read(server: str, topic: str, partitions: Sequence[int]) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=server, fetch_max_wait_ms=50)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        records: list[ConsumerRecord] = []
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            for some in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(some)
        return records
    finally:
        await consumer.stop()


@asynccontextmanager
async def producing(server: str, retry_policy: RetryPolicy | None = None) -> AsyncIterator[RecordProducer]:
    """A started producer."""
    producer = RecordProducer({"bootstrap_servers": server}, retry_policy or RetryPolicy("test"))
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
