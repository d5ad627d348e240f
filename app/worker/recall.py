"""Reads back the end of a topic that this role produced, outside of any group: what was said is its state."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from models.first_times import IDS_MAX
from sinks.errors import ServiceDown
from sinks.kafka.producer import REMEDY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import ConsumerRecord

    from sinks.retry import RetryPolicy

log = logging.getLogger(__name__)

#: How long the brokers may take to answer, or to give more records.
ANSWER_WITHIN_S = 10.0
#: Records that are handed on at once: some ms of work, between which others get their turn.
RECORDS_AT_ONCE = 2_000
#: Bytes that are fetched at once.
FETCH_BYTES = 4 * 1024 * 1024
#: How long disconnecting may take when the brokers are gone: less than a release waits for what it cancels.
CLOSE_S = 0.3


class TopicRecall:
    """Reads back one topic.

    Args:
        client: how to reach the brokers.
        topic: which.
        retry_policy: waits while the brokers are down.
    """

    def __init__(self, client: dict[str, Any], topic: str, retry_policy: RetryPolicy) -> None:
        self._client = client
        self._topic = topic
        self._retry_policy = retry_policy

    async def __call__(self, partition: int, since_ms: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """Yield what a partition got from a time on, up to its end as of now: the last `IDS_MAX` at most."""
        reader, began = (
            _PartitionReader(self._client, TopicPartition(self._topic, partition)),
            time.monotonic(),
        )
        try:
            position, end = await self._retry_policy.run(partial(reader.bounds, since_ms))
            there = end - position
            while position < end:
                records, position = await self._retry_policy.run(partial(reader.read, position))
                yield [record for record in records if record.offset < end]
        finally:
            await reader.close()
        log.info(
            "The end of the log was read back",
            extra={
                "topic": self._topic,
                "partition": partition,
                "records": there,
                "seconds": round(time.monotonic() - began, 1),
            },
        )


class _PartitionReader:
    """Reads one partition; connects when first asked, and anew after an error."""

    def __init__(self, client: dict[str, Any], place: TopicPartition) -> None:
        self._client = client
        self._place = place
        self._consumer: AIOKafkaConsumer | None = None

    async def bounds(self, since_ms: int) -> tuple[int, int]:
        """Return the first offset of a time or later, and the one after the last record.

        Raises:
            ServiceDown: the brokers do not answer.
        """
        place = self._place
        async with self._connected() as consumer:
            end = (await consumer.end_offsets([place]))[place]
            found = (await consumer.offsets_for_times({place: max(0, since_ms)}))[place]
        return (end if found is None else max(found.offset, end - IDS_MAX)), end

    async def read(self, position: int) -> tuple[Sequence[ConsumerRecord], int]:
        """Return the next records, and from where to go on.

        Raises:
            ServiceDown: the brokers do not answer.
        """
        place = self._place
        async with self._connected() as consumer:
            if await consumer.position(place) != position:
                consumer.seek(place, position)
            fetched = await consumer.getmany(
                place, timeout_ms=round(ANSWER_WITHIN_S * 900), max_records=RECORDS_AT_ONCE
            )
            went_on_to = await consumer.position(place)
            if went_on_to <= position:
                raise TimeoutError
        return fetched.get(place, ()), went_on_to

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            # Apart from us: it raises CancelledError where a task of its own was cancelled, and not we.
            stopping = asyncio.ensure_future(consumer.stop())
            stopping.add_done_callback(lambda stopped: stopped.cancelled() or stopped.exception())
            await asyncio.wait({stopping}, timeout=CLOSE_S)
            stopping.cancel()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        **self._client,
                        group_id=None,
                        enable_auto_commit=False,
                        auto_offset_reset="earliest",
                        max_partition_fetch_bytes=FETCH_BYTES,
                    )
                    await self._consumer.start()
                    self._consumer.assign([self._place])
                yield self._consumer
        except (KafkaError, TimeoutError, OSError, asyncio.CancelledError) as error:
            await self.close()
            if cast("asyncio.Task[None]", asyncio.current_task()).cancelling():
                raise
            raise ServiceDown(
                f"Kafka does not tell what was captured: {error!r} of {self._place.topic}; {REMEDY}"
            ) from error
