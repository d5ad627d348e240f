"""What is known of the exports of one worker while they run, and what became of those that did.

For the web views, the metrics and the judgement of health. Nothing is decided here.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from models.exports import Status
from sinks.exports.log import Extent
from sinks.exports.stream import Progress

if TYPE_CHECKING:
    from models.exports import ExportJob
    from sinks.exports.log import Lease

#: A job may go so long without a row or a byte, as a large survey may be sorted first. Then it hangs,
#: whatever its heartbeat says.
HANGS_AFTER_S = 1800.0
#: How many of the latest durations are kept.
WINDOW = 100


class Failure(StrEnum):
    """Why there is no file, in one word for machines."""

    IMPOSSIBLE = "impossible"
    STORAGE = "storage"
    DATABASE = "database"
    ATTEMPTS = "attempts"
    UNFORESEEN = "unforeseen"


@dataclass(slots=True, eq=False)
class Run:
    """One attempt that is under way. Times are `time.monotonic()`.

    Attributes:
        job: what is exported.
        lease: under which lease.
        partition: the partition of the exports topic that the job came from.
        attempt: which attempt it is; 0 until the job is claimed.
        status: how far it is.
        estimate: rows to expect; None while that is not known.
        progress: rows and bytes so far.
        good_until: when the work must stop unless the lease is extended before.
        began_at: when it began.
        beat_at: when the lease was last extended.
        moved_at: when there was last a row, a byte or another step.
    """

    job: ExportJob
    lease: Lease
    partition: int
    attempt: int = 0
    status: Status = Status.STARTED
    estimate: int | None = None
    progress: Progress = field(default_factory=Progress)
    good_until: float = 0.0
    began_at: float = field(default_factory=time.monotonic)
    beat_at: float = field(default_factory=time.monotonic)
    moved_at: float = field(default_factory=time.monotonic)
    _seen: Extent | None = None

    @property
    def alive_at(self) -> float:
        """When it last showed that it is alive: its heart beats, and it has not hung for too long."""
        return min(self.beat_at, self.moved_at + HANGS_AFTER_S)

    @property
    def fields(self) -> dict[str, Any]:
        """What a line of the log says of it."""
        return {"export_id": str(self.job.export_id), "attempt": self.attempt}

    def enter(self, status: Status) -> None:
        """Note that another step begins."""
        self.status, self.moved_at = status, time.monotonic()

    def look(self) -> tuple[Extent, bool]:
        """Return how far it is, and whether that is news since the last look."""
        if self.status is Status.QUERYING and self.progress.rows:
            self.status = Status.WRITING
        extent = Extent(self.status, self.progress.rows, self.progress.bytes, self.estimate)
        is_news = extent != self._seen
        if is_news:
            self._seen, self.moved_at = extent, time.monotonic()
        return extent, is_news


@dataclass(slots=True)
class ExportStats:
    """Counters of the exports of one process, and the latest durations. Counters only grow."""

    finished: int = 0
    failed: Counter[Failure] = field(default_factory=Counter)
    #: Attempts whose job was cancelled, removed or taken over before they ended.
    lost: int = 0
    #: Attempts that ended with the connection to the database.
    interrupted: int = 0
    rows: int = 0
    bytes: int = 0
    seconds_total: float = 0.0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def note_file(self, run: Run) -> None:
        """Count a file that is finished."""
        seconds = time.monotonic() - run.began_at
        self.finished += 1
        self.rows += run.progress.rows
        self.bytes += run.progress.bytes
        self.seconds_total += seconds
        self.seconds.append(seconds)
