"""The rules of waiting, one by one. That they make every join right is shown in test_capture."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from agents.join import DISORDER_MS, LOOK_S, Log, PartitionJoin, clamp
from tests import virtual_time

if TYPE_CHECKING:
    from collections.abc import Coroutine

NOW_MS = 1_760_000_000_000


class Place:
    """A log whose end and whose progress the test sets."""

    def __init__(self, end: int = 0, done_to: int = 0) -> None:
        self.ends_at = end
        self.is_done_to = done_to
        self.asked = 0

    def as_log(self) -> Log:
        return Log(self._end, lambda: self.is_done_to)

    async def _end(self) -> int:
        self.asked += 1
        return self.ends_at


class Both:
    """A join, with an end of the states that is never reached unless the test says so."""

    def __init__(self) -> None:
        self.states, self.events = Place(end=1_000), Place(end=1_000)
        self.join = PartitionJoin(self.states.as_log(), self.events.as_log())


async def still_waits(task: asyncio.Task[None]) -> bool:
    await asyncio.sleep(3 * LOOK_S)
    return not task.done()


async def goes_on(task: asyncio.Task[None]) -> bool:
    await asyncio.sleep(3 * LOOK_S)
    return task.done()


def waiting(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


def test_an_event_waits_until_the_states_have_passed_its_time_by_the_disorder() -> None:
    async def test() -> None:
        both = Both()
        event = waiting(both.join.wait_for_states(NOW_MS))
        assert await still_waits(event)
        await both.join.note_states(NOW_MS, 10, 1)
        assert await still_waits(event)
        await both.join.note_states(NOW_MS + DISORDER_MS - 1, 11, 1)
        assert await still_waits(event)
        await both.join.note_states(NOW_MS + DISORDER_MS, 12, 1)
        assert await goes_on(event)

    virtual_time.run(test())


def test_an_event_whose_states_have_been_read_does_not_wait_nor_ask() -> None:
    async def test() -> None:
        both = Both()
        await both.join.note_states(NOW_MS + DISORDER_MS, 12, 1)
        await both.join.wait_for_states(NOW_MS)
        assert virtual_time.now() == 0
        assert both.states.asked == 0

    virtual_time.run(test())


def test_an_event_waits_no_longer_than_to_the_end_that_the_states_had_when_it_began() -> None:
    async def test() -> None:
        both = Both()
        both.states.ends_at = 20
        event = waiting(both.join.wait_for_states(NOW_MS))
        assert await still_waits(event)
        both.states.ends_at = 500  # more come, of no concern to it
        await both.join.note_states(-math.inf, 19, 1)
        assert await still_waits(event)
        await both.join.note_states(-math.inf, 20, 1)
        assert await goes_on(event)
        assert both.states.asked == 1

    virtual_time.run(test())


@pytest.mark.parametrize("end", [0, 20], ids=["nothing was ever in it", "all was read before the start"])
def test_an_event_does_not_wait_for_states_that_were_all_read_before(end: int) -> None:
    async def test() -> None:
        both = Both()
        both.states.ends_at = both.states.is_done_to = end
        await both.join.wait_for_states(NOW_MS)
        assert virtual_time.now() == 0

    virtual_time.run(test())


def test_an_event_sees_states_that_are_acknowledged_without_a_word() -> None:
    """Such as those of a chunk that held only dead letters, or transaction markers at the end."""

    async def test() -> None:
        both = Both()
        both.states.ends_at = 20
        event = waiting(both.join.wait_for_states(NOW_MS))
        assert await still_waits(event)
        both.states.is_done_to = 20
        assert await goes_on(event)

    virtual_time.run(test())


def test_chunks_without_a_time_do_not_wait() -> None:
    async def test() -> None:
        both = Both()
        await both.join.wait_for_states(-math.inf)
        assert virtual_time.now() == 0
        assert not both.join.events_wait_for_states
        await both.join.note_events(-math.inf, 10)
        both.events.is_done_to = 10
        assert both.join.needed_from == -math.inf

    virtual_time.run(test())


def test_states_are_told_that_events_wait_for_them_until_they_are_there() -> None:
    async def test() -> None:
        both = Both()
        told = [both.join.events_wait_for_states]
        event = waiting(both.join.wait_for_states(NOW_MS))
        await asyncio.sleep(LOOK_S)
        told.append(both.join.events_wait_for_states)
        for read_to in (NOW_MS + DISORDER_MS - 1, NOW_MS + DISORDER_MS):
            await both.join.note_states(read_to, 10, 1)
            told.append(both.join.events_wait_for_states)
        assert told == [False, True, True, False]
        assert await goes_on(event)

    virtual_time.run(test())


def test_what_events_need_moves_when_they_will_not_be_read_again() -> None:
    async def test() -> None:
        both = Both()
        assert both.join.needed_from == -math.inf
        await both.join.note_events(NOW_MS, 10)
        await both.join.note_events(NOW_MS + 5_000, 20)
        assert both.join.needed_from == -math.inf
        both.events.is_done_to = 10
        assert both.join.needed_from == NOW_MS - DISORDER_MS
        both.events.is_done_to = 19
        assert both.join.needed_from == NOW_MS - DISORDER_MS
        both.events.is_done_to = 20
        assert both.join.needed_from == NOW_MS + 5_000 - DISORDER_MS

    virtual_time.run(test())


def test_what_events_need_does_not_go_back_when_they_come_out_of_order() -> None:
    async def test() -> None:
        both = Both()
        for number, newest_ms in enumerate([NOW_MS, NOW_MS - 9_000, -math.inf]):
            await both.join.note_events(newest_ms, number + 1)
        both.events.is_done_to = 3
        assert both.join.needed_from == NOW_MS - DISORDER_MS

    virtual_time.run(test())


def test_the_clock_of_the_states_does_not_go_back() -> None:
    async def test() -> None:
        both = Both()
        await both.join.note_states(NOW_MS, 10, 1)
        await both.join.note_states(NOW_MS - 9_000, 9, 1)
        assert both.join.states_read_to == NOW_MS

    virtual_time.run(test())


@pytest.mark.parametrize(("done_to", "end", "expected"), [(0, 0, True), (7, 8, False), (8, 8, True)])
def test_events_are_at_the_end_when_all_of_them_have_been_worked_on(
    done_to: int, end: int, expected: bool
) -> None:
    async def test() -> None:
        both = Both()
        both.events.is_done_to, both.events.ends_at = done_to, end
        assert await both.join.events_are_at_the_end() is expected

    virtual_time.run(test())


def test_whoever_waits_for_a_move_is_woken_by_one_and_looks_again_without_one() -> None:
    async def test() -> None:
        both = Both()
        woken = waiting(both.join.wait_for_a_move())
        await asyncio.sleep(0)
        await both.join.note_events(NOW_MS, 1)
        await woken
        assert virtual_time.now() == 0
        await both.join.wait_for_a_move()
        assert virtual_time.now() == pytest.approx(LOOK_S)

    virtual_time.run(test())


def test_one_who_is_cancelled_while_waiting_leaves_the_others_waiting_well() -> None:
    async def test() -> None:
        both = Both()
        first, second = (waiting(both.join.wait_for_states(NOW_MS)) for _ in range(2))
        await asyncio.sleep(LOOK_S / 2)
        first.cancel()
        await asyncio.wait({first})
        await both.join.note_states(NOW_MS + DISORDER_MS, 5, 1)
        assert await goes_on(second)

    virtual_time.run(test())


@pytest.mark.parametrize(
    ("claimed_ms", "record_ms", "slack_ms", "expected"),
    [
        (5_000, 9_000, 0, 5_000),
        (9_000, 9_000, 0, 9_000),
        (9_001, 9_000, 0, 9_000),
        (9_001, 9_000, 500, 9_001),
        (253_402_300_799_999, 9_000, 500, 9_500),
        (5_000, -1, 0, 5_000),
        (5_000, 0, 0, 0),
    ],
)
def test_a_claim_is_believed_up_to_when_kafka_got_it(
    claimed_ms: int, record_ms: int, slack_ms: int, expected: int
) -> None:
    assert clamp(claimed_ms, record_ms, slack_ms) == expected
