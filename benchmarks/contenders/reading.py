"""What the baselines without Faust share: a consumer set for speed, which commits what was done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.kafka.clients import client_settings
from app.kafka.topics import groups_of

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from aiokafka import ConsumerRecord

    from app.settings import Settings

#: One fetch is under way per broker: with the default of 500 ms an emptied partition holds up the rest.
FETCH_MAX_WAIT_MS = 50
#: Enough for several batches of a partition; the default of 1 MB is one.
FETCH_BYTES = 8 * 1024 * 1024


class Reader:
    """All partitions of a topic, from the start; an async context manager.

    Attributes:
        partitions: all of the topic's.
        done_to: up to where each partition was written; whoever writes sets it.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._consumer = AIOKafkaConsumer(
            **client_settings(settings.kafka),
            group_id=groups_of(settings.topology).persist,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        self._commit_interval_s = settings.worker.commit_interval_s
        self.partitions = [
            TopicPartition(topic, number) for number in range(settings.topology.topic_partitions)
        ]
        self.done_to: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        self._consumer.assign(self.partitions)
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def read(
        self, partitions: list[TopicPartition], at_most: int
    ) -> tuple[list[ConsumerRecord], dict[TopicPartition, int]]:
        """Return records, at least one, and up to where they read each partition."""
        while True:
            fetched = await self._consumer.getmany(*partitions, timeout_ms=1_000, max_records=at_most)
            records = [record for some in fetched.values() for record in some]
            if records:
                return records, {tp: some[-1].offset + 1 for tp, some in fetched.items() if some}

    async def commit_now_and_again(self) -> None:
        """Commit what was done, until cancelled."""
        while True:
            await asyncio.sleep(self._commit_interval_s)
            if done_to := dict(self.done_to):
                await self._consumer.commit(done_to)
