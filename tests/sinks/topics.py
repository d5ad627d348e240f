"""Topics of a test's own on a real broker, and what is in them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sinks.producer import RecordProducer
from sinks.retrying import Patience
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
    consumer = AIOKafkaConsumer(bootstrap_servers=server, fetch_max_wait_ms=50)
    await consumer.start()
    tp = TopicPartition(topic, partition)
    try:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        records: list[ConsumerRecord] = []
        while await consumer.position(tp) < end:
            for some in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(some)
        return records
    finally:
        await consumer.stop()


@asynccontextmanager
async def producing(server: str, patience: Patience | None = None) -> AsyncIterator[RecordProducer]:
    """A started producer."""
    producer = RecordProducer({"bootstrap_servers": server}, patience or Patience("test"))
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
