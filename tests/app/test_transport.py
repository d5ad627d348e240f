"""The chunk transport inside a real Faust app, on a real broker: what tells when another Faust breaks it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from app.kafka import client_settings
from app.topic_admin import ensure_topics
from app.topics import topics_of
from app.transport import CHUNKS_IN_FLIGHT_PER_PARTITION, ChunkLimits, ChunkSchema, ChunkTransport
from tests.services import eventually
from tests.workers import produce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.progress import Chunk
    from app.settings import Settings


class Reader:
    """A Faust app with one agent that keeps what it gets, and acknowledges when told to."""

    def __init__(self, settings: Settings, *, acknowledge: bool, max_records: int = 10) -> None:
        self.chunks: list[Chunk] = []
        self.events: list[Any] = []
        self.acknowledge = acknowledge
        self.topic = topics_of(settings).chat_log.name
        self.app = faust.App(
            settings.persist_group,
            broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers],
            datadir=settings.data_dir,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            broker_rebalance_timeout=6,
            broker_session_timeout=6,
            broker_heartbeat_interval=1,
            broker_commit_interval=0.2,
            stream_wait_empty=True,
            stream_recovery_delay=0,
        )
        self.app.transport = ChunkTransport(
            self.app.conf.broker_consumer, self.app, limits=ChunkLimits(max_records, 10_000)
        )
        self.app.agent(self.app.topic(self.topic, schema=ChunkSchema()), name="reader")(self._read)

    async def _read(self, stream: Any) -> None:
        async for event in stream.noack().events():
            self.chunks.append(event.value)
            self.events.append(event)
            if self.acknowledge:
                event.ack()

    @property
    def consumer(self) -> Any:
        return self.app.consumer

    def values(self) -> list[bytes]:
        return [record.value for chunk in self.chunks for record in chunk]

    def release(self, event: Any) -> None:
        event.ack()


@asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[Reader]:
    reader.app.finalize()
    await reader.app.start()
    try:
        yield reader
    finally:
        await reader.app.stop()


@pytest.fixture
async def one_partition(settings: Callable[..., Settings]) -> Settings:
    made = settings(topic_partitions=1)
    await ensure_topics(made)
    return made


async def committed(settings: Settings) -> int | None:
    """Ask the broker, as whoever takes over would."""
    consumer = AIOKafkaConsumer(**client_settings(settings), group_id=settings.persist_group)
    await consumer.start()
    try:
        offset: int | None = await consumer.committed(TopicPartition(topics_of(settings).chat_log.name, 0))
    finally:
        await consumer.stop()
    return offset


def numbered(count: int) -> list[tuple[bytes, bytes]]:
    return [(b"k", str(number).encode()) for number in range(count)]


async def has_committed(settings: Settings, offset: int) -> bool:
    found = await committed(settings)
    assert found == offset, f"committed is {found}"
    return True


def test_this_is_the_faust_the_transport_was_tested_with() -> None:
    # The three go together. Before moving on: run this file and tests/faults, then change this.
    assert (version("faust-streaming"), version("mode-streaming"), version("aiokafka")) == (
        "0.15.3",
        "0.7.1",
        "0.14.0",
    )


async def test_records_come_in_order_in_chunks_within_the_limits(one_partition: Settings) -> None:
    reader = Reader(one_partition, acknowledge=True, max_records=7)
    await produce(one_partition, reader.topic, numbered(100))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 100, 30)
        await eventually(lambda: has_committed(one_partition, 100), 10)
    assert reader.values() == [value for _, value in numbered(100)]
    assert all(len(chunk) <= 7 for chunk in reader.chunks)


async def test_an_unacknowledged_first_chunk_of_a_new_group_holds_the_commits(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition, acknowledge=False)
    await produce(one_partition, reader.topic, numbered(30))
    async with running(reader):
        await eventually(lambda: len(reader.chunks) == 3, 30)
        for event in reader.events[1:]:
            reader.release(event)
        await reader.consumer.commit()
        assert await committed(one_partition) in {None, 0}

    again = Reader(one_partition, acknowledge=True)
    async with running(again):
        await eventually(lambda: len(again.values()) == 30, 30)
        await eventually(lambda: has_committed(one_partition, 30), 10)


async def test_a_full_partition_is_not_read_on_until_a_chunk_is_acknowledged(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition, acknowledge=False, max_records=1)
    async with running(reader):
        for number in range(CHUNKS_IN_FLIGHT_PER_PARTITION + 3):
            await produce(one_partition, reader.topic, [(b"k", str(number).encode())])
            if number < CHUNKS_IN_FLIGHT_PER_PARTITION:
                await eventually(lambda: len(reader.chunks) == number + 1, 30)  # noqa: B023  awaited here
        ready, _ = reader.consumer._ready_partitions()
        assert ready == set()
        assert len(reader.chunks) == CHUNKS_IN_FLIGHT_PER_PARTITION

        reader.release(reader.events[0])

        await eventually(lambda: len(reader.chunks) > CHUNKS_IN_FLIGHT_PER_PARTITION, 10)


async def test_going_back_without_a_commit_reads_the_log_again_from_its_beginning(
    one_partition: Settings,
) -> None:
    """Faust and aiokafka alone go on where they stand, and lose what was read before the seek."""
    reader = Reader(one_partition, acknowledge=False)
    await produce(one_partition, reader.topic, numbered(20))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 20, 30)

        await reader.consumer.perform_seek()

        await eventually(lambda: len(reader.values()) == 40, 30)
        assert reader.values()[20:] == reader.values()[:20]
        # What was handed out before the seek counts for nothing.
        for event in reader.events[:2]:
            reader.release(event)
        await reader.consumer.commit()
        assert await committed(one_partition) in {None, 0}


async def test_markers_of_transactions_leave_no_lag_and_rolled_back_records_are_not_seen(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition, acknowledge=True)
    producer = AIOKafkaProducer(
        **client_settings(one_partition), transactional_id=f"{one_partition.vlab_env}-writer"
    )
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(reader.topic, b"said", partition=0)
    await producer.begin_transaction()
    await producer.send_and_wait(reader.topic, b"taken back", partition=0)
    await producer.abort_transaction()
    await producer.stop()

    async with running(reader):
        tp = TP(reader.topic, 0)
        await eventually(lambda: reader.values() == [b"said"], 30)
        end = await reader.consumer.end_offset(tp)
        assert end == 4  # two records and two markers
        await eventually(lambda: has_committed(one_partition, end), 10)
        assert reader.consumer.done_to(tp) == end
    assert reader.values() == [b"said"]


async def test_what_is_in_flight_at_a_stop_is_released_and_committed(one_partition: Settings) -> None:
    reader = Reader(one_partition, acknowledge=False)
    await produce(one_partition, reader.topic, numbered(10))

    async def finish() -> None:
        for event in reader.events:
            reader.release(event)

    reader.app.finalize()
    await reader.app.start()
    reader.consumer.release_hooks.append(finish)
    await eventually(lambda: len(reader.values()) == 10, 30)
    await asyncio.wait_for(reader.app.stop(), 10)

    assert await committed(one_partition) == 10


async def test_end_offsets_asked_for_at_one_time_share_an_answer(settings: Callable[..., Settings]) -> None:
    made = settings(topic_partitions=3)
    await ensure_topics(made)
    reader = Reader(made, acknowledge=True)
    await produce(made, reader.topic, [(str(number).encode(), b"x") for number in range(50)])
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 50, 30)
        tps = [TP(reader.topic, partition) for partition in range(3)] * 20
        ends = await asyncio.gather(*(reader.consumer.end_offset(tp) for tp in tps))
    assert sum(ends[:3]) == 50
    assert ends[:3] * 20 == ends
