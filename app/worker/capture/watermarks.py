"""The topic by which capture workers tell one another how far they are (`agents.capture.watermarks`).

Every worker reads all of it, outside of any group, from when it starts: what was said before is of a
generation that is over when it joins.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.capture.watermarks import Watermarks, decode_watermarks, encode_watermarks
from sinks.errors import ServiceDown
from sinks.kafka.delivery import OutRecord
from sinks.kafka.producer import REMEDY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sinks.kafka.producer import RecordProducer
    from sinks.retry import RetryPolicy

#: How long the brokers may take to say where the topic ends.
START_TIMEOUT_S = 10.0


class WatermarkExchange:
    """Says what this worker knows, and returns what the others say.

    Args:
        client: how to reach the brokers.
        topic: of watermarks; its first partition is used.
        producer: writes to it.
        retry_policy: waits while the brokers are down.
    """

    def __init__(
        self, client: dict[str, Any], topic: str, producer: RecordProducer, retry_policy: RetryPolicy
    ) -> None:
        self._client = client
        self._place = TopicPartition(topic, 0)
        self._producer = producer
        self._retry_policy = retry_policy
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Begin to listen, waiting while the brokers are down: nothing that is said from now on is missed."""
        await self._retry_policy.run(self._connect)

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def say(self, watermarks: Watermarks) -> None:
        """Return when the others can read it."""
        record = OutRecord(None, encode_watermarks(watermarks))
        await self._producer.send(self._place.topic, self._place.partition, [record])

    async def listen(self) -> AsyncIterator[Watermarks]:
        """Return what is said, this worker's own words among it, for as long as it runs."""
        while True:
            for record in await self._retry_policy.run(self._read):
                if record.value and (watermarks := decode_watermarks(record.value)):
                    yield watermarks

    async def _connect(self) -> None:
        consumer = AIOKafkaConsumer(**self._client, group_id=None, auto_offset_reset="latest")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await consumer.start()
                consumer.assign([self._place])
                await consumer.seek_to_end(self._place)
            self._consumer = consumer
        except (KafkaError, TimeoutError) as error:
            raise ServiceDown(f"Kafka cannot be reached: {error!r}; {REMEDY}") from error
        finally:
            if self._consumer is not consumer:
                await consumer.stop()

    async def _read(self) -> list[Any]:
        if self._consumer is None:
            raise RuntimeError("WatermarkExchange was not started")
        try:
            fetched = await self._consumer.getmany(timeout_ms=1000)
        except KafkaError as error:
            raise ServiceDown(
                f"Kafka does not tell how far other workers are: {error!r}; {REMEDY}"
            ) from error
        return [record for records in fetched.values() for record in records]
