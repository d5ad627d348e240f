"""What waits to be sent, of a bounded size, and what became of the rest. Whoever uses it holds a lock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from chatlog_client.records import BATCH_MAX, BATCH_MAX_BYTES, first_that_go_together

if TYPE_CHECKING:
    from chatlog_client.records import Record


@dataclass(slots=True)
class Figures:
    """What became of what was told.

    Attributes:
        sent: what the server has.
        dropped: what did not fit into the queue.
        refused: what the server does not take, whatever is done, or is no JSON: its log says why.
        waiting: what is still to be sent.
    """

    sent: int = 0
    dropped: int = 0
    refused: int = 0
    waiting: int = 0


class Waiting:
    """A queue of records.

    Args:
        most: how many may wait.
        most_bytes: how much of their JSON may.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._queue: deque[Record] = deque()
        self._size_bytes = 0
        self._figures = Figures()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def figures(self) -> Figures:
        """What became of all so far, as of now."""
        return replace(self._figures, waiting=len(self._queue))

    @property
    def is_a_batch(self) -> bool:
        """Whether it is as much as one request brings."""
        return len(self._queue) >= BATCH_MAX or self._size_bytes >= BATCH_MAX_BYTES

    def put(self, record: Record) -> bool:
        """Have a record wait; tell whether there is room for it, and count it as dropped if not."""
        size_bytes = self._size_bytes + len(record.content)
        if len(self._queue) >= self._most or size_bytes > self._most_bytes:
            self._figures.dropped += 1
            return False
        self._queue.append(record)
        self._size_bytes = size_bytes
        return True

    def first(self, count: int = BATCH_MAX) -> list[Record]:
        """Return the first that wait; they wait on."""
        return list(islice(self._queue, count))

    def batch(self) -> list[Record]:
        """Return the first that one request brings; they wait on."""
        return first_that_go_together(self._queue)

    def done(self, count: int, *, sent: bool) -> None:
        """Have the first wait no longer, and be counted as sent, or as refused."""
        for _ in range(count):
            self._size_bytes -= len(self._queue.popleft().content)
        if sent:
            self._figures.sent += count
        else:
            self._figures.refused += count

    def drop(self) -> None:
        """Count one that came too late."""
        self._figures.dropped += 1

    def refuse(self) -> None:
        """Count one that cannot be sent."""
        self._figures.refused += 1
