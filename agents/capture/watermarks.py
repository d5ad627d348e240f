"""Watermarks: how far each partition of events and states was worked on, as the workers tell one another.

A user's state may be in any partition of its topic, so before an event is joined, all of them must have been
read up to its time, by whichever worker reads them. A worker says in one record how far it is. What it says
is a fact that is never taken back: of what it read below a watermark, everything is in the state table, among
the entries, or led home (`models.repartitioning`) below the offset that stands beside it.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The time of a partition of which nothing has been read yet.
NEVER_MS = -1
#: Marks of one partition that wait for what was led home; then the last one stands for those to come.
PENDING_MAX = 256


class Mark(NamedTuple):
    """How far one partition has been worked on.

    Attributes:
        offset: every record below is dealt with.
        time_ms: the latest time among them, as far as it is plausible; `NEVER_MS` if there is none.
    """

    offset: int
    time_ms: int


NOTHING_READ = Mark(0, NEVER_MS)


class Watermarks(msgspec.Struct, frozen=True):
    """What one worker says.

    Attributes:
        generation: of the group, when it said so: partitions have one reader in each.
        worker: which process it is.
        partitioner: by which users have their homes, if this worker is the one that knows.
        states: the mark of each partition of the states that it reads.
        states_led_to: of each home partition, where the topic of states led home ended when it had led home
            what is below the marks.
        events: the mark of each partition of the events that it reads, of what is committed.
        events_idle: which of these were at their end.
        events_led_to: of each home partition, where the topic of events led home ended when it had led home
            what is below the marks.
        joined: of each home partition that it works on, up to where events led home are joined and committed.
        needed_from_ms: no event of its home partitions needs to know what was true before this.
        wanted_ms: its events wait, or waited, for states of up to this time.
    """

    generation: int
    worker: str
    partitioner: str | None
    states: dict[int, Mark]
    states_led_to: list[int]
    events: dict[int, Mark]
    events_idle: list[int]
    events_led_to: list[int]
    joined: dict[int, int]
    needed_from_ms: int | None
    wanted_ms: int


def whole_ms(ms: float) -> int:
    """Return a time as watermarks have it: whole, and `NEVER_MS` where there is none yet."""
    return NEVER_MS if ms == -math.inf else int(ms)


_decoder = msgspec.json.Decoder(Watermarks)
_encoder = msgspec.json.Encoder()


def encode_watermarks(watermarks: Watermarks) -> bytes:
    """Encode watermarks as the value of a record."""
    return _encoder.encode(watermarks)


def decode_watermarks(raw: bytes) -> Watermarks | None:
    """Decode what a worker said; None if it is of a version that says it otherwise."""
    try:
        return _decoder.decode(raw)
    except msgspec.DecodeError:
        return None


class MarksAtHome:
    """How far each partition of a topic counts as worked on, seen from one home partition.

    A mark counts as soon as what was led to this home before it has been worked on as well.

    Args:
        led_done_to: tells up to where the records led to this home have been worked on.
    """

    def __init__(self, led_done_to: Callable[[], int]) -> None:
        self._led_done_to = led_done_to
        self._marks: dict[int, Mark] = {}
        #: Of a partition, the marks to come: each with the offset up to which led records must be done.
        self._pending: dict[int, deque[tuple[int, Mark]]] = {}

    def note(self, partition: int, mark: Mark, led_to: int) -> None:
        """Take a mark of a partition, which counts once the led records below an offset are done."""
        pending = self._pending.get(partition)
        if pending is None:
            if led_to <= self._led_done_to():
                self._marks[partition] = mark
                return
            pending = self._pending[partition] = deque()
        if pending and pending[-1][1] == mark:
            return
        if len(pending) >= PENDING_MAX:
            pending.pop()
        pending.append((led_to, mark))

    def marks(self) -> Mapping[int, Mark]:
        """Return the marks that count now."""
        if self._pending:
            done_to = self._led_done_to()
            for partition, pending in list(self._pending.items()):
                while pending and pending[0][0] <= done_to:
                    self._marks[partition] = pending.popleft()[1]
                if not pending:
                    del self._pending[partition]
        return self._marks
