"""Dead letters in their table, as the persist workers keep them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.kafka.clients import client_settings
from app.postgres.connections import create_pool
from models.dead_letters import DeadLetter
from sinks.dead_letters import DeadLetterTable
from sinks.retry import RetryPolicy
from tests.sinks.sources import each_its_own_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord

    from app.settings import Settings


def letter(offset: int, **others: Any) -> DeadLetter:
    """Return a dead letter of somebody's, which is cut off."""
    values: dict[str, Any] = {
        "reason": "not_json",
        "detail": "it ends in the middle",
        "topic": "events",
        "partition": 0,
        "offset": offset,
        "key": b"4911",
        "value": b'{"content": "my secret"',
        "headers": (),
        "timestamp_ms": 1_760_000_000_123,
    }
    return DeadLetter(**(values | others))


async def keep(settings: Settings, letters: Sequence[DeadLetter]) -> None:
    """Put them into their table, where their numbers count from 1."""
    pool = await create_pool(settings.database, application_name="tests")
    try:
        await DeadLetterTable(pool, RetryPolicy("tests")).write(each_its_own_source(letters))
    finally:
        await pool.close()


async def records_of(settings: Settings, name: str, partitions: int) -> dict[int, list[ConsumerRecord]]:
    """Return everything that is in a topic."""
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(name, partition) for partition in range(partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: dict[int, list[ConsumerRecord]] = {partition: [] for partition in range(partitions)}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                found[place.partition].extend(records)
        return found
    finally:
        await consumer.stop()
