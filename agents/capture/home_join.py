"""The meeting of events and states in one home: what the join of the two topics comes to for its users."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from agents.capture.headroom import Headroom
from agents.capture.times import DISORDER_MS
from agents.capture.watermarks import NEVER_MS, MarksAtHome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.capture.join import Join
    from agents.capture.watermarks import Mark, Watermarks


class HomeJoin:
    """The meeting of the events and states of those users who have their home in one partition number."""

    def __init__(self, join: Join, partition: int) -> None:
        self._join = join
        self.partition = partition
        logs = join.logs
        self.states = MarksAtHome(lambda: logs.states_led.done_to(partition))
        self.events = MarksAtHome(lambda: logs.events_led.done_to(partition))
        #: Held while histories are read, altered and written: states come from two topics.
        self.table = asyncio.Lock()
        self._events_waiting = 0
        self._needed_from = -math.inf

    def note(self, watermarks: Watermarks) -> None:
        """Heed what a worker says, this one or another."""
        _note(self.states, watermarks.states, watermarks.states_led_to, self.partition)
        _note(self.events, watermarks.events, watermarks.events_led_to, self.partition)

    async def wait_for_states(self, event_ms: float) -> None:
        """Return when the states that an event of this time needs are in the table."""
        self._events_waiting += 1
        try:
            await self._join.wait_until_read(event_ms, self.states.marks)
        finally:
            self._events_waiting -= 1

    def headroom(self) -> Headroom:
        """Return how far states of this home's users may be read ahead that are at hand now."""
        return Headroom(self._join, lambda: self.is_waited_for)

    @property
    def states_read_to(self) -> float:
        """The latest time of any state, of whichever user, that is known to have been read."""
        return self._join.states_read_to

    @property
    def is_waited_for(self) -> bool:
        """Whether an event waits for states."""
        return self._events_waiting > 0

    @property
    def needed_from(self) -> float:
        """No event that is still to be read, or read again, needs to know what was true before this."""
        marks = self.events.marks()
        if len(marks) == self._join.logs.events.partitions:
            joined_to = min(
                mark.time_ms for partition, mark in marks.items() if self._may_still_bring_events(partition)
            )
            if joined_to != NEVER_MS:
                self._needed_from = max(self._needed_from, joined_to - DISORDER_MS)
        return self._needed_from

    def _may_still_bring_events(self, partition: int) -> bool:
        """Whether events of users who have their home here may come in on a partition.

        Where none was ever led home, none comes in elsewhere, unless what is read shows it. Its own partition
        counts even at its end: events can be held up on their way to Kafka, and the states be there. A home
        that has none, as there are more homes than partitions, is brought events by any.
        """
        has_own = self.partition < self._join.logs.events.partitions
        return not has_own or partition == self.partition or not self._join.is_idle(partition)


def _note(at_home: MarksAtHome, marks: Mapping[int, Mark], led_to: list[int], home: int) -> None:
    for partition, mark in marks.items():
        at_home.note(partition, mark, led_to[home])
