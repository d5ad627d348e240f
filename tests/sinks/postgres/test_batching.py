"""Batches by size and by time, and an answer of its own for each caller."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRecord, Reason
from sinks.postgres.batching import STOP_S, Batcher
from tests import virtual_time
from tests.sinks.sources import each_its_own_source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sinks.postgres.batching import Batched

    Refused = list[tuple[str, BadRecord]]

Item = TypeVar("Item")

MAX_WAIT_S = 0.05


class Table:
    """Takes a batch after a while, or when it is let; refuses what is bad, fails when it is told to."""

    def __init__(self, takes_s: float = 1.0) -> None:
        self.takes_s = takes_s
        self.batches: list[list[str]] = []
        self.began_at: list[float] = []
        self.written: Counter[str] = Counter()
        self.writing = 0
        self.most_at_once = 0
        self.fails_with: Exception | None = None

    async def write(self, batch: list[Batched[str]]) -> list[tuple[Batched[str], BadRecord]]:
        items = [item for item, _, _ in batch]
        self.batches.append(items)
        self.began_at.append(virtual_time.now())
        self.writing += 1
        self.most_at_once = max(self.most_at_once, self.writing)
        try:
            await asyncio.sleep(self.takes_s)
            if self.fails_with is not None:
                raise self.fails_with
        finally:
            self.writing -= 1
        self.written.update(item for item in items if not item.startswith("bad"))
        refused = [one for one in batch if one[0].startswith("bad")]
        return [(one, BadRecord(Reason.REJECTED_BY_DATABASE, one[0])) for one in refused]

    def batcher(self, max_items: int = 10, max_writes: int = 2) -> Batcher[str]:
        return Batcher(self.write, key=str, max_items=max_items, max_wait_s=MAX_WAIT_S, max_writes=max_writes)


async def submit(batcher: Batcher[Item], items: Sequence[Item]) -> list[tuple[Item, BadRecord]]:
    return await batcher.submit(each_its_own_source(items))


def numbered(count: int, what: str = "item") -> list[str]:
    return [f"{what} {number}" for number in range(count)]


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run an async test in virtual time."""

    def run() -> None:
        virtual_time.run(test())  # type: ignore[arg-type]  # an async function makes a coroutine

    run.__name__ = test.__name__
    return run


@in_virtual_time
async def test_a_batch_goes_out_at_once_when_it_is_full() -> None:
    table = Table()
    batcher = table.batcher(max_items=10)
    await asyncio.gather(submit(batcher, numbered(5, "a")), submit(batcher, numbered(5, "b")))
    assert table.batches == [numbered(5, "a") + numbered(5, "b")]
    assert table.began_at == [0.0]


@in_virtual_time
async def test_a_lone_submission_goes_out_when_it_has_waited_for_company() -> None:
    table = Table()
    batcher = table.batcher()
    await asyncio.gather(submit(batcher, ["first"]), submit(batcher, ["second"]))
    assert table.batches == [["first", "second"]]
    assert table.began_at == [MAX_WAIT_S]


@in_virtual_time
async def test_a_submission_that_would_not_fit_sends_off_what_waits_and_waits_itself() -> None:
    table = Table()
    batcher = table.batcher(max_items=10)
    await asyncio.gather(submit(batcher, numbered(6, "a")), submit(batcher, numbered(5, "b")))
    assert table.batches == [numbered(6, "a"), numbered(5, "b")]
    assert table.began_at == [0.0, MAX_WAIT_S]


@in_virtual_time
async def test_nothing_is_settled_at_once() -> None:
    table = Table()
    assert await submit(table.batcher(), []) == []
    assert table.batches == []


@in_virtual_time
async def test_each_caller_gets_its_own_refused_items() -> None:
    table = Table()
    batcher = table.batcher(max_items=4)
    first, second, third = await asyncio.gather(
        submit(batcher, ["good", "bad 1"]), submit(batcher, ["bad 2"]), submit(batcher, ["fine"])
    )
    assert [item for item, _ in first] == ["bad 1"]
    assert [item for item, _ in second] == ["bad 2"]
    assert third == []
    assert len(table.batches) == 1


@in_virtual_time
async def test_an_error_reaches_every_caller_of_the_batch_and_nobody_else() -> None:
    table = Table()
    batcher = table.batcher(max_items=2)
    table.fails_with = RuntimeError("cannot go on")
    failed = [asyncio.create_task(submit(batcher, [item])) for item in ("a", "b")]
    await asyncio.wait(failed)
    table.fails_with = None

    assert await submit(batcher, ["c", "d"]) == []

    assert [str(task.exception()) for task in failed] == ["cannot go on"] * 2
    assert set(table.written) == {"c", "d"}


@in_virtual_time
async def test_a_caller_cancelled_while_it_waits_is_left_out() -> None:
    table = Table()
    batcher = table.batcher()
    stays, goes = (asyncio.create_task(submit(batcher, [item])) for item in ("stays", "goes"))
    await asyncio.sleep(MAX_WAIT_S / 2)
    goes.cancel()
    await stays
    assert table.batches == [["stays"]]


@in_virtual_time
async def test_a_caller_cancelled_during_the_write_does_not_disturb_its_neighbours() -> None:
    table = Table()
    batcher = table.batcher(max_items=2)
    stays, goes = (asyncio.create_task(submit(batcher, [item])) for item in ("stays", "goes"))
    await asyncio.sleep(0.5)
    goes.cancel()
    assert await stays == []
    assert table.written["stays"] == 1


@in_virtual_time
async def test_a_write_that_nobody_waits_for_any_more_ends() -> None:
    table = Table(takes_s=1e9)  # as long as PostgreSQL is down
    batcher = table.batcher(max_items=2)
    callers = [asyncio.create_task(submit(batcher, [item])) for item in ("a", "b")]
    await asyncio.sleep(1)
    assert table.writing == 1
    callers[0].cancel()
    await asyncio.sleep(1)
    assert table.writing == 1

    callers[1].cancel()
    await asyncio.wait(callers)
    await asyncio.sleep(0)

    assert table.writing == 0
    table.takes_s = 1.0
    assert await submit(batcher, ["c", "d"]) == []
    assert set(table.written) == {"c", "d"}


@pytest.mark.parametrize(
    "after_s",
    [0.0, MAX_WAIT_S / 2, MAX_WAIT_S, 1.0],
    ids=["at once", "while it waits", "as it goes out", "while it is written"],
)
def test_stopping_cancels_every_caller_and_the_batcher_goes_on(after_s: float) -> None:
    async def test() -> None:
        table = Table(takes_s=100)
        batcher = table.batcher(max_items=3, max_writes=1)
        callers = [asyncio.create_task(submit(batcher, [item])) for item in "abcdefgh"]
        await asyncio.sleep(after_s)

        await batcher.stop()
        await batcher.stop()

        _, still_there = await asyncio.wait(callers, timeout=1)
        assert still_there == set()
        assert all(caller.cancelled() for caller in callers)
        assert table.writing == 0
        assert await submit(batcher, ["after"]) == []
        assert set(table.written) == {"after"}

    virtual_time.run(test())


@in_virtual_time
async def test_a_batch_that_goes_out_in_the_moment_of_the_stop_leaves_no_caller_waiting() -> None:
    table = Table()
    batcher = table.batcher(max_items=1)
    # The task of the write is made but has not run yet.
    caller = asyncio.create_task(submit(batcher, ["a"]))
    await asyncio.sleep(0)
    await batcher.stop()
    _, still_there = await asyncio.wait({caller}, timeout=1)
    assert still_there == set()
    assert caller.cancelled()
    assert table.batches == []


@in_virtual_time
async def test_a_write_that_does_not_let_itself_be_cancelled_holds_a_stop_up_no_longer_than_it_may() -> None:
    async def stuck(_: list[Batched[str]]) -> list[tuple[Batched[str], BadRecord]]:
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            await asyncio.sleep(1000)  # a driver that tells a frozen server about it
            raise
        raise AssertionError("unreachable")

    batcher = Batcher(stuck, key=str, max_items=1, max_wait_s=0, max_writes=1)
    caller = asyncio.create_task(submit(batcher, ["a"]))
    await asyncio.sleep(1)
    await batcher.stop()
    assert virtual_time.now() == pytest.approx(1 + STOP_S)
    assert caller.cancelled()


Plan = list[tuple[float, int, float | None]]


@given(
    plan=st.lists(
        st.tuples(
            st.floats(0, 5),  # when it comes
            st.integers(0, 25),  # how many items it brings
            st.none() | st.floats(0, 5),  # how long its caller waits before it is gone
        ),
        max_size=30,
    ),
    max_items=st.integers(1, 20),
    max_writes=st.integers(1, 4),
    takes_s=st.sampled_from([0.0, 0.01, 0.3, 2.0]),
)
def test_whatever_comes_is_written_once_in_batches_within_the_limits(
    plan: Plan, max_items: int, max_writes: int, takes_s: float
) -> None:
    table = Table(takes_s)
    batcher = table.batcher(max_items, max_writes)
    answers: dict[int, Refused] = {}

    async def caller(number: int, at_s: float, items: Sequence[str], patience_s: float | None) -> None:
        await asyncio.sleep(at_s)
        async with asyncio.timeout(patience_s):
            answers[number] = await submit(batcher, items)

    async def everyone() -> list[Any]:
        return await asyncio.gather(
            *(caller(n, at, items_of(n, size), patience) for n, (at, size, patience) in enumerate(plan)),
            return_exceptions=True,
        )

    outcomes = virtual_time.run(everyone())

    assert all(outcome is None or isinstance(outcome, TimeoutError) for outcome in outcomes)
    assert all(count == 1 for count in table.written.values())
    assert table.most_at_once <= max_writes
    for number, refused in answers.items():
        items = items_of(number, plan[number][1])
        assert {item for item, _ in refused} == {item for item in items if item.startswith("bad")}
        assert len(refused) == len({item for item, _ in refused})
        assert all(table.written[item] == 1 for item in items if not item.startswith("bad"))
    largest = max((size for _, size, _ in plan), default=0)
    assert all(len(batch) <= max(max_items, largest) for batch in table.batches)
    assert len(answers) >= sum(patience is None for _, _, patience in plan)


def items_of(number: int, size: int) -> list[str]:
    return [f"{'bad' if each % 5 == 4 else 'item'} {number}/{each}" for each in range(size)]


# -- of one key, the first wins

#: What a log holds: a key, where in the log, and whether the table refuses it.
Entry = tuple[str, int, bool]


class KeyedTable:
    """Keeps the first that comes of each key. A write that is cancelled may still have been committed.

    Args:
        takes_s: how long each write takes, over and over again.
        commits_anyway: whether a write that is cancelled is committed later.
    """

    def __init__(self, takes_s: Sequence[float], commits_anyway: Sequence[bool]) -> None:
        self.rows: dict[str, int] = {}
        self._takes_s = itertools.cycle(takes_s)
        self._commits_anyway = itertools.cycle(commits_anyway)

    async def write(self, items: list[Batched[Entry]]) -> list[tuple[Batched[Entry], BadRecord]]:
        takes_s = next(self._takes_s)
        try:
            await asyncio.sleep(takes_s)
        except asyncio.CancelledError:
            if next(self._commits_anyway):
                asyncio.get_running_loop().call_later(takes_s, self._commit, items)
            raise
        return self._commit(items)

    def _commit(self, items: list[Batched[Entry]]) -> list[tuple[Batched[Entry], BadRecord]]:
        refused = []
        for item in items:
            key, number, is_bad = item[0]
            if is_bad:
                refused.append((item, BadRecord(Reason.REJECTED_BY_DATABASE, key)))
            elif self.rows.setdefault(key, number) != number and number % 2:
                refused.append((item, BadRecord(Reason.KEY_CONFLICT, key)))
        return refused


#: How many chunks of a partition may be in hand at once.
IN_HAND = 4


async def read(batcher: Batcher[Entry], chunks: Sequence[Sequence[Entry]], start: int, for_s: float) -> int:
    """Work on the chunks from `start` on, for a while; return to where all is safe."""
    done = [False] * len(chunks)
    room = asyncio.Semaphore(IN_HAND)

    async def work(number: int) -> None:
        await submit(batcher, chunks[number])
        done[number] = True
        room.release()

    tasks: list[asyncio.Task[None]] = []
    try:
        async with asyncio.timeout(for_s):
            for number in range(start, len(chunks)):
                await room.acquire()
                tasks.append(asyncio.create_task(work(number)))
            await asyncio.gather(*tasks)
    except TimeoutError:
        for task in tasks:
            task.cancel()
        await batcher.stop()
        await asyncio.wait(tasks)
    return next((number for number in range(start, len(chunks)) if not done[number]), len(chunks))


@given(
    log=st.lists(
        st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), min_size=1, max_size=5), max_size=25
    ),
    takes_s=st.lists(st.floats(0.001, 3), min_size=1, max_size=7),
    commits_anyway=st.lists(st.booleans(), min_size=1, max_size=3),
    rebalances_after_s=st.lists(st.floats(0.0, 4), max_size=4),
    max_items=st.integers(1, 12),
    max_writes=st.integers(1, 4),
)
def test_whatever_happens_the_first_of_a_key_that_can_be_stored_is_the_row(
    log: list[list[tuple[str, bool]]],
    takes_s: list[float],
    commits_anyway: list[bool],
    rebalances_after_s: list[float],
    max_items: int,
    max_writes: int,
) -> None:
    numbers = itertools.count()
    chunks = [[(key, next(numbers), is_bad) for key, is_bad in chunk] for chunk in log]
    table = KeyedTable(takes_s, commits_anyway)

    async def owners() -> None:
        start = 0
        for after_s in [*rebalances_after_s, 1e6]:
            # The next owner may be another worker, while what this one sent is still under way.
            batcher: Batcher[Entry] = Batcher(
                table.write,
                key=itemgetter(0),
                max_items=max_items,
                max_wait_s=MAX_WAIT_S,
                max_writes=max_writes,
            )
            start = await read(batcher, chunks, start, after_s)
        assert start == len(chunks)

    virtual_time.run(owners())

    expected: dict[str, int] = {}
    for key, number, is_bad in itertools.chain(*chunks):
        if not is_bad:
            expected.setdefault(key, number)
    assert table.rows == expected


@in_virtual_time
async def test_batches_without_a_key_in_common_are_written_side_by_side() -> None:
    table = Table()
    batcher = table.batcher(max_items=2)
    await asyncio.gather(submit(batcher, ["a", "b"]), submit(batcher, ["c", "d"]))
    assert table.began_at == [0.0, 0.0]


@in_virtual_time
async def test_a_batch_waits_for_an_earlier_one_that_has_a_key_of_its_own_and_nobody_else_does() -> None:
    table = Table()
    batcher = table.batcher(max_items=2, max_writes=2)
    await asyncio.gather(
        submit(batcher, ["a", "b"]), submit(batcher, ["b", "c"]), submit(batcher, ["d", "e"])
    )
    assert table.batches == [["a", "b"], ["d", "e"], ["b", "c"]]
    assert table.began_at == [0.0, 0.0, 1.0]


@in_virtual_time
async def test_what_follows_an_item_that_could_not_be_written_is_not_written_until_a_stop() -> None:
    table = Table()
    batcher = table.batcher(max_items=1)
    table.fails_with = RuntimeError("cannot go on")
    first, second = (asyncio.create_task(submit(batcher, ["a"])) for _ in range(2))
    await asyncio.wait({first, second})
    table.fails_with = None
    with pytest.raises(RuntimeError, match="cannot go on"):
        await submit(batcher, ["a"])
    assert await submit(batcher, ["b"]) == []
    assert [type(task.exception()) for task in (first, second)] == [RuntimeError] * 2
    assert table.batches == [["a"], ["b"]]

    await batcher.stop()

    assert await submit(batcher, ["a"]) == []


@in_virtual_time
async def test_many_of_one_key_cost_two_writes() -> None:
    """A producer that sends one message again and again."""
    items = [("key", number, False) for number in range(100)]
    table = KeyedTable([1.0], [False])
    batcher: Batcher[Entry] = Batcher(
        table.write, key=itemgetter(0), max_items=100, max_wait_s=0, max_writes=1
    )
    refused = await submit(batcher, items)
    assert [number for (_, number, _), _ in refused] == list(range(1, 100, 2))
    assert table.rows == {"key": 0}
    assert virtual_time.now() == pytest.approx(2.0)
