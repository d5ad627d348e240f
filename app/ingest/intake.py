"""Events on their way to the topic of their platform: when `put` returns, Kafka has them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from app.ingest.lane import Lane
from models.partitioners import Partitioner, partition_of
from sinks.errors import ServiceDown, SinkError
from sinks.kafka.producer import RecordProducer
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from app.ingest.metrics import Entrance, IngestMetrics
    from models.errors import BadRecord
    from sinks.kafka.delivery import OutRecord

log = logging.getLogger(__name__)

#: How long whoever brings events waits for Kafka. Platforms give a webhook some five seconds to answer.
KAFKA_WITHIN_S = 4.0
#: For how long brokers that answered are not asked again whether they do, nor for the number of partitions.
REACHED_FOR_S = 1.0


class EventIntake:
    """Puts events into the topics of their platforms; an async context manager.

    All requests share a producer. Once one could not send by it, the next ones make a new one, and it ends
    when the last of those before has: what Kafka did not confirm by then never gets there. Until then it may,
    and be there twice when it is brought again: as the same event, which is one row.

    What several requests bring for one partition goes together (`app.ingest.lane`).

    Attributes:
        topics: where the events of each platform go.

    Args:
        client: how to reach the brokers.
        topics: as the attribute.
        metrics: where they are counted.
    """

    def __init__(self, client: dict[str, Any], topics: Mapping[str, str], metrics: IngestMetrics) -> None:
        self.topics = topics
        self._client = client
        self._metrics = metrics
        self._way: _SharedProducer | None = None
        self._connecting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._trouble = Trouble(log, over="Events that are brought by HTTP reach Kafka again")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._way is not None:
            self._end(self._way)
        while self._ending:
            await asyncio.wait(self._ending)

    async def put(
        self, entrance: Entrance, platform: str, records: Sequence[OutRecord]
    ) -> list[tuple[int, BadRecord]]:
        """Have records confirmed by all in-sync replicas, those of one key in order.

        Args:
            entrance: by which they came.
            platform: one of `topics`.
            records: at least one.

        Returns:
            Which of them the topic does not take, by their place, and why; all others are there.

        Raises:
            ServiceDown: Kafka did not confirm them all in time; some may be there.
            CannotGoOn: it refuses us.
        """
        try:
            async with _in_time(), self._producing() as way:
                refused = await way.send(self.topics[platform], records)
        except SinkError as error:
            self._metrics.not_taken.labels(entrance, platform).inc(len(records))
            self._trouble.note(
                "Events that are brought by HTTP are not taken, as Kafka does not take them: whoever brings "
                "them has to come again",
                {"error": repr(error)},
            )
            raise
        self._trouble.end()
        self._metrics.taken.labels(entrance, platform).inc(len(records) - len(refused))
        return refused

    @asynccontextmanager
    async def _producing(self) -> AsyncIterator[_SharedProducer]:
        way = await self._connected()
        way.users += 1
        try:
            yield way
        except (SinkError, asyncio.CancelledError):
            if self._way is way:
                self._way = None
            raise
        finally:
            way.users -= 1
            if way.users == 0 and self._way is not way:
                self._end(way)

    async def _connected(self) -> _SharedProducer:
        async with self._connecting:
            if self._way is None:
                producer = RecordProducer(self._client)
                await producer.start()
                self._way = _SharedProducer(producer)
            return self._way

    def _end(self, way: _SharedProducer) -> None:
        """End a producer behind the back of whoever waits for an answer: it takes seconds."""
        task = asyncio.create_task(way.end(), name="end of a producer")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


@dataclass(slots=True, eq=False)
class _SharedProducer:
    """A producer, and how many requests send by it now."""

    producer: RecordProducer
    users: int = 0
    #: How many partitions a topic has, and until when that is taken for true.
    _partitions: dict[str, tuple[int, float]] = field(default_factory=dict)
    _lanes: dict[tuple[str, int], Lane] = field(default_factory=dict)

    async def send(self, topic: str, records: Sequence[OutRecord]) -> list[tuple[int, BadRecord]]:
        partitions = await self._reach(topic)
        by_partition: dict[int, list[tuple[int, OutRecord]]] = defaultdict(list)
        for place, record in enumerate(records):
            partition = partition_of(Partitioner.MURMUR2, record.key or b"", partitions)
            by_partition[partition].append((place, record))

        async def send_to(partition: int) -> list[tuple[int, BadRecord]]:
            pairs = by_partition[partition]
            bad = await self._lane(topic, partition).put([record for _, record in pairs])
            return [(pairs[number][0], error) for number, error in bad]

        # All of them are waited for, or some would go on when whoever asks is told that it failed.
        done = await asyncio.gather(*map(send_to, by_partition), return_exceptions=True)
        if failed := [found for found in done if isinstance(found, BaseException)]:
            raise failed[0]
        return [each for found in done if not isinstance(found, BaseException) for each in found]

    async def end(self) -> None:
        for lane in self._lanes.values():
            await lane.end()
        await self.producer.stop()

    async def _reach(self, topic: str) -> int:
        """Return how many partitions there are, when the brokers have answered now, or a moment ago."""
        known, until = self._partitions.get(topic, (0, 0.0))
        if time.monotonic() < until:
            return known
        known = await self.producer.reach(topic)
        self._partitions[topic] = known, time.monotonic() + REACHED_FOR_S
        return known

    def _lane(self, topic: str, partition: int) -> Lane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = Lane(lambda records: self.producer.send(topic, partition, records))
            self._lanes[topic, partition] = lane
        return lane


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(KAFKA_WITHIN_S):
            yield
    except TimeoutError:
        raise ServiceDown(
            f"Kafka does not confirm within {KAFKA_WITHIN_S:g} s, or lacks the topic: see the brokers and "
            "the network, and the topics by `chatlog topics --dry-run`"
        ) from None
