"""Who waits for whom: events for the states they need, states for the events that still need the old ones.

Two topics are read side by side and either can run ahead. An event may be joined once its state partition
has been read up to the event's time, or to where the partition ended when the event began to wait. States
are not read on while a user's history would grow beyond `RUN_AHEAD`, or `AHEAD_MAX` of the partition are
ahead of the events, unless the events wait for just that. So one side always goes on: states stop only while
no event waits for them, and events that do not wait move the frontier that lets histories forget.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: How far out of order the times in one partition may be: users' phones, several bots, retries.
DISORDER_MS = 10_000
#: States of one user, all still needed by events to come, at which the states wait for the events.
RUN_AHEAD = 64
#: The same for all users of a partition: what is needed by events to come is kept in memory. A quarter of a
#: kilobyte each, and as many as events use up in the second between two commits.
AHEAD_MAX = 10_000
#: How often a waiting side looks whether the other has come to the end of its log.
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Log:
    """How far one partition goes, and how far it has been worked on.

    Attributes:
        end: asks the brokers for the offset after the last record.
        done_to: the offset below which no record is worked on again. For events, what is committed: those
            that are acknowledged and not committed are read again when the worker dies.
    """

    end: Callable[[], Awaitable[int]]
    done_to: Callable[[], int]


class PartitionJoin:
    """The two clocks of one partition number: how far states are read, how far events are joined.

    Times are in ms. A record that claims to be from the year 9999 must not move a clock there, so callers
    `clamp` what a record claims by when Kafka got it.
    """

    def __init__(self, states: Log, events: Log) -> None:
        self._states = states
        self._events = events
        self._states_applied_to = 0
        self._events_wait_for = -math.inf
        #: Of each chunk of events that was joined and may be read again: the offset after it, and its time.
        self._joined: deque[tuple[int, float]] = deque()
        self._needed_from = -math.inf
        #: Of each chunk of states that events may still need: how far states were read, and how many it had.
        self._ahead: deque[tuple[float, int]] = deque()
        self._states_ahead = 0
        self._moved = asyncio.Condition()
        #: The states up to this time are in the table, but for those that are out of order.
        self.states_read_to = -math.inf

    async def wait_for_states(self, event_ms: float) -> None:
        """Return when the states that an event of this time needs have been applied."""
        enough = event_ms + DISORDER_MS
        if self.states_read_to >= enough:
            return
        self._events_wait_for = max(self._events_wait_for, enough)
        await self._notify()
        end = await self._states.end()
        while self.states_read_to < enough and max(self._states_applied_to, self._states.done_to()) < end:
            await self.wait_for_a_move()

    @property
    def events_wait_for_states(self) -> bool:
        """Whether an event waits for states later than those that have been read."""
        return self._events_wait_for > self.states_read_to

    @property
    def needed_from(self) -> float:
        """No event that is still to be read, or read again, needs to know what was true before this."""
        done_to = self._events.done_to()
        while self._joined and self._joined[0][0] <= done_to:
            _, joined_ms = self._joined.popleft()
            self._needed_from = max(self._needed_from, joined_ms - DISORDER_MS)
        return self._needed_from

    @property
    def states_ahead(self) -> int:
        """How many states have been read that events to come may need, by whole chunks."""
        needed_from = self.needed_from
        while self._ahead and self._ahead[0][0] < needed_from:
            self._states_ahead -= self._ahead.popleft()[1]
        return self._states_ahead

    async def events_are_at_the_end(self) -> bool:
        """Whether every event that is in the log now has been worked on for good.

        Then those that come later are of later, too: no more than `DISORDER_MS` before the states that are in
        the log now.
        """
        return self._events.done_to() >= await self._events.end()

    async def note_states(self, newest_ms: float, next_offset: int, states: int) -> None:
        """Note that so many more states, before `next_offset` and up to `newest_ms`, are in the table."""
        self.states_read_to = max(self.states_read_to, newest_ms)
        self._ahead.append((self.states_read_to, states))
        self._states_ahead += states
        self._states_applied_to = max(self._states_applied_to, next_offset)
        await self._notify()

    async def note_events(self, newest_ms: float, next_offset: int) -> None:
        """Note that the events before `next_offset`, up to `newest_ms`, are entries in Kafka."""
        self._joined.append((next_offset, newest_ms))
        await self._notify()

    async def wait_for_a_move(self) -> None:
        """Return when a clock has moved, or it is time to look at the logs again."""
        async with self._moved:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), LOOK_S)

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()


def clamp(claimed_ms: int, record_ms: int, slack_ms: int = 0) -> int:
    """Return the time that a record claims, but no later than `slack_ms` after Kafka got it (-1: not known).

    To wait, with slack: clocks differ, and to wait too long does no harm. To move a clock, without: else who
    relies on it looks too early.
    """
    return min(claimed_ms, record_ms + slack_ms) if record_ms >= 0 else claimed_ms
