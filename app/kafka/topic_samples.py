"""A few records of every partition of a topic: enough to see by which partitioner its producers work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app.kafka.clients import client_settings
from app.kafka.topic_admin import KafkaUnavailable

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from app.settings.kafka import KafkaSettings

#: Of each partition: some hundred users in all, of whom another partitioner fits one in twelve.
RECORDS = 50
#: How long reading them may take.
LIMIT_S = 5.0


async def sample(
    kafka: KafkaSettings, topic: str, partitions: int, *, newest: bool = False
) -> list[ConsumerRecord]:
    """Return up to `RECORDS` records of every partition: the oldest, or the newest.

    Raises:
        ConfigurationError: a Kafka setting is missing or cannot be used.
        KafkaUnavailable: Kafka does not answer.
    """
    consumer = AIOKafkaConsumer(
        **client_settings(kafka), group_id=None, isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            await consumer.start()
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        return await _read(consumer, places, newest=newest)
    except (KafkaError, TimeoutError, OSError) as error:
        raise KafkaUnavailable(
            f"Kafka at {','.join(kafka.require_servers())} does not show the records of {topic} "
            f"({type(error).__name__}): check that it runs, and that our user may read the topic"
        ) from error
    finally:
        await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], *, newest: bool
) -> list[ConsumerRecord]:
    beginnings: dict[Any, int] = await consumer.beginning_offsets(places)
    ends: dict[Any, int] = await consumer.end_offsets(places)
    filled = [place for place in places if beginnings[place] < ends[place]]
    if not filled:
        return []
    consumer.assign(filled)
    until = {}
    for place in filled:
        start = max(beginnings[place], ends[place] - RECORDS) if newest else beginnings[place]
        consumer.seek(place, start)
        until[place] = min(start + RECORDS, ends[place])
    records: list[ConsumerRecord] = []
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    # A place may hold fewer records than offsets: compacted, or of transactions. What was read will do.
    while until and asyncio.get_running_loop().time() < deadline:
        for place, fetched in (await consumer.getmany(*until, timeout_ms=200)).items():
            records.extend(record for record in fetched if record.offset < until[place])
        for place in list(until):
            if await consumer.position(place) >= until[place]:
                consumer.pause(place)
                del until[place]
    return records
