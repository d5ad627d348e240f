"""The chunk transport beside Faust's own: each test runs with both, and they must agree.

Where they differ on purpose, the last tests show what Faust does: should one of them fail, Faust has mended
it, and our departure from it can be looked at again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.kafka.clients import client_settings
from tests.services import eventually
from tests.sinks.kafka.topics import records_in
from tests.stream.readers import Reader, committed, has_committed, numbered, running, said, with_partitions
from tests.workers import produce

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings

both = pytest.mark.parametrize("plain", [False, True], ids=["ours", "Faust's"])


@pytest.fixture
async def one_partition(settings: Callable[..., Settings]) -> Settings:
    return await with_partitions(settings, 1)


@both
async def test_what_was_read_and_committed_shows_in_the_same_places(
    one_partition: Settings, plain: bool
) -> None:
    reader = Reader(one_partition, plain=plain)
    await produce(one_partition, reader.topic, numbered(35))
    async with running(reader):
        await eventually(lambda: has_committed(one_partition, 35))
        # Commits are noted after the broker has them.
        tp, monitor = reader.tp(), reader.monitor
        await eventually(lambda: monitor.tp_committed_offsets.get(tp) == 35)

        assert reader.values() == said(35)
        assert reader.consumer._committed_offset[tp] == 35
        assert reader.consumer._read_offset[tp] == monitor.tp_read_offsets[tp] == 34
        assert monitor.tp_end_offsets[tp] == reader.consumer.highwater(tp) == 35
        assert await reader.consumer.position(tp) == 35
        assert set(reader.consumer.unacked) == set()


@both
async def test_reading_goes_on_where_it_was_left(one_partition: Settings, plain: bool) -> None:
    first, second = Reader(one_partition, plain=plain), Reader(one_partition, plain=plain)
    await produce(one_partition, first.topic, numbered(20))
    async with running(first):
        await eventually(lambda: len(first.values()) == 20)
    # What was acknowledged before a stop is committed by it.
    assert await committed(one_partition) == 20

    await produce(one_partition, first.topic, numbered(range(20, 30)))
    async with running(second):
        await eventually(lambda: second.values() == said(range(20, 30)))
        await eventually(lambda: has_committed(one_partition, 30))


@both
async def test_records_that_come_in_the_order_of_their_acknowledgements_are_committed_as_they_go(
    one_partition: Settings, plain: bool
) -> None:
    reader = Reader(one_partition, plain=plain, acknowledge=False, max_records=1, broker_commit_interval=3600)
    await produce(one_partition, reader.topic, numbered(10))
    async with running(reader):
        await eventually(lambda: len(reader.events) == 10)
        for offset, event in enumerate(reader.events):
            reader.release(event)
            assert await reader.consumer.commit()
            assert await committed(one_partition) == offset + 1


@both
async def test_records_far_beyond_an_unacknowledged_one_are_not_committed(
    one_partition: Settings, plain: bool
) -> None:
    reader = Reader(one_partition, plain=plain, acknowledge=False, max_records=1, broker_commit_interval=3600)
    await produce(one_partition, reader.topic, numbered(10))
    async with running(reader):
        await eventually(lambda: len(reader.events) == 10)
        reader.release(reader.events[0])
        await reader.consumer.commit()

        reader.release(*reversed(reader.events[5:]))
        await reader.consumer.commit()
        assert await committed(one_partition) == 1

        reader.release(*reader.events[1:5])
        await reader.consumer.commit()
        assert await committed(one_partition) == 10


@both
async def test_going_back_to_what_is_committed_reads_the_rest_again(
    one_partition: Settings, plain: bool
) -> None:
    reader = Reader(one_partition, plain=plain, acknowledge=False, max_records=1)
    await produce(one_partition, reader.topic, numbered(10))
    async with running(reader):
        await eventually(lambda: len(reader.events) == 10)
        reader.release(*reader.events[:4])
        await eventually(lambda: has_committed(one_partition, 4))

        await reader.consumer.perform_seek()

        await eventually(lambda: reader.values() == [*said(10), *said(range(4, 10))])


@both
async def test_seeking_back_reads_again_from_there(one_partition: Settings, plain: bool) -> None:
    reader = Reader(one_partition, plain=plain)
    await produce(one_partition, reader.topic, numbered(5))
    async with running(reader):
        await eventually(lambda: has_committed(one_partition, 5))

        await reader.consumer.seek(reader.tp(), 3)
        await produce(one_partition, reader.topic, numbered(range(5, 10)))

        await eventually(lambda: reader.values() == [*said(5), *said(range(3, 10))])
        await eventually(lambda: has_committed(one_partition, 10))


@both
async def test_a_paused_partition_gives_nothing_and_loses_nothing(
    one_partition: Settings, plain: bool
) -> None:
    reader = Reader(one_partition, plain=plain)
    await produce(one_partition, reader.topic, numbered(5))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 5)
        tps = {reader.tp()}
        reader.consumer.pause_partitions(tps)
        # The poll that is under way still knows the partition, and Faust drops what it brings.
        await until_the_next_poll(reader)
        await produce(one_partition, reader.topic, numbered(range(5, 10)))
        with pytest.raises(AssertionError):
            await eventually(lambda: len(reader.values()) > 5, 1)

        reader.consumer.resume_partitions(tps)

        await eventually(lambda: reader.values() == said(10))


@both
async def test_a_stopped_flow_gives_nothing_until_it_is_resumed(one_partition: Settings, plain: bool) -> None:
    reader = Reader(one_partition, plain=plain)
    await produce(one_partition, reader.topic, numbered(5))
    async with running(reader):
        await eventually(lambda: has_committed(one_partition, 5))
        reader.consumer.stop_flow()
        await produce(one_partition, reader.topic, numbered(range(5, 10)))
        with pytest.raises(AssertionError):
            await eventually(lambda: len(reader.values()) > 5, 1)

        # As Faust resumes after a rebalance.
        await reader.consumer.perform_seek()
        reader.consumer.resume_flow()

        await eventually(lambda: reader.values() == said(10))


@both
async def test_markers_of_transactions_between_records_hold_nothing_up(
    one_partition: Settings, plain: bool
) -> None:
    reader = Reader(one_partition, plain=plain)
    producer = AIOKafkaProducer(
        **client_settings(one_partition.kafka), transactional_id=f"{one_partition.topology.vlab_env}-writer"
    )
    async with producer:
        for number in range(3):
            async with producer.transaction():
                await producer.send_and_wait(reader.topic, str(number).encode(), partition=0)
    await produce(one_partition, reader.topic, numbered([3]))

    async with running(reader):
        await eventually(lambda: reader.values() == said(4))
        # Four records and three markers.
        await eventually(lambda: has_committed(one_partition, 7))


@both
async def test_offsets_that_were_compacted_away_hold_nothing_up(one_partition: Settings, plain: bool) -> None:
    reader = Reader(one_partition, plain=plain)
    await compact_eagerly(one_partition, reader.topic)
    await produce(one_partition, reader.topic, [(b"same", b"old")] * 2000)

    async def compacted() -> bool:
        # Only what is not in the newest segment is compacted, and a record begins a new one.
        await produce(one_partition, reader.topic, [(b"same", b"new")])
        return len(await values_in(one_partition, reader.topic)) < 1000

    await eventually(compacted, what="the log is compacted")
    await produce(one_partition, reader.topic, [(b"other", b"last")])
    _, end = await ends_of(one_partition, reader.topic)

    async with running(reader):
        await eventually(lambda: reader.values()[-1:] == [b"last"])
        await eventually(lambda: has_committed(one_partition, end))
    assert len(reader.values()) < 1000


@pytest.mark.upgrade
async def test_faust_itself_still_commits_past_a_record_that_was_not_processed(
    one_partition: Settings,
) -> None:
    """Failure mode 1 of docs/faust.md; test_an_unacknowledged_first_chunk… holds that ours does not."""
    reader = Reader(one_partition, plain=True, acknowledge=False, broker_commit_interval=3600)
    await produce(one_partition, reader.topic, numbered(3))
    async with running(reader):
        await eventually(lambda: len(reader.events) == 3)
        reader.release(*reader.events[1:])
        await reader.consumer.commit()

        assert await committed(one_partition) == 3


@pytest.mark.upgrade
async def test_faust_itself_still_takes_a_failed_commit_for_a_success(one_partition: Settings) -> None:
    """Failure mode 5 of docs/faust.md; test_a_commit_that_fails_is_made_again… holds that ours does not."""
    reader = Reader(one_partition, plain=True, acknowledge=False, broker_commit_interval=3600)
    await produce(one_partition, reader.topic, numbered(3))
    async with running(reader):
        await eventually(lambda: len(reader.events) == 3)
        reader.release(*reader.events)
        refuse_one_commit(reader)

        assert not await reader.consumer.commit()

        assert reader.consumer._committed_offset[reader.tp()] == 3
        assert not await reader.consumer.commit()
        assert await committed(one_partition) is None


async def test_a_commit_that_fails_is_made_again_and_until_then_shows_as_not_made(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition, acknowledge=False, broker_commit_interval=3600)
    await produce(one_partition, reader.topic, numbered(3))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 3)
        reader.release(*reader.events)
        refuse_one_commit(reader)

        assert not await reader.consumer.commit()
        assert reader.consumer.committed_to(reader.tp()) == 0
        assert reader.tp() not in reader.monitor.tp_committed_offsets

        assert await reader.consumer.commit()
        assert await committed(one_partition) == reader.consumer.committed_to(reader.tp()) == 3


def refuse_one_commit(reader: Reader) -> None:
    """Let the next commit fail as when the broker says that a rebalance has begun."""
    commit = reader.consumer._commit

    async def refuse(marks: object) -> bool:
        reader.consumer._commit = commit  # only once
        return False

    reader.consumer._commit = refuse  # see above


async def until_the_next_poll(reader: Reader) -> None:
    """Return when the consumer looks which partitions to poll: what was under way before is over."""
    looks, look = asyncio.Event(), reader.consumer._get_active_partitions

    def noted() -> object:
        looks.set()
        return look()

    reader.consumer._get_active_partitions = noted  # listens, and lets through
    await asyncio.wait_for(looks.wait(), 60)
    reader.consumer._get_active_partitions = look


async def compact_eagerly(settings: Settings, topic: str) -> None:
    configs = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.001",
        "segment.ms": "100",
        "max.compaction.lag.ms": "100",
    }
    admin = AIOKafkaAdminClient(**client_settings(settings.kafka))
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    finally:
        await admin.close()


async def ends_of(settings: Settings, topic: str) -> tuple[int, int]:
    """Return where the log begins and ends."""
    tp = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(**client_settings(settings.kafka)) as consumer:
        return (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]


async def values_in(settings: Settings, topic: str) -> list[bytes]:
    """Return what the log holds now."""
    return [record.value for record in await records_in(settings.kafka.require_servers()[0], topic, 0)]
