"""Raw events on their way to a platform's events topic: in order, and none let go before Kafka has it.

While Kafka is away they wait here, up to so many bytes; then `put` does not return, and whoever listens stops
listening: the platform, or its socket, holds the rest, or it is a gap. Nothing here outlives the process. So
what a platform is told, or a file is marked with, waits for `confirmed`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from models.partitioners import Partitioner, partition_of
from sinks.kafka.delivery import OutRecord
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sinks.kafka.producer import RecordProducer

log = logging.getLogger(__name__)

#: What an event takes in memory beside its bytes, about.
EVENT_OVERHEAD_BYTES = 200


class RawEvent(NamedTuple):
    """An event as it came.

    Attributes:
        key: what its platform keys it by (`Platform.key_of`); None where it tells nothing.
        value: its bytes.
    """

    key: str | None
    value: bytes

    @property
    def key_bytes(self) -> bytes | None:
        """The key as a record has it."""
        return None if self.key is None else self.key.encode(errors="surrogatepass")

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.value) + len(self.key or "") + EVENT_OVERHEAD_BYTES


class HandingIn:
    """Takes events in, and produces them in the order in which they came, while `run` runs.

    Events are numbered, from 1. An event that Kafka refuses for its size is told to `refuse`, and holds up
    no other.

    Args:
        producer: connected; it waits while Kafka is away.
        topic: the platform's events topic.
        partitions: how many it has.
        buffer_bytes: how much may wait.
        refuse: what to do about an event that Kafka never takes.

    Attributes:
        taken: the number of the last event that was taken in.
        confirmed: the number of the last one that all in-sync replicas have, with all before it.
        refused: how many Kafka did not take.
        waiting_bytes: how much waits.
    """

    def __init__(
        self,
        producer: RecordProducer,
        topic: str,
        partitions: int,
        *,
        buffer_bytes: int,
        refuse: Callable[[RawEvent], None],
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions
        self._buffer_bytes = buffer_bytes
        self._refuse = refuse
        self._waiting: deque[RawEvent] = deque()
        #: Notified when something was taken in, and when something was confirmed.
        self._changed = asyncio.Condition()
        self.taken = 0
        self.confirmed = 0
        self.refused = 0
        self.waiting_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether `put` would wait now."""
        return self.waiting_bytes >= self._buffer_bytes

    async def put(self, *events: RawEvent) -> int:
        """Take events in, once there is room; return the number of the last one.

        They are in Kafka when `confirmed` has come that far. One caller's events stay in order; if it is
        cancelled, none was taken.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: not self.is_full)
            self._waiting.extend(events)
            self.waiting_bytes += sum(event.size_bytes for event in events)
            self.taken += len(events)
            self._changed.notify_all()
            return self.taken

    async def room(self) -> None:
        """Return when there is room for more."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self.is_full)

    async def flush(self) -> None:
        """Return when all that was taken in so far is in Kafka."""
        last = self.taken
        async with self._changed:
            await self._changed.wait_for(lambda: self.confirmed >= last)

    async def run(self) -> None:
        """Produce what is taken in, round by round, until cancelled.

        Raises:
            CannotGoOn: Kafka refuses for a reason that waiting does not mend.
        """
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._waiting)
                events = list(self._waiting)
                self._waiting.clear()
            await self._produce(events)
            async with self._changed:
                self.confirmed += len(events)
                self.waiting_bytes -= sum(event.size_bytes for event in events)
                self._changed.notify_all()

    async def _produce(self, events: Sequence[RawEvent]) -> None:
        by_partition: defaultdict[int, list[RawEvent]] = defaultdict(list)
        for event in events:
            partition = partition_of(Partitioner.MURMUR2, event.key_bytes or b"", self._partitions)
            by_partition[partition].append(event)
        try:
            async with asyncio.TaskGroup() as sending:
                for partition, here in by_partition.items():
                    sending.create_task(self._send(partition, here))
        except ExceptionGroup as several:
            # Each says that Kafka refuses, and one is enough.
            raise several.exceptions[0] from None

    async def _send(self, partition: int, events: Sequence[RawEvent]) -> None:
        def send(some: Sequence[RawEvent]) -> Awaitable[int]:
            records = [OutRecord(event.key_bytes, event.value) for event in some]
            return self._producer.send(self._topic, partition, records)

        _, bad = await write_or_split(events, send)
        for event, why in bad:
            self.refused += 1
            self._refuse(event)
            log.error(
                "Kafka does not take an event; it is left out",
                extra={"key": event.key, "size_bytes": len(event.value), "reason": why.reason},
            )
