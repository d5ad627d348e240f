"""What may be committed of one partition: the low-water mark over its chunks in flight.

Pure bookkeeping, no I/O. It replaces Faust's own, which can commit past an unprocessed record, keeps a
set of every acknowledged offset and expands gaps record by record (faust-streaming 0.15.3,
`Consumer._new_offset`, `Consumer._add_gap`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.chunks import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiokafka import ConsumerRecord


@dataclass(slots=True, eq=False)
class PartitionProgress:
    """The chunks of one partition in flight, in order of their offsets, during one assignment.

    Invariant: every record below `low_water` was acknowledged, or does not exist (compacted away,
    expired, or a transaction marker). Offsets may have gaps of any size; they cost nothing.
    """

    #: The next offset to hand out; None until the first record or a seek tells.
    position: int | None = None
    #: The offset last committed successfully, as the broker confirmed it.
    committed: int | None = None
    in_flight_bytes: int = 0
    _in_flight: deque[Chunk] = field(default_factory=deque)

    @property
    def chunks_in_flight(self) -> int:
        """How many chunks were handed out and do not yet count as acknowledged."""
        return len(self._in_flight)

    def hand_out(self, chunk: Chunk) -> None:
        """Note that `chunk` goes to the agents; chunks come in the order of their offsets."""
        if self.position is not None and chunk.first_offset < self.position:
            raise ValueError(f"offset {chunk.first_offset} was handed out before (now at {self.position})")
        self._in_flight.append(chunk)
        self.in_flight_bytes += chunk.size_bytes
        self.position = chunk.last_offset + 1

    def acknowledge(self, chunk: Chunk) -> None:
        """Note that what came of every record in `chunk` is safe. Twice is as good as once."""
        chunk.acknowledged = True
        while self._in_flight and self._in_flight[0].acknowledged:
            self.in_flight_bytes -= self._in_flight.popleft().size_bytes

    def skip_to(self, offset: int) -> None:
        """Note that the log goes on at `offset`: what lies between holds no records for anyone."""
        if not self._in_flight and (self.position is None or offset > self.position):
            self.position = offset

    @property
    def low_water(self) -> int | None:
        """The offset below which everything is acknowledged; None while that is not known."""
        return self._in_flight[0].first_offset if self._in_flight else self.position

    @property
    def oldest_in_flight(self) -> Chunk | None:
        """The chunk that holds the low-water mark back; None when nothing is in flight."""
        return self._in_flight[0] if self._in_flight else None

    def committable(self) -> int | None:
        """Return the low-water mark when it lies beyond what is committed, else None."""
        mark = self.low_water
        if mark is None or (self.committed is not None and mark <= self.committed):
            return None
        return mark


@dataclass(frozen=True, slots=True)
class Start:
    """Where the reading of a partition begins.

    Attributes:
        position: the first offset to read.
        committed: what counts as committed; None when nothing that is committed means anything.
        expired: how many records between the two are gone.
    """

    position: int
    committed: int | None
    expired: int = 0


def start_of(committed: int | None, beginning: int) -> Start:
    """Decide where to begin, given the group's committed offset, and where the log begins.

    What was read before is read again where that is not known: the rows are there already.
    """
    if not committed:
        return Start(beginning, None)
    if committed < beginning:
        return Start(beginning, committed, expired=beginning - committed)
    return Start(committed, committed)


def cut(
    topic: str, partition: int, records: Sequence[ConsumerRecord], max_records: int, max_bytes: int
) -> Iterator[Chunk]:
    """Cut fetched records into chunks of at most `max_records` and about `max_bytes`.

    A record larger than `max_bytes` makes a chunk of its own.
    """
    start = size = 0
    for index, record in enumerate(records):
        record_bytes = len(record.value or b"") + len(record.key or b"")
        if index > start and (index - start >= max_records or size + record_bytes > max_bytes):
            yield Chunk(topic, partition, records[start:index], size)
            start, size = index, 0
        size += record_bytes
    if start < len(records):
        yield Chunk(topic, partition, records[start:], size)
