"""Records → Kafka, as a backlog that waits before a contender starts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from app.kafka.clients import client_settings
from benchmarks.services import PARTITIONS
from models.partitioners import Partitioner, partition_of
from sinks.kafka.delivery import OutRecord
from sinks.kafka.producer import RecordProducer
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from app.settings import Settings
    from benchmarks.workload import Keyed


class Feeder:
    """Produces records to the partitions that their keys say; an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._producer = RecordProducer(client_settings(settings.kafka), RetryPolicy("feeder"))

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def feed(
        self, topic: str, records: Iterable[Keyed], partitioner: Partitioner = Partitioner.MURMUR2
    ) -> None:
        """Return when the broker has all of `records`, in order within each partition."""
        by_partition: defaultdict[int, list[OutRecord]] = defaultdict(list)
        for key, value in records:
            by_partition[partition_of(partitioner, key, PARTITIONS)].append(OutRecord(key, value))
        for partition, out in by_partition.items():
            await self._producer.send(topic, partition, out)
