"""The chunk transport while partitions change hands: what was committed, and what the agents got."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from app.stream.progress import PartitionProgress
from tests.services import eventually
from tests.stream.readers import Reader, committed, has_committed, numbered, running, said, with_partitions
from tests.workers import produce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from faust.types import TP

    from app.settings import Settings


@pytest.fixture
async def one_partition(settings: Callable[..., Settings]) -> Settings:
    return await with_partitions(settings, 1)


class Tardy(Reader):
    """Acknowledges each chunk some time later, in any order; some time a commit must not pass the rest.

    Args:
        settings: as for `Reader`.
        chance: decides how much later.
        done: the offsets that any reader has acknowledged, for each partition.
    """

    def __init__(self, settings: Settings, chance: random.Random, done: dict[TP, set[int]]) -> None:
        super().__init__(settings, max_records=5, broker_commit_interval=0.1)
        self._chance = chance
        self._done = done
        self._later: set[asyncio.Task[None]] = set()
        self.passed_over: list[str] = []

    async def _read(self, stream: Any) -> None:
        async for event in stream.noack().events():
            self.events.append(event)
            task = asyncio.create_task(self._acknowledge(event))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _acknowledge(self, event: Any) -> None:
        await asyncio.sleep(self._chance.random() ** 4)
        self._done.setdefault(event.message.tp, set()).update(record.offset for record in event.value)
        event.ack()

    async def begin(self) -> None:
        """Start; from now on every commit is checked before it goes to the broker."""
        self.app.finalize()
        await self.app.start()
        commit = self.consumer._commit

        async def checked(marks: Mapping[TP, int]) -> bool:
            for tp, mark in marks.items():
                if missing := set(range(mark)) - self._done.get(tp, set()):
                    self.passed_over.append(f"{tp} {min(missing)} of {mark}")
            return bool(await commit(marks))

        self.consumer._commit = checked  # looked at on its way, and let through

    async def end(self) -> None:
        await self.app.stop()


async def test_no_commit_passes_a_record_that_nobody_acknowledged_while_readers_come_and_go(
    settings: Callable[..., Settings],
) -> None:
    made = await with_partitions(settings, 3)
    chance, done = random.Random(7), dict[Any, set[int]]()
    staying = Tardy(made, chance, done)
    readers = [staying]
    await staying.begin()
    try:
        for _ in range(3):
            await produce(made, staying.topic, [(str(n).encode(), b"x") for n in range(600)])
            passing = Tardy(made, chance, done)
            readers.append(passing)
            await passing.begin()
            await eventually(passing.is_at_work)
            await produce(made, staying.topic, [(str(n).encode(), b"x") for n in range(300)])
            await eventually(lambda: len(passing.events) > 3)  # noqa: B023  awaited here
            await passing.end()
        await eventually(lambda: sum(len(offsets) for offsets in done.values()) == 2700)

        async def all_is_committed() -> bool:
            marks = [await committed(made, partition) or 0 for partition in range(3)]
            assert sum(marks) == 2700, f"committed are {marks}"
            return True

        await eventually(all_is_committed)
    finally:
        await staying.end()
    assert [passed for reader in readers for passed in reader.passed_over] == []


async def test_what_a_reader_acknowledges_after_its_partition_went_elsewhere_counts_for_nothing(
    settings: Callable[..., Settings],
) -> None:
    made = await with_partitions(settings, 2)
    await produce(made, Reader(made).topic, [(str(n).encode(), b"x") for n in range(40)])
    first, second = Reader(made, acknowledge=False), Reader(made, acknowledge=False)
    async with running(first):
        await eventually(lambda: len(first.values()) == 40)
        of_before = list(first.events)
        async with running(second):
            await eventually(lambda: each_has_one_partition(first, second))
            # Twice what there is; more, if the group did not settle at once.
            await eventually(lambda: len(first.values()) + len(second.values()) >= 80)

            first.release(*of_before)
            await first.consumer.commit()

            assert [await committed(made, partition) or 0 for partition in (0, 1)] == [0, 0]


async def test_what_is_finished_while_a_commit_is_under_way_is_committed_before_partitions_go(
    one_partition: Settings,
) -> None:
    """Faust's `commit` only waits while another is under way, and that one knows of what was done before."""
    reader = Reader(one_partition, acknowledge=False, broker_commit_interval=3600)
    await produce(one_partition, reader.topic, numbered(20))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 20)
        commit, under_way, answer = reader.consumer._commit, asyncio.Event(), asyncio.Event()

        async def slow(marks: Mapping[TP, int]) -> bool:
            under_way.set()
            await answer.wait()
            return bool(await commit(marks))

        reader.consumer._commit = slow  # a broker that takes its time
        reader.release(reader.events[0])
        in_background = asyncio.create_task(reader.consumer.commit())
        await under_way.wait()

        async def finish() -> None:
            reader.release(*reader.events[1:])
            asyncio.get_running_loop().call_later(0.1, answer.set)

        reader.consumer.release_hooks.append(finish)
        await reader.consumer.on_partitions_revoked(set(reader.consumer.assignment()))
        await in_background

        assert await committed(one_partition) == 20


async def test_a_spare_reader_that_is_given_a_partition_polls_nothing_before_its_place_is_known(
    one_partition: Settings,
) -> None:
    """Faust makes partitions active before it pauses them; its conductor does not know them yet."""
    await produce(one_partition, Reader(one_partition).topic, numbered(10))
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(running(Reader(one_partition, acknowledge=False)))
            for _ in range(2)
        ]

        def one_is_spare() -> bool:
            return [len(reader.partitions()) for reader in readers] in ([0, 1], [1, 0]) and not any(
                reader.app.rebalancing for reader in readers
            )

        await eventually(one_is_spare)
        busy, spare = sorted(readers, key=lambda reader: -len(reader.partitions()))
        polled: set[TP] = set()
        getmany, subscribed = spare.consumer._getmany, spare.app.topics.maybe_wait_for_subscriptions

        async def noted(active_partitions: set[TP], timeout: float) -> Any:
            polled.update(active_partitions)
            return await getmany(active_partitions, timeout)

        async def slow() -> None:
            spare.consumer._getmany = noted  # listens, and lets through
            # Longer than the poll loop sleeps, so that it looks what it may poll.
            with pytest.raises(AssertionError):
                await eventually(lambda: polled, 1)
            await subscribed()

        topics: Any = spare.app.topics
        topics.maybe_wait_for_subscriptions = slow

        await busy.app.stop()

        await eventually(lambda: spare.values() == said(10))


async def test_a_reader_that_does_not_poll_because_it_is_full_stays_in_the_group(
    one_partition: Settings,
) -> None:
    """aiokafka takes it for hanging, leaves, and joins again only after a poll, for which Faust waits."""
    reader = Reader(one_partition, acknowledge=False, max_records=1, broker_max_poll_interval=1.0)
    await produce(one_partition, reader.topic, numbered(30))
    async with running(reader):
        await eventually(lambda: len(reader.values()) == 30)

        with pytest.raises(AssertionError):
            await eventually(lambda: reader.app.rebalancing, 5)

        reader.acknowledge = True
        reader.release(*reader.events)
        await produce(one_partition, reader.topic, numbered(range(30, 40)))
        await eventually(lambda: reader.values() == said(40))
        await eventually(lambda: has_committed(one_partition, 40))


async def test_a_partition_that_went_before_it_was_committed_does_not_count_as_committed(
    one_partition: Settings,
) -> None:
    reader = Reader(one_partition)
    await produce(one_partition, reader.topic, numbered(10))
    async with running(reader):
        await eventually(lambda: has_committed(one_partition, 10))
        gone = reader.tp(99)
        # As between the moment when a mark is read and the one when the consumer's thread commits it.
        reader.consumer._progress[gone] = PartitionProgress(position=5)
        await produce(one_partition, reader.topic, numbered(10))
        await eventually(lambda: has_committed(one_partition, 20))

        assert reader.consumer.committed_to(gone) == 0
        assert not reader.consumer._committed_offset.get(gone)
        assert gone not in reader.monitor.tp_committed_offsets


def each_has_one_partition(*readers: Reader) -> bool:
    return all(reader.is_at_work() and len(reader.partitions()) == 1 for reader in readers)
