"""What the chunk transport reads, and when it waits: bounds in bytes, gaps, odd records, Faust's watchdog."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from app.stream import transport
from tests.services import eventually
from tests.stream.readers import Reader, has_committed, numbered, running, said, with_partitions
from tests.workers import produce

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings


@pytest.fixture
async def one_partition(settings: Callable[..., Settings]) -> Settings:
    return await with_partitions(settings, 1)


async def test_as_many_bytes_as_may_be_in_flight_hold_a_partition_until_some_are_acknowledged(
    one_partition: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "BYTES_IN_FLIGHT", 5_000)
    reader = Reader(one_partition, acknowledge=False)
    async with running(reader):
        await eventually(reader.is_at_work)
        await produce(one_partition, reader.topic, [(b"a", b"x" * 6_000)])
        await eventually(lambda: len(reader.values()) == 1)

        await produce(one_partition, reader.topic, [(str(n).encode(), b"y") for n in range(20)])
        with pytest.raises(AssertionError):
            await eventually(lambda: len(reader.values()) > 1, 1)

        reader.acknowledge = True
        reader.release(*reader.events)
        await eventually(lambda: len(reader.values()) == 21)


async def test_as_many_bytes_as_may_be_in_flight_do_not_hold_a_partition_that_has_none_of_them(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or events that wait for states would keep these from being read."""
    monkeypatch.setattr(transport, "BYTES_IN_FLIGHT", 5_000)
    made = await with_partitions(settings, 2)
    reader = Reader(made, acknowledge=False)
    async with running(reader):
        await eventually(reader.is_at_work)
        await produce(made, reader.topic, [(b"a", b"x" * 6_000)])
        await eventually(lambda: len(reader.values()) == 1)
        full = reader.events[0].message.partition

        await produce(made, reader.topic, [(str(number).encode(), b"other") for number in range(50)])

        await eventually(lambda: reader.values().count(b"other") > 0)
        assert {event.message.partition for event in reader.events[1:]} == {1 - full}


async def test_a_full_partition_does_not_hold_up_the_others(settings: Callable[..., Settings]) -> None:
    made = await with_partitions(settings, 2)
    reader = Reader(made, acknowledge=False, max_records=1)
    # Before it reads, or it may get the first few alone, and be full with those.
    await produce(made, reader.topic, [(b"a", str(number).encode()) for number in range(50)])
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 50)
        full = reader.events[0].message.partition

        await produce(made, reader.topic, [(str(number).encode(), b"other") for number in range(50)])

        await eventually(lambda: reader.values().count(b"other") > 0)
        assert {event.message.partition for event in reader.events[50:]} == {1 - full}


async def test_records_without_value_key_or_time_and_ones_larger_than_a_chunk_come_as_they_are(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition)  # its chunks hold 10,000 bytes
    large = b"x" * 50_000
    await produce(one_partition, reader.topic, [(b"k", None), (None, b""), (b"k", large)])
    async with running(reader):
        await eventually(lambda: reader.values() == [None, b"", large])
        await eventually(lambda: has_committed(one_partition, 3))
    assert len(reader.chunks[-1]) == 1


async def test_what_nobody_works_on_is_not_handed_out_again_while_it_waits(one_partition: Settings) -> None:
    reader = Reader(one_partition, acknowledge=False, max_records=1)
    await produce(one_partition, reader.topic, numbered(3))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 3)
        reader.release(reader.events[1])
        reader.release(reader.events[1])
        await produce(one_partition, reader.topic, numbered(range(3, 5)))
        await eventually(lambda: len(reader.values()) == 5)
    assert reader.values() == said(5)


async def test_faust_does_not_complain_that_nothing_is_committed_when_it_is(
    one_partition: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Its watchdog looks when the consumer's thread last committed, five minutes after the start."""
    reader = Reader(one_partition, acknowledge=False, max_records=1)
    await produce(one_partition, reader.topic, numbered(10))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 10)
        reader.release(*reader.events[:5])
        await eventually(lambda: has_committed(one_partition, 5))
        # More than is read, as while catching up. It is full, and may have fetched only some of them.
        await produce(one_partition, reader.topic, numbered(100))
        thread = reader.consumer._thread
        await eventually(lambda: reader.consumer.highwater(reader.tp()) > 10)
        caplog.clear()
        thread.time_started -= 3600

        reader.consumer.verify_event_path(time.monotonic(), reader.tp())

    # Of Faust alone: on a busy machine aiokafka may complain of the broker.
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.message for record in errors if record.name.startswith("faust.")] == []
