"""Faust apps that read one topic and keep what they get: by our transport, or by Faust's own to compare.

For tests of the transport alone; workers as operators run them are in `tests.workers`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from app.kafka.clients import client_settings
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import groups_of, topics_of
from app.stream.transport import ChunkLimits, ChunkSchema, ChunkTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from app.settings import Settings

#: A stop that takes longer hangs: a rebalance that it waits for takes up to 6 s, on an idle machine.
STOP_S = 60.0


class Reader:
    """A Faust app with one agent that keeps what it gets, and acknowledges when told to.

    Args:
        settings: whose chat-log topic and persist group to use.
        acknowledge: whether everything is acknowledged at once.
        max_records: records in a chunk.
        plain: whether to use Faust's own transport, one event a record.
        options: settings of the Faust app that are to differ.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        acknowledge: bool = True,
        max_records: int = 10,
        plain: bool = False,
        **options: Any,
    ) -> None:
        self.acknowledge = acknowledge
        self.topic = topics_of(settings.topology).chat_log.name
        #: Every event that the agent got, in the order in which it came.
        self.events: list[Any] = []
        self._plain = plain
        usual: dict[str, Any] = {
            "broker": [f"kafka://{server}" for server in settings.kafka.bootstrap_servers],
            "datadir": settings.worker.data_dir,
            "web_enabled": False,
            "topic_allow_declare": False,
            "topic_disable_leader": True,
            "consumer_auto_offset_reset": "earliest",
            "broker_rebalance_timeout": 6,
            "broker_session_timeout": 6,
            "broker_heartbeat_interval": 1,
            "broker_commit_interval": 0.2,
            "stream_wait_empty": not plain,
            "stream_recovery_delay": 0,
        }
        self.app = faust.App(groups_of(settings.topology).persist, **(usual | options))
        if not plain:
            self.app.transport = ChunkTransport(
                self.app.conf.broker_consumer, self.app, limits=ChunkLimits(max_records, 10_000)
            )
        topic = (
            self.app.topic(self.topic, key_type=bytes, value_type=bytes, value_serializer="raw")
            if plain
            else self.app.topic(self.topic, schema=ChunkSchema())
        )
        self.app.agent(topic, name="reader")(self._read)

    async def _read(self, stream: Any) -> None:
        async for event in stream.noack().events():
            self.events.append(event)
            if self.acknowledge:
                event.ack()

    @property
    def consumer(self) -> Any:
        """The consumer, ours or Faust's."""
        return self.app.consumer

    @property
    def monitor(self) -> Any:
        return self.app.monitor

    @property
    def chunks(self) -> list[Any]:
        return [event.value for event in self.events]

    def tp(self, partition: int = 0) -> TP:
        return TP(self.topic, partition)

    def values(self) -> list[bytes]:
        """Return what the records say, in the order in which they came."""
        if self._plain:
            return list(self.chunks)
        return [record.value for chunk in self.chunks for record in chunk]

    def partitions(self) -> set[int]:
        """Return the partitions that the reader has now."""
        return {tp.partition for tp in self.consumer.assignment()}

    def is_at_work(self) -> bool:
        """Whether the group gave partitions, and reading has begun where it was left."""
        return bool(self.partitions()) and not self.app.rebalancing and self.consumer.flow_active

    def release(self, *events: Any) -> None:
        for event in events:
            event.ack()


@asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[Reader]:
    reader.app.finalize()
    await reader.app.start()
    try:
        yield reader
    finally:
        await asyncio.wait_for(reader.app.stop(), STOP_S)


async def committed(settings: Settings, partition: int = 0) -> int | None:
    """Ask the broker, as whoever takes over would."""
    consumer = AIOKafkaConsumer(
        **client_settings(settings.kafka), group_id=groups_of(settings.topology).persist
    )
    await consumer.start()
    try:
        tp = TopicPartition(topics_of(settings.topology).chat_log.name, partition)
        offset: int | None = await consumer.committed(tp)
    finally:
        await consumer.stop()
    return offset


async def has_committed(settings: Settings, offset: int, partition: int = 0) -> bool:
    found = await committed(settings, partition)
    assert found == offset, f"committed is {found}"
    return True


def numbered(numbers: Iterable[int] | int) -> list[tuple[bytes, bytes]]:
    """Return records of one key that say 0, 1, 2 and so on."""
    numbers = range(numbers) if isinstance(numbers, int) else numbers
    return [(b"k", str(number).encode()) for number in numbers]


def said(numbers: Iterable[int] | int) -> list[bytes]:
    """Return what records made by `numbered` say."""
    return [value for _, value in numbered(numbers)]


async def with_partitions(settings: Callable[..., Settings], count: int, **fields: Any) -> Settings:
    """Return settings whose topics exist, with so many partitions."""
    made = settings(topic_partitions=count, **fields)
    await ensure_topics(made.kafka, made.topology)
    return made
