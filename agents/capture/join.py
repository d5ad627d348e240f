"""Who waits for whom: events for the states they need, states for the events that still need the old ones.

Two topics are read side by side and either can run ahead. An event may be joined once every partition of the
states has been read up to the event's time, or to where it ended when the event began to wait: in which of
them its user's states are is nothing to rely on. States are not read on while a user's history would grow
beyond a bound, or too many of a partition are ahead of the events (`agents.capture.headroom`), unless events
wait for just that. So one side always goes on: states stop only while no event waits for them, and events
that do not wait move the frontier that lets histories forget.

How far the partitions are that other workers read, their watermarks tell (`agents.capture.watermarks`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.capture.headroom import Headroom, StatesAhead
from agents.capture.home_join import HomeJoin
from agents.capture.times import DISORDER_MS
from agents.capture.watermarks import NEVER_MS, NOTHING_READ, Mark, Watermarks, whole_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from agents.capture.logs import Logs

    #: Returns the join of the group's present generation.
    JoinOf = Callable[[], Awaitable["Join"]]

#: How often a waiting side looks whether the other has come to the end of its log.
LOOK_S = 0.05


@dataclass(slots=True)
class _StatesRead:
    """One partition of the states, as this worker reads it; `Join.note_states` moves it on.

    Attributes:
        read_to: up to this time they are in the table or led home, but for those that are out of order.
        applied_to: the offset below which they are.
        ahead: those that events to come may still need; `Join.states_ahead` lets go of the others.
    """

    read_to: float = -math.inf
    applied_to: int = 0
    ahead: StatesAhead = field(default_factory=StatesAhead)


@dataclass(slots=True)
class _EventsRead:
    """One partition of the events, as this worker reads it.

    Attributes:
        handled: of each chunk that was joined or led home and may be read again: the offset after it, and its
            time. `Join.note_events` adds to it; what is committed leaves it when the worker says how far.
        committed_ms: the latest time of what has left it.
    """

    handled: deque[tuple[int, float]] = field(default_factory=deque)
    committed_ms: float = -math.inf


class Join:
    """What one worker knows of both topics' progress, during one generation of its group.

    Times are in ms. A record that claims to be from the year 9999 must not move a clock there, so callers
    clamp (`agents.capture.times`) what a record claims by when Kafka got it.

    Args:
        logs: what meets.
        generation: of the group.
        worker: names this process among the others.
    """

    def __init__(self, logs: Logs, generation: int, worker: str) -> None:
        self.logs = logs
        self.generation = generation
        self._worker = worker
        self._states: dict[int, _StatesRead] = {}
        self._events: dict[int, _EventsRead] = {}
        self._homes: dict[int, HomeJoin] = {}
        #: The last that was heard of each worker, and said by this one.
        self._heard: dict[str, Watermarks] = {}
        self._marks: dict[int, Mark] = {}
        self._wanted_ms = -math.inf
        self._needed_from = NEVER_MS
        self._events_idle: list[int] = []
        self._idle: frozenset[int] = frozenset()
        self._moved = asyncio.Condition()

    @property
    def homes(self) -> frozenset[int]:
        """The home partitions that this worker works on."""
        return self.logs.events_led.mine

    def at_home(self, partition: int) -> HomeJoin:
        """Return the join of a home partition that this worker works on."""
        home = self._homes.get(partition)
        if home is None:
            home = self._homes[partition] = HomeJoin(self, partition)
            for watermarks in self._heard.values():
                home.note(watermarks)
        return home

    # -- what this worker does

    async def note_states(
        self, partition: int, newest_ms: float, next_offset: int, states: int, led_to: Sequence[int]
    ) -> None:
        """Note that so many more states of a partition are in the table or led home.

        Args:
            partition: of the states.
            newest_ms: the latest time among them.
            next_offset: the offset after them.
            states: how many.
            led_to: of each home partition, where the topic of states led home ends now, as far as is known.
        """
        read = self._states_of(partition)
        read.read_to = max(read.read_to, newest_ms)
        read.ahead.note(read.read_to, states)
        read.applied_to = max(read.applied_to, next_offset)
        mark = self._mark_of_states(partition)
        self._marks[partition] = mark
        for home in self._homes.values():
            home.states.note(partition, mark, led_to[home.partition])
        await self.notify()

    async def note_events(self, partition: int, newest_ms: float, next_offset: int) -> None:
        """Note that the events of a partition up to an offset and a time are entries, or led home."""
        self._events_of(partition).handled.append((next_offset, newest_ms))
        await self.notify()

    def states_ahead(self, partition: int) -> int:
        """How many states of a partition have been read that events to come may need, by whole chunks."""
        ahead = self._states_of(partition).ahead
        ahead.forget(self.at_home(partition).needed_from if partition in self.homes else self._needed_from)
        return ahead.states

    def headroom(self, partition: int) -> Headroom:
        """Return how far states of a partition may be read ahead that are at hand now."""
        return Headroom(self, lambda: self.is_waited_for(partition))

    def is_waited_for(self, partition: int) -> bool:
        """Whether an event, of whichever worker, waits for states later than those that were read of it."""
        return self._wanted_ms > self._states_of(partition).read_to

    def is_idle(self, partition: int) -> bool:
        """Whether a partition of the events is at its end, and brings none but those of its own users."""
        return partition in self._idle

    @property
    def states_read_to(self) -> float:
        """The latest time of any state that is known to have been read."""
        return max((mark.time_ms for mark in self._marks.values()), default=NEVER_MS)

    async def wait_for_states(self, event_ms: float) -> None:
        """Return when the states that events of up to this time need were read, by all workers."""
        await self.wait_until_read(event_ms, lambda: self._marks)

    async def wait_until_read(self, event_ms: float, marks: Callable[[], Mapping[int, Mark]]) -> None:
        """Return when marks of all partitions of the states have passed the event's time, or the end."""
        enough = event_ms + DISORDER_MS
        known = marks()
        if event_ms == -math.inf or (
            len(known) == self.logs.states.partitions
            and all(mark.time_ms >= enough for mark in known.values())
        ):
            return
        if enough > self._wanted_ms:
            self._wanted_ms = enough
            await self.notify()
        ends = await self.logs.states.ends()

        def are_read() -> bool:
            known = marks()
            for partition, end in ends.items():
                mark = known.get(partition, NOTHING_READ)
                if mark.time_ms < enough and mark.offset < end:
                    return False
            return True

        while not are_read():
            await self.wait_for_a_move()

    async def events_are_at_the_end(self) -> bool:
        """Whether every event that is in the log now has been worked on for good.

        Then those that come later are of later, too: no more than `DISORDER_MS` before the states that are in
        the log now.
        """
        events, led = await asyncio.gather(self.logs.events.ends(), self.logs.events_led.ends())
        said = self._heard.values()
        marks = {partition: mark.offset for one in said for partition, mark in one.events.items()}
        joined = {partition: offset for one in said for partition, offset in one.joined.items()}
        return all(marks.get(partition, 0) >= end for partition, end in events.items()) and all(
            joined.get(partition, 0) >= end for partition, end in led.items()
        )

    # -- what the workers tell one another

    def say(self, partitioner: str | None, states_led_to: list[int], events_led_to: list[int]) -> Watermarks:
        """Return how far this worker is, and heed it here as the others will."""
        logs = self.logs
        watermarks = Watermarks(
            generation=self.generation,
            worker=self._worker,
            partitioner=partitioner,
            states={partition: self._mark_of_states(partition) for partition in logs.states.mine},
            states_led_to=states_led_to,
            events={partition: self._mark_of_events(partition) for partition in logs.events.mine},
            events_idle=self._events_idle,
            events_led_to=events_led_to,
            joined={partition: logs.events_led.done_to(partition) for partition in logs.events_led.mine},
            needed_from_ms=self._needed_from_here(),
            wanted_ms=whole_ms(self._wanted_ms),
        )
        self._hear(watermarks)
        return watermarks

    async def hear(self, watermarks: Watermarks) -> None:
        """Heed what another worker says; of another generation, it counts for nothing."""
        if watermarks.generation == self.generation and watermarks.worker != self._worker:
            self._hear(watermarks)
            await self.notify()

    async def look_for_idle_events(self) -> None:
        """Find out which partitions of the events are at their end: what others wait for is not there."""
        ends = await self.logs.events.ends()
        self._events_idle = [
            partition
            for partition in sorted(self.logs.events.mine)
            if self.logs.events.done_to(partition) >= ends[partition]
        ]

    async def wait_for_a_move(self) -> None:
        """Return when a clock has moved, or it is time to look at the logs again."""
        async with self._moved:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), LOOK_S)

    async def notify(self) -> None:
        """Wake whoever waits for a move."""
        async with self._moved:
            self._moved.notify_all()

    def _hear(self, watermarks: Watermarks) -> None:
        # A worker that was restarted under its name in the group speaks in place of the one that it was.
        replaced = [
            one.worker
            for one in self._heard.values()
            if one.worker != watermarks.worker and not one.joined.keys().isdisjoint(watermarks.joined)
        ]
        for worker in replaced:
            del self._heard[worker]
        self._heard[watermarks.worker] = watermarks
        self._marks.update(watermarks.states)
        for home in self._homes.values():
            home.note(watermarks)
        said = self._heard.values()
        led = any(any(one.events_led_to) for one in said)
        self._idle = frozenset() if led else frozenset(number for one in said for number in one.events_idle)
        self._wanted_ms = max(self._wanted_ms, watermarks.wanted_ms)
        everywhere = sum(len(one.joined) for one in said) == self.logs.events_led.partitions
        self._needed_from = (
            min((one.needed_from_ms for one in said if one.needed_from_ms is not None), default=NEVER_MS)
            if everywhere
            else NEVER_MS
        )

    def _needed_from_here(self) -> int | None:
        return min(
            (whole_ms(self.at_home(partition).needed_from) for partition in self.logs.events_led.mine),
            default=None,
        )

    def _mark_of_states(self, partition: int) -> Mark:
        read = self._states_of(partition)
        return Mark(max(read.applied_to, self.logs.states.done_to(partition)), whole_ms(read.read_to))

    def _mark_of_events(self, partition: int) -> Mark:
        read, committed = self._events_of(partition), self.logs.events.done_to(partition)
        while read.handled and read.handled[0][0] <= committed:
            read.committed_ms = max(read.committed_ms, read.handled.popleft()[1])
        return Mark(committed, whole_ms(read.committed_ms))

    def _states_of(self, partition: int) -> _StatesRead:
        return self._states.setdefault(partition, _StatesRead())

    def _events_of(self, partition: int) -> _EventsRead:
        return self._events.setdefault(partition, _EventsRead())
