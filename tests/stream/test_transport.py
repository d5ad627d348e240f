"""The chunk transport inside a real Faust app, on a real broker: what tells when another Faust breaks it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.stream.transport import CHUNKS_IN_FLIGHT_PER_PARTITION
from tests.services import eventually
from tests.stream.readers import (
    STOP_S,
    Reader,
    committed,
    has_committed,
    numbered,
    running,
    said,
    with_partitions,
)
from tests.transactions import open_transaction, transactional_producer
from tests.workers import produce

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings


@pytest.fixture
async def one_partition(settings: Callable[..., Settings]) -> Settings:
    return await with_partitions(settings, 1)


async def test_records_come_in_order_in_chunks_within_the_limits(one_partition: Settings) -> None:
    reader = Reader(one_partition, max_records=7)
    await produce(one_partition, reader.topic, numbered(100))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 100)
        await eventually(lambda: has_committed(one_partition, 100))
    assert reader.values() == said(100)
    assert all(len(chunk) <= 7 for chunk in reader.chunks)


async def test_an_unacknowledged_first_chunk_of_a_new_group_holds_the_commits(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition, acknowledge=False)
    await produce(one_partition, reader.topic, numbered(30))
    async with running(reader):
        await eventually(lambda: len(reader.chunks) == 3)
        reader.release(*reader.events[1:])
        await reader.consumer.commit()
        assert await committed(one_partition) in {None, 0}

    again = Reader(one_partition)
    async with running(again):
        await eventually(lambda: len(again.values()) == 30)
        await eventually(lambda: has_committed(one_partition, 30))


async def test_a_full_partition_is_not_read_on_until_a_chunk_is_acknowledged(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition, acknowledge=False, max_records=1)
    async with running(reader):
        for number in range(CHUNKS_IN_FLIGHT_PER_PARTITION + 3):
            await produce(one_partition, reader.topic, [(b"k", str(number).encode())])
            if number < CHUNKS_IN_FLIGHT_PER_PARTITION:
                await eventually(lambda: len(reader.chunks) == number + 1)  # noqa: B023  awaited here
        ready, _ = reader.consumer._ready_partitions()
        assert ready == set()
        assert len(reader.chunks) == CHUNKS_IN_FLIGHT_PER_PARTITION

        reader.release(reader.events[0])

        await eventually(lambda: len(reader.chunks) > CHUNKS_IN_FLIGHT_PER_PARTITION)


async def test_going_back_without_a_commit_reads_the_log_again_from_its_beginning(
    one_partition: Settings,
) -> None:
    """Faust and aiokafka alone go on where they stand, and lose what was read before the seek."""
    reader = Reader(one_partition, acknowledge=False)
    await produce(one_partition, reader.topic, numbered(20))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 20)

        await reader.consumer.perform_seek()

        await eventually(lambda: len(reader.values()) == 40)
        assert reader.values()[20:] == reader.values()[:20]
        # What was handed out before the seek counts for nothing.
        reader.release(*reader.events[:2])
        await reader.consumer.commit()
        assert await committed(one_partition) in {None, 0}


async def test_markers_of_transactions_leave_no_lag_and_rolled_back_records_are_not_seen(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition)
    async with transactional_producer(one_partition) as producer:
        async with producer.transaction():
            await producer.send_and_wait(reader.topic, b"said", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(reader.topic, b"taken back", partition=0)
        await producer.abort_transaction()

    async with running(reader):
        tp = reader.tp()
        await eventually(lambda: reader.values() == [b"said"])
        await eventually(lambda: has_committed(one_partition, 4))  # two records and two markers
        assert reader.consumer.done_to(tp) == await reader.consumer.end_offset(tp) == 4
    assert reader.values() == [b"said"]


async def test_the_end_is_where_reading_ends_while_a_transaction_is_open(one_partition: Settings) -> None:
    reader = Reader(one_partition)
    await produce(one_partition, reader.topic, numbered(3))
    async with running(reader), open_transaction(one_partition, reader.topic):
        await produce(one_partition, reader.topic, numbered(5))
        tp = reader.tp()
        await eventually(lambda: has_committed(one_partition, 3))

        assert await reader.consumer.end_offset(tp) == reader.consumer.done_to(tp) == 3
        assert await reader.consumer.end_offsets([tp]) == {tp: 3}
        assert len(reader.values()) == 3


async def test_what_is_in_flight_at_a_stop_is_released_and_committed(one_partition: Settings) -> None:
    reader = Reader(one_partition, acknowledge=False)
    await produce(one_partition, reader.topic, numbered(10))

    async def finish() -> None:
        reader.release(*reader.events)

    reader.app.finalize()
    await reader.app.start()
    reader.consumer.release_hooks.append(finish)
    await eventually(lambda: len(reader.values()) == 10)
    await asyncio.wait_for(reader.app.stop(), STOP_S)

    assert await committed(one_partition) == 10


async def test_end_offsets_asked_for_at_one_time_share_an_answer(settings: Callable[..., Settings]) -> None:
    made = await with_partitions(settings, 3)
    reader = Reader(made)
    await produce(made, reader.topic, [(str(number).encode(), b"x") for number in range(50)])
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 50)
        tps = [reader.tp(partition) for partition in range(3)] * 20
        ends = await asyncio.gather(*(reader.consumer.end_offset(tp) for tp in tps))
        together = await reader.consumer.end_offsets(set(tps))
        assert await reader.consumer.end_offsets([]) == {}
    assert sum(ends[:3]) == 50
    assert ends[:3] * 20 == ends
    assert together == dict(zip(tps[:3], ends[:3], strict=True))
