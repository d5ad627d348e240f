"""The first times of messages, for as long as a platform may deliver them again with another.

A message has one id only if every delivery of it gets one time: the first. This holds them for an hour, by
the time of the log, so that the same log gives the same however fast it is read. Memory is bounded: where
more was said than it may hold, the oldest goes first.
"""

from __future__ import annotations

from collections import deque

#: How long a time is known for certain, and how long that is made up of parts that are forgotten at once.
KEPT_MS = 60 * 60 * 1000
_SLOT_MS = KEPT_MS // 3
#: Ids of one partition that may be known at once: about 150 bytes each.
IDS_MAX = 1_000_000
#: Into so many parts they are divided at least, so that never all are forgotten at once.
_PARTS = 8


class FirstTimesWindow:
    """The first times of the messages of one partition, kept for `KEPT_MS`.

    Args:
        ids_max: how many may be known.
    """

    def __init__(self, ids_max: int = IDS_MAX) -> None:
        self._ids_max = ids_max
        self._part_max = ids_max // _PARTS
        self._newest: dict[int, int] = {}
        #: The oldest first; each with the slot of time that it is of.
        self._parts: deque[tuple[int, dict[int, int]]] = deque([(0, self._newest)])
        self._next_slot_ms = 0

    def move_to(self, log_ms: int) -> None:
        """Go on to a time of the log, and forget what is too old then; never back."""
        if log_ms >= self._next_slot_ms:
            slot = log_ms // _SLOT_MS
            self._next_slot_ms = (slot + 1) * _SLOT_MS
            self._begin(slot)
            oldest = slot - KEPT_MS // _SLOT_MS
            while self._parts[0][0] < oldest:
                self._parts.popleft()

    def known(self, short: int) -> int | None:
        """Return the first time of a message; None if it was not seen, or is forgotten."""
        for _, times in self._parts:
            time_ms = times.get(short)
            if time_ms is not None:
                return time_ms
        return None

    def first(self, short: int, time_ms: int) -> int:
        """Return the first time of a message that was seen now; it is this one if it was not seen before.

        It is known for as long again from now on: when a log is read once more, what came of all of it may be
        known from its beginning, and is still to be known an hour after each message.
        """
        known_ms = self._newest.get(short)
        if known_ms is not None:
            return known_ms
        known_ms = self.known(short)
        if known_ms is None:
            known_ms = time_ms
        if len(self._newest) >= self._part_max:
            self._begin(self._parts[-1][0])
        self._newest[short] = known_ms
        return known_ms

    def _begin(self, slot: int) -> None:
        """Begin a part, for which the oldest make room."""
        self._newest = {}
        self._parts.append((slot, self._newest))
        while sum(len(times) for _, times in self._parts) > self._ids_max - self._part_max:
            self._parts.popleft()
