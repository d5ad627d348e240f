"""How far states may be read ahead of the events that still need the older ones: memory has a bound.

States stop only while no event waits for them, so that one side always goes on (`agents.capture.join`).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.capture.times import DISORDER_MS
from models.states import trim

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.capture.join import Join
    from models.states import History

#: States of one user, all still needed by events to come, at which the states wait for the events.
RUN_AHEAD = 64
#: States of all users of a partition, needed by events to come, at which the states wait: they are kept in
#: memory. A quarter of a kilobyte each, and as many as events use up in the second between two commits.
AHEAD_MAX = 10_000


@dataclass(slots=True)
class StatesAhead:
    """The states of one partition that were read and that events to come may need, by whole chunks.

    Attributes:
        states: how many. Raised by `note`, lowered by `forget`.
    """

    states: int = 0
    #: Of each chunk: up to when states had been read with it, and how many it had. Both methods change it.
    _chunks: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, read_to_ms: float, states: int) -> None:
        """Note that so many more have been read, with which the partition was read up to a time."""
        self.states += states
        if len(self._chunks) >= AHEAD_MAX:  # events that need the first of them have long not come
            states += self._chunks.pop()[1]
        self._chunks.append((read_to_ms, states))

    def forget(self, needed_from_ms: float) -> None:
        """Forget what no event needs that is still to come."""
        while self._chunks and self._chunks[0][0] < needed_from_ms:
            self.states -= self._chunks.popleft()[1]


class Headroom:
    """How far the states of one chunk may be read ahead of the events.

    There is a bound while events to come may need what was true before these states. There is none while an
    event waits for just these, nor when no event is left that could need older ones.

    Args:
        join: what is known of both topics.
        is_waited_for: whether an event waits for states where these are.

    Attributes:
        events_were_done: whether all events in the log had been worked on for good at a time when the states
            of the chunk were in theirs. Set once a wait finds it so, never cleared: events that come later
            are of later, too.
    """

    def __init__(self, join: Join, is_waited_for: Callable[[], bool]) -> None:
        self._join = join
        self._is_waited_for = is_waited_for
        self.events_were_done = False

    @property
    def history_max(self) -> float:
        """How many states a user's history may have that are all needed; fixed until the next wait."""
        return math.inf if self._is_unbounded() else RUN_AHEAD

    def trim(self, history: History, seen_ms: float) -> History:
        """Return a history without what events to come cannot need, once all events were done.

        Args:
            history: of one user.
            seen_ms: the latest time of any state that was read.
        """
        return trim(history, seen_ms - DISORDER_MS, keep=RUN_AHEAD) if self.events_were_done else history

    async def wait_while_many_are_ahead(self, partition: int) -> None:
        """Return when no more than `AHEAD_MAX` states of a partition are ahead, or there is no bound."""
        while self._join.states_ahead(partition) > AHEAD_MAX and not await self._becomes_unbounded():
            await self._join.wait_for_a_move()

    async def wait_for_room(self) -> None:
        """Return at once where there is no bound, else when histories may have become shorter."""
        if not await self._becomes_unbounded():
            await self._join.wait_for_a_move()

    def _is_unbounded(self) -> bool:
        return self.events_were_done or self._is_waited_for()

    async def _becomes_unbounded(self) -> bool:
        """Tell whether there is no bound, if need be after a look at where the events end."""
        if not self._is_unbounded():
            self.events_were_done = await self._join.events_are_at_the_end()
        return self._is_unbounded()
