"""Events come to Kafka in order, wait there where it is away, and keep back whoever brings more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.connect.handing_in import HandingIn, RawEvent
from models.errors import BadRecord, Reason
from models.partitioners import Partitioner, partition_of
from sinks.errors import CannotGoOn
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sinks.kafka.delivery import OutRecord

PARTITIONS = 4
ROOM_BYTES = 1000


class Broker:
    """Takes records as a producer does, unless it is away; refuses those that are too large."""

    def __init__(self) -> None:
        self.is_there = asyncio.Event()
        self.is_there.set()
        self.refuses = False
        self.records: dict[int, list[OutRecord]] = {number: [] for number in range(PARTITIONS)}

    async def send(self, topic: str, partition: int, records: Sequence[OutRecord]) -> int:
        assert topic == "events"
        await self.is_there.wait()
        if self.refuses:
            raise CannotGoOn("it may not")
        if any(b"too large" in (record.value or b"") for record in records):
            raise BadRecord(Reason.TOO_LARGE, "larger than it accepts")
        self.records[partition] += records
        return len(self.records[partition]) - 1

    def of(self, key: str) -> list[bytes | None]:
        here = self.records[partition_of(Partitioner.MURMUR2, key.encode(), PARTITIONS)]
        return [record.value for record in here if record.key == key.encode()]


@asynccontextmanager
async def handing_in_to(broker: Broker) -> AsyncIterator[tuple[HandingIn, list[RawEvent]]]:
    refused: list[RawEvent] = []
    handing_in = HandingIn(
        broker,  # type: ignore[arg-type]  # what it uses of one
        "events",
        PARTITIONS,
        buffer_bytes=ROOM_BYTES,
        refuse=refused.append,
    )
    running = asyncio.create_task(handing_in.run())
    try:
        yield handing_in, refused
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_events_of_a_channel_stay_in_order() -> None:
    broker = Broker()
    async with handing_in_to(broker) as (handing_in, _):
        for number in range(50):
            await handing_in.put(RawEvent("a", b"a%d" % number), RawEvent("b", b"b%d" % number))
        await handing_in.flush()

    assert broker.of("a") == [b"a%d" % number for number in range(50)]
    assert broker.of("b") == [b"b%d" % number for number in range(50)]
    assert (handing_in.taken, handing_in.confirmed, handing_in.waiting_bytes) == (100, 100, 0)


async def test_what_waits_for_kafka_is_not_confirmed_and_whoever_brings_more_than_fits_waits_too() -> None:
    broker = Broker()
    broker.is_there.clear()
    async with handing_in_to(broker) as (handing_in, _):
        while not handing_in.is_full:
            await handing_in.put(RawEvent("a", b"x" * 100))
        one_more = asyncio.create_task(handing_in.put(RawEvent("a", b"the last")))
        await asyncio.wait({one_more}, timeout=0.05)

        assert not one_more.done()
        assert handing_in.confirmed == 0
        assert handing_in.waiting_bytes < ROOM_BYTES + 400, "one event more than the room, at most"
        broker.is_there.set()
        await one_more
        await handing_in.flush()

    assert handing_in.confirmed == handing_in.taken
    assert broker.of("a")[-1] == b"the last"


async def test_who_gives_up_waiting_has_handed_in_nothing() -> None:
    broker = Broker()
    broker.is_there.clear()
    async with handing_in_to(broker) as (handing_in, _):
        while not handing_in.is_full:
            await handing_in.put(RawEvent("a", b"x" * 100))
        taken = handing_in.taken
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await handing_in.put(RawEvent("a", b"never"))
        broker.is_there.set()
        await handing_in.flush()

    assert handing_in.taken == taken
    assert b"never" not in broker.of("a")


async def test_an_event_that_kafka_never_takes_holds_up_no_other() -> None:
    broker = Broker()
    broker.is_there.clear()
    async with handing_in_to(broker) as (handing_in, refused):
        await handing_in.put(*(RawEvent("a", value) for value in (b"1", b"too large", b"2")))
        broker.is_there.set()
        await handing_in.flush()

    assert broker.of("a") == [b"1", b"2"]
    assert refused == [RawEvent("a", b"too large")]
    assert handing_in.refused == 1


async def test_a_refusal_that_waiting_does_not_mend_ends_it() -> None:
    broker = Broker()
    broker.refuses = True
    handing_in = HandingIn(
        broker,  # type: ignore[arg-type]  # as above
        "events",
        PARTITIONS,
        buffer_bytes=ROOM_BYTES,
        refuse=lambda _: None,
    )
    running = asyncio.create_task(handing_in.run())
    await handing_in.put(RawEvent("a", b"1"), RawEvent("b", b"2"))

    async def has_ended() -> bool:
        return running.done()

    await eventually(has_ended)
    with pytest.raises(CannotGoOn, match="it may not"):
        running.result()
    assert handing_in.confirmed == 0
