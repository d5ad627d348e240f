"""The rules of waiting, one by one. That they make every join right is shown in test_capture."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from agents.capture import headroom
from agents.capture.join import LOOK_S, Join
from agents.capture.logs import Log, Logs
from agents.capture.times import DISORDER_MS, clamp
from agents.capture.watermarks import NEVER_MS, NOTHING_READ, Mark, Watermarks
from tests import virtual_time

if TYPE_CHECKING:
    from collections.abc import Coroutine

NOW_MS = 1_760_000_000_000
GENERATION = 7
ALL = frozenset({0, 1})


class Topic:
    """A topic whose ends and whose progress the test sets."""

    def __init__(self, *ends: int) -> None:
        self.ends = list(ends)
        self.done_to = [0 for _ in ends]
        self.asked = 0

    def as_log(self, mine: frozenset[int] = ALL) -> Log:
        async def ends() -> dict[int, int]:
            self.asked += 1
            return dict(enumerate(self.ends))

        numbers = frozenset(range(len(self.ends)))
        return Log(len(self.ends), numbers & mine, ends, lambda partition: self.done_to[partition])


class Both:
    """The join of one of two workers, with ends of the states that are never reached unless the test says so.

    It reads partition 0 of each topic, and the other worker partition 1.

    Args:
        events: how many partitions the events have.
    """

    def __init__(self, events: int = 2) -> None:
        self.states, self.events = Topic(1_000, 1_000), Topic(*[1_000] * events)
        self.states_led, self.events_led = Topic(0, 0), Topic(0, 0)
        mine = frozenset({0})
        logs = Logs(
            self.states.as_log(mine),
            self.events.as_log(mine),
            self.states_led.as_log(mine),
            self.events_led.as_log(mine),
        )
        self.join = Join(logs, GENERATION, "here")
        self.home = self.join.at_home(0)

    async def read(self, newest_ms: float, next_offset: int, states: int = 1, led_to: int = 0) -> None:
        """Have this worker read states."""
        await self.join.note_states(0, newest_ms, next_offset, states, [led_to, led_to])

    async def hear(
        self,
        *,
        states: Mark = NOTHING_READ,
        led_to: int = 0,
        events: Mark = NOTHING_READ,
        idle: bool = False,
        events_led_to: int = 0,
        joined: int = 0,
        needed_from_ms: int | None = None,
        wanted_ms: int = NEVER_MS,
        generation: int = GENERATION,
    ) -> None:
        """Have the other worker say how far it is."""
        said = Watermarks(
            generation=generation,
            worker="there",
            partitioner=None,
            states={1: states},
            states_led_to=[led_to, led_to],
            events={1: events},
            events_idle=[1] if idle else [],
            events_led_to=[events_led_to, events_led_to],
            joined={1: joined},
            needed_from_ms=needed_from_ms,
            wanted_ms=wanted_ms,
        )
        await self.join.hear(said)

    def say(self, events_led_to: int = 0) -> Watermarks:
        return self.join.say(None, [0, 0], [events_led_to, events_led_to])


async def still_waits(task: asyncio.Task[None]) -> bool:
    await asyncio.sleep(3 * LOOK_S)
    return not task.done()


async def goes_on(task: asyncio.Task[None]) -> bool:
    await asyncio.sleep(3 * LOOK_S)
    return task.done()


def waiting(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


def test_an_event_waits_until_all_states_have_passed_its_time_by_the_disorder() -> None:
    async def test() -> None:
        both = Both()
        event = waiting(both.home.wait_for_states(NOW_MS))
        assert await still_waits(event)
        await both.read(NOW_MS + DISORDER_MS - 1, 10)
        await both.hear(states=Mark(10, NOW_MS + DISORDER_MS - 1))
        assert await still_waits(event)
        await both.read(NOW_MS + DISORDER_MS, 11)
        assert await still_waits(event)
        await both.hear(states=Mark(11, NOW_MS + DISORDER_MS))
        assert await goes_on(event)

    virtual_time.run(test())


def test_an_event_waits_for_what_was_led_home_below_a_mark() -> None:
    async def test() -> None:
        both = Both()
        await both.read(NOW_MS + DISORDER_MS, 11)
        both.states_led.done_to[0] = 4
        event = waiting(both.home.wait_for_states(NOW_MS))
        await both.hear(states=Mark(10, NOW_MS + DISORDER_MS), led_to=5)
        await both.hear(states=Mark(20, NOW_MS + 3 * DISORDER_MS), led_to=9)
        assert await still_waits(event)
        both.states_led.done_to[0] = 5
        assert await goes_on(event)

    virtual_time.run(test())


def test_an_event_that_is_led_home_waits_for_nothing_but_the_marks() -> None:
    async def test() -> None:
        both = Both()
        event = waiting(both.join.wait_for_states(NOW_MS))
        await both.read(NOW_MS + DISORDER_MS, 11)
        assert await still_waits(event)
        await both.hear(states=Mark(10, NOW_MS + DISORDER_MS), led_to=5)
        assert await goes_on(event)

    virtual_time.run(test())


def test_an_event_whose_states_have_been_read_does_not_wait_nor_ask() -> None:
    async def test() -> None:
        both = Both()
        await both.read(NOW_MS + DISORDER_MS, 12)
        await both.hear(states=Mark(12, NOW_MS + DISORDER_MS))
        await both.home.wait_for_states(NOW_MS)
        assert virtual_time.now() == 0
        assert both.states.asked == 0

    virtual_time.run(test())


def test_an_event_waits_no_longer_than_to_the_end_that_the_states_had_when_it_began() -> None:
    async def test() -> None:
        both = Both()
        both.states.ends = [20, 30]
        await both.hear(states=Mark(30, NEVER_MS))
        event = waiting(both.home.wait_for_states(NOW_MS))
        assert await still_waits(event)
        both.states.ends = [500, 500]  # more come, of no concern to it
        await both.read(-math.inf, 19)
        assert await still_waits(event)
        await both.read(-math.inf, 20)
        assert await goes_on(event)
        assert both.states.asked == 1

    virtual_time.run(test())


def test_what_was_said_in_another_generation_of_the_group_counts_for_nothing() -> None:
    async def test() -> None:
        both = Both()
        await both.read(NOW_MS + DISORDER_MS, 12)
        await both.hear(states=Mark(1_000, NOW_MS + DISORDER_MS), generation=GENERATION - 1)
        event = waiting(both.home.wait_for_states(NOW_MS))
        assert await still_waits(event)
        event.cancel()

    virtual_time.run(test())


@pytest.mark.parametrize("end", [0, 20], ids=["nothing was ever in it", "all was read before the start"])
def test_an_event_does_not_wait_for_states_that_were_all_read_before(end: int) -> None:
    async def test() -> None:
        both = Both()
        both.states.ends = [end, end]
        both.states.done_to = [end, end]
        both.say()
        await both.hear(states=Mark(end, NEVER_MS))
        await both.home.wait_for_states(NOW_MS)
        assert virtual_time.now() == 0

    virtual_time.run(test())


def test_an_event_sees_states_that_are_acknowledged_without_a_word() -> None:
    """Such as transaction markers at the end, which the worker says when it is time to say something."""

    async def test() -> None:
        both = Both()
        both.states.ends = [20, 0]
        event = waiting(both.home.wait_for_states(NOW_MS))
        assert await still_waits(event)
        both.states.done_to = [20, 0]
        both.say()
        assert await goes_on(event)

    virtual_time.run(test())


def test_chunks_without_a_time_do_not_wait() -> None:
    async def test() -> None:
        both = Both()
        await both.home.wait_for_states(-math.inf)
        assert virtual_time.now() == 0
        assert not both.join.is_waited_for(0)
        await both.join.note_events(0, -math.inf, 10)
        both.events.done_to = [10, 0]
        both.say()
        await both.hear(events=Mark(10, NOW_MS))
        assert both.home.needed_from == -math.inf

    virtual_time.run(test())


def test_states_are_told_that_events_wait_for_them_until_they_are_there() -> None:
    async def test() -> None:
        both = Both()
        told = [(both.join.is_waited_for(0), both.home.is_waited_for)]
        event = waiting(both.home.wait_for_states(NOW_MS))
        await asyncio.sleep(LOOK_S)
        for read_to in (NOW_MS, NOW_MS + DISORDER_MS):
            told.append((both.join.is_waited_for(0), both.home.is_waited_for))
            await both.read(read_to, 10)
        told.append((both.join.is_waited_for(0), both.home.is_waited_for))
        assert told == [(False, False), (True, True), (True, True), (False, True)]
        await both.hear(states=Mark(10, NOW_MS + DISORDER_MS))
        assert await goes_on(event)
        assert not both.home.is_waited_for

    virtual_time.run(test())


def test_states_are_told_that_events_of_another_worker_wait_for_them() -> None:
    async def test() -> None:
        both = Both()
        await both.hear(wanted_ms=NOW_MS)
        told = [both.join.is_waited_for(0)]
        await both.read(NOW_MS, 10)
        assert [*told, both.join.is_waited_for(0)] == [True, False]

    virtual_time.run(test())


def test_what_events_need_moves_when_none_of_them_will_be_read_again() -> None:
    async def test() -> None:
        both = Both()

        def needed_from() -> float:
            both.say()
            return both.home.needed_from

        await both.hear(events=Mark(50, NOW_MS + 4_000))
        assert needed_from() == -math.inf
        await both.join.note_events(0, NOW_MS, 10)
        await both.join.note_events(0, NOW_MS + 5_000, 20)
        assert needed_from() == -math.inf
        both.events.done_to = [10, 0]
        assert needed_from() == NOW_MS - DISORDER_MS
        both.events.done_to = [19, 0]
        assert needed_from() == NOW_MS - DISORDER_MS
        both.events.done_to = [20, 0]
        assert needed_from() == NOW_MS + 4_000 - DISORDER_MS

    virtual_time.run(test())


def test_events_on_their_way_home_still_need_what_they_need() -> None:
    async def test() -> None:
        both = Both()
        await both.join.note_events(0, NOW_MS, 10)
        both.events.done_to = [10, 0]
        both.events_led.done_to = [6, 0]
        both.say(events_led_to=6)
        await both.hear(events=Mark(10, NOW_MS), events_led_to=7)
        assert both.home.needed_from == -math.inf
        both.events_led.done_to = [7, 0]
        assert both.home.needed_from == NOW_MS - DISORDER_MS

    virtual_time.run(test())


def test_what_events_need_does_not_go_back_when_they_come_out_of_order() -> None:
    async def test() -> None:
        both = Both()
        await both.hear(events=Mark(3, NOW_MS))
        for number, newest_ms in enumerate([NOW_MS, NOW_MS - 9_000, -math.inf]):
            await both.join.note_events(0, newest_ms, number + 1)
        both.events.done_to = [3, 0]
        both.say()
        assert both.home.needed_from == NOW_MS - DISORDER_MS

    virtual_time.run(test())


def test_partitions_that_bring_no_events_hold_up_no_forgetting_elsewhere() -> None:
    async def test() -> None:
        both = Both()
        await both.join.note_events(0, NOW_MS, 10)
        both.events.done_to = [10, 0]
        both.say()
        await both.hear(events=Mark(10, NOW_MS - 60_000))
        assert both.home.needed_from == NOW_MS - 60_000 - DISORDER_MS
        await both.hear(events=Mark(10, NOW_MS - 60_000), idle=True)
        assert both.home.needed_from == NOW_MS - DISORDER_MS

    virtual_time.run(test())


def test_where_events_are_led_home_every_partition_may_still_bring_some() -> None:
    async def test() -> None:
        both = Both()
        await both.join.note_events(0, NOW_MS, 10)
        both.events.done_to = [10, 0]
        both.say()
        both.events_led.done_to = [1, 0]
        await both.hear(events=Mark(10, NOW_MS - 60_000), idle=True, events_led_to=1)
        assert both.home.needed_from == NOW_MS - 60_000 - DISORDER_MS

    virtual_time.run(test())


def test_a_home_whose_own_events_do_not_come_forgets_nothing() -> None:
    """They can be held up on their way to Kafka, and the states and all other events be there."""

    async def test() -> None:
        both = Both()
        both.events.ends = [0, 10]
        await both.hear(states=Mark(10, NOW_MS + 60_000), events=Mark(10, NOW_MS))
        await both.join.look_for_idle_events()
        assert both.say().events_idle == [0]
        assert both.home.needed_from == -math.inf

    virtual_time.run(test())


def test_a_home_without_events_of_its_own_is_brought_some_by_any_partition() -> None:
    """There may be fewer partitions of events than homes."""

    async def test() -> None:
        both = Both(events=1)
        both.events.ends = [10]
        await both.join.note_events(0, NOW_MS, 10)
        both.events.done_to = [10]
        await both.join.look_for_idle_events()
        assert both.say().events_idle == [0]
        assert both.join.at_home(1).needed_from == NOW_MS - DISORDER_MS

    virtual_time.run(test())


def test_states_are_ahead_of_what_the_events_that_meet_them_need() -> None:
    async def test() -> None:
        both = Both()
        await both.join.note_events(0, NOW_MS + DISORDER_MS, 1)
        both.events.done_to = [1, 0]
        both.say()
        await both.hear(events=Mark(10, NOW_MS + 2 * DISORDER_MS))
        for number in range(3):
            await both.read(NOW_MS - 5_000 + 5_000 * number, number, states=7)
        assert both.join.states_ahead(0) == 14

    virtual_time.run(test())


def test_states_without_events_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headroom, "AHEAD_MAX", 3)

    async def test() -> None:
        both = Both()
        for number in range(10):
            await both.read(NOW_MS + number, number, states=2)
        assert both.join.states_ahead(0) == 20
        assert len(both.join._states[0].ahead._chunks) == 3

    virtual_time.run(test())


def test_states_that_are_all_led_home_are_ahead_of_what_the_events_of_all_workers_need() -> None:
    async def test() -> None:
        both = Both()
        both.events.done_to = [0, 0]
        both.say()
        await both.join.note_states(1, NOW_MS, 10, 7, [0, 0])
        assert both.join.states_ahead(1) == 7
        await both.hear(events=Mark(10, NOW_MS), needed_from_ms=NOW_MS + 1)
        assert both.join.states_ahead(1) == 7
        await both.join.note_events(0, NOW_MS + 2 * DISORDER_MS, 10)
        both.events.done_to = [10, 0]
        both.say()
        await both.hear(events=Mark(10, NOW_MS + 2 * DISORDER_MS), needed_from_ms=NOW_MS + 1)
        both.say()
        assert both.join.states_ahead(1) == 0

    virtual_time.run(test())


@pytest.mark.parametrize(
    ("mine", "others", "led", "expected"),
    [
        ((0, 0), (0, 0), (0, 0), True),
        ((7, 8), (8, 8), (0, 0), False),
        ((8, 8), (7, 8), (0, 0), False),
        ((8, 8), (8, 8), (0, 3), False),
        ((8, 8), (8, 8), (3, 3), True),
    ],
)
def test_events_are_at_the_end_when_all_of_them_have_been_worked_on(
    mine: tuple[int, int], others: tuple[int, int], led: tuple[int, int], expected: bool
) -> None:
    async def test() -> None:
        both = Both()
        both.events.ends = [mine[1], others[1]]
        both.events.done_to = [mine[0], 0]
        both.events_led.ends = [0, led[1]]
        both.say()
        await both.hear(events=Mark(others[0], NOW_MS), joined=led[0])
        assert await both.join.events_are_at_the_end() is expected

    virtual_time.run(test())


def test_a_worker_that_was_restarted_under_its_name_speaks_in_place_of_the_one_that_it_was() -> None:
    async def test() -> None:
        both = Both()
        both.events.ends = both.events_led.ends = [0, 0]
        await both.hear(needed_from_ms=NOW_MS)
        both.events.ends = [0, 5]
        said = both.say()
        restarted = msgspec.structs.replace(said, worker="again", events={1: Mark(5, NOW_MS)}, joined={1: 0})
        await both.join.hear(restarted)
        assert await both.join.events_are_at_the_end()

    virtual_time.run(test())


def test_whoever_waits_for_a_move_is_woken_by_one_and_looks_again_without_one() -> None:
    async def test() -> None:
        both = Both()
        woken = waiting(both.join.wait_for_a_move())
        await asyncio.sleep(0)
        await both.join.note_events(0, NOW_MS, 1)
        await woken
        assert virtual_time.now() == 0
        await both.join.wait_for_a_move()
        assert virtual_time.now() == pytest.approx(LOOK_S)

    virtual_time.run(test())


def test_one_who_is_cancelled_while_waiting_leaves_the_others_waiting_well() -> None:
    async def test() -> None:
        both = Both()
        first, second = (waiting(both.home.wait_for_states(NOW_MS)) for _ in range(2))
        await asyncio.sleep(LOOK_S / 2)
        first.cancel()
        await asyncio.wait({first})
        await both.read(NOW_MS + DISORDER_MS, 5)
        await both.hear(states=Mark(5, NOW_MS + DISORDER_MS))
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
