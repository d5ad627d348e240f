"""What is acknowledged, and when: a chunk, after the work on it, and never when something went wrong."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chunks import CANCEL_S, RELEASE_GRACE_S, Chunk, ChunkRunner, StreamEnded
from tests import virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


def chunk(partition: int, first: int, count: int = 1) -> Chunk:
    records: list[Any] = [SimpleNamespace(offset=offset) for offset in range(first, first + count)]
    return Chunk("topic", partition, records, 10 * count)


class Stream:
    """Hands out chunks as Faust does, until it is ended, and notes what is acknowledged."""

    def __init__(self, *chunks: Chunk) -> None:
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()
        for each in chunks:
            self.put(each)
        self.acknowledged: list[Chunk] = []

    def put(self, each: Chunk) -> None:
        self._chunks.put_nowait(each)

    def end(self) -> None:
        self._chunks.put_nowait(None)

    def noack(self) -> Stream:
        return self

    async def events(self) -> AsyncIterator[Any]:
        while (each := await self._chunks.get()) is not None:
            yield SimpleNamespace(value=each, ack=lambda each=each: self.acknowledged.append(each))


class Handler:
    """Works on a chunk for a time of its own, and notes how that went."""

    def __init__(self, *, default_s: float = 1.0) -> None:
        self.default_s = default_s
        self.takes_s: dict[Chunk, float] = {}
        self.fails: dict[Chunk, Exception] = {}
        self.began: list[Chunk] = []
        self.finished: list[Chunk] = []
        self.working: set[Chunk] = set()

    async def __call__(self, each: Chunk) -> None:
        self.began.append(each)
        self.working.add(each)
        try:
            await asyncio.sleep(self.takes_s.get(each, self.default_s))
            if each in self.fails:
                raise self.fails[each]
        finally:
            self.working.discard(each)
        self.finished.append(each)


class Running:
    """A runner at work on a stream."""

    def __init__(
        self, handler: Callable[[Chunk], Awaitable[None]], *chunks: Chunk, in_order: bool = False
    ) -> None:
        self.stream = Stream(*chunks)
        self.failures: list[Exception] = []
        self.runner = ChunkRunner("test", handler, in_order=in_order, fail=self._fail)
        self.task = asyncio.create_task(self.runner.run(cast("Any", self.stream)))

    async def _fail(self, error: Exception) -> None:
        self.failures.append(error)


def test_a_chunk_is_acknowledged_after_the_work_on_it_and_not_before() -> None:
    async def test() -> None:
        only = chunk(0, 0, count=7)
        running = Running(Handler(), only)
        await asyncio.sleep(0.99)
        assert running.stream.acknowledged == []
        await asyncio.sleep(0.02)
        assert running.stream.acknowledged == [only]

    virtual_time.run(test())


def test_chunks_are_worked_on_side_by_side() -> None:
    async def test() -> None:
        chunks = [chunk(0, number) for number in range(4)]
        handler = Handler()
        handler.takes_s[chunks[0]] = 5
        running = Running(handler, *chunks)
        await asyncio.sleep(1.1)
        assert running.stream.acknowledged == chunks[1:]
        await asyncio.sleep(5)
        assert running.stream.acknowledged == [*chunks[1:], chunks[0]]

    virtual_time.run(test())


def test_in_order_a_chunk_waits_for_the_one_before_it_in_its_partition_only() -> None:
    async def test() -> None:
        first, second, third = (chunk(0, number) for number in range(3))
        other = chunk(1, 0)
        handler = Handler()
        handler.takes_s[first] = 5
        running = Running(handler, first, second, third, other, in_order=True)
        await asyncio.sleep(4.9)
        assert handler.began == [first, other]
        assert running.stream.acknowledged == [other]
        await asyncio.sleep(5)
        assert running.stream.acknowledged == [other, first, second, third]

    virtual_time.run(test())


@pytest.mark.parametrize("in_order", [False, True])
def test_an_error_stops_the_worker_and_the_chunk_is_never_acknowledged(
    in_order: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        good, bad = chunk(0, 0, 3), chunk(0, 3, 4)
        handler = Handler()
        handler.fails[bad] = RuntimeError("unforeseen")
        running = Running(handler, good, bad, in_order=in_order)
        await asyncio.sleep(10)
        assert [str(error) for error in running.failures] == ["unforeseen"]
        assert running.stream.acknowledged == [good]

    with caplog.at_level(logging.ERROR):
        virtual_time.run(test())
    (record,) = caplog.records
    assert (record.__dict__["topic"], record.__dict__["partition"]) == ("topic", 0)
    assert (record.__dict__["offset"], record.__dict__["last_offset"]) == (3, 6)


def test_nothing_is_begun_after_a_chunk_that_failed() -> None:
    """What comes later in the log would be in the table before it."""

    async def test() -> None:
        first, beside, later = chunk(0, 0), chunk(0, 1), chunk(0, 2)
        handler = Handler()
        handler.fails[first] = RuntimeError("unforeseen")
        handler.takes_s[beside] = 2.0
        running = Running(handler, first, beside)
        await asyncio.sleep(1.5)
        running.stream.put(later)
        await asyncio.sleep(10)
        assert handler.began == [first, beside]
        assert running.stream.acknowledged == [beside]

    virtual_time.run(test())


def test_in_order_nothing_is_worked_on_after_a_chunk_that_failed() -> None:
    """A state that is skipped would be missing in every history after it."""

    async def test() -> None:
        first, second, third = (chunk(0, number) for number in range(3))
        other = chunk(1, 0)
        handler = Handler()
        handler.fails[first] = RuntimeError("unforeseen")
        running = Running(handler, first, second, third, other, in_order=True)
        await asyncio.sleep(10)
        assert handler.began == [first, other]
        assert running.stream.acknowledged == [other]
        assert len(running.failures) == 1

    virtual_time.run(test())


def test_a_stream_that_ends_stops_the_worker() -> None:
    async def test() -> None:
        running = Running(Handler())
        running.stream.end()
        await asyncio.sleep(0)
        await running.task
        (error,) = running.failures
        assert isinstance(error, StreamEnded)
        assert "test" in str(error)

    virtual_time.run(test())


def test_releasing_lets_short_work_finish() -> None:
    async def test() -> None:
        only = chunk(0, 0)
        running = Running(Handler(), only)
        await asyncio.sleep(0.1)
        await running.runner.release()
        assert virtual_time.now() == pytest.approx(1.0)
        assert running.stream.acknowledged == [only]

    virtual_time.run(test())


def test_releasing_cancels_long_work_when_the_grace_is_over() -> None:
    async def test() -> None:
        short, long, after = chunk(0, 0), chunk(1, 0), chunk(1, 1)
        handler = Handler()
        handler.takes_s[long] = 1e9
        running = Running(handler, short, long, after, in_order=True)
        await asyncio.sleep(0.5)
        await running.runner.release()
        assert virtual_time.now() == pytest.approx(0.5 + RELEASE_GRACE_S)
        assert running.stream.acknowledged == [short]
        assert handler.working == set()
        assert handler.began == [short, long]
        assert running.failures == []

        await running.runner.release()
        again = chunk(1, 0)
        running.stream.put(again)
        await asyncio.sleep(2)
        assert running.stream.acknowledged == [short, again]

    virtual_time.run(test())


def test_what_begins_during_a_release_is_released_too() -> None:
    """A chunk may be on its way from the stream to the agent when the partitions are taken away."""

    async def test() -> None:
        handler = Handler(default_s=1e9)
        running = Running(handler, chunk(0, 0))
        await asyncio.sleep(0.5)
        releasing = asyncio.create_task(running.runner.release())
        await asyncio.sleep(RELEASE_GRACE_S / 2)
        running.stream.put(chunk(0, 1))
        await releasing
        assert handler.working == set()
        assert len(handler.began) == 2
        assert running.stream.acknowledged == []
        assert virtual_time.now() == pytest.approx(0.5 + RELEASE_GRACE_S)

    virtual_time.run(test())


def test_a_chunk_that_waits_in_the_stream_is_begun_before_the_release_or_not_at_all() -> None:
    async def test() -> None:
        handler = Handler(default_s=1e9)
        running = Running(handler)
        await asyncio.sleep(0.5)
        running.stream.put(chunk(0, 0))
        await running.runner.release()
        assert handler.working == set()

    virtual_time.run(test())


def test_work_that_does_not_let_itself_be_cancelled_holds_a_release_up_no_longer_than_it_may() -> None:
    async def stuck(_: Chunk) -> None:
        try:
            await asyncio.sleep(1e9)
        except asyncio.CancelledError:
            await asyncio.sleep(1000)  # a driver that tells a frozen server about it
            raise

    async def test() -> None:
        running = Running(stuck, chunk(0, 0))
        await asyncio.sleep(0.5)
        await running.runner.release()
        assert virtual_time.now() == pytest.approx(0.5 + RELEASE_GRACE_S + CANCEL_S)
        assert running.stream.acknowledged == []

    virtual_time.run(test())


@given(
    plan=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.01, 0.5, 1.0, 3.0]), st.booleans()), max_size=25
    ),
    release_at_s=st.floats(0, 10),
)
def test_in_order_whatever_happens_what_is_acknowledged_of_a_partition_has_no_gap(
    plan: list[tuple[int, float, bool]], release_at_s: float
) -> None:
    async def test() -> None:
        handler = Handler()
        chunks: list[Chunk] = []
        for number, (partition, takes_s, fails) in enumerate(plan):
            each = chunk(partition, number)
            handler.takes_s[each] = takes_s
            if fails and number % 3 == 2:
                handler.fails[each] = RuntimeError("unforeseen")
            chunks.append(each)
        running = Running(handler, *chunks, in_order=True)
        await asyncio.sleep(release_at_s)
        await running.runner.release()
        assert handler.working == set()
        for partition in range(4):
            mine = [each for each in chunks if each.partition == partition]
            acknowledged = [each for each in running.stream.acknowledged if each.partition == partition]
            assert acknowledged == mine[: len(acknowledged)]
            assert all(each in handler.finished for each in acknowledged)

    virtual_time.run(test())
