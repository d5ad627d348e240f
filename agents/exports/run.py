"""What is known of the exports of one worker while they run, and what became of those that did.

For the web views, the metrics and the judgement of health. Nothing is decided here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Histogram

from models.exports import Status
from sinks.exports.log import Extent
from sinks.exports.stream import Written

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from models.exports import ExportJob
    from sinks.exports.log import Lease

#: A job may go so long without a row or a byte, as a large survey may be sorted first. Then it hangs,
#: whatever its heartbeat says.
HANGS_AFTER_S = 1800.0
#: How long files take to make, in seconds: a small survey, and one of millions of rows.
DURATION_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 36_000.0)


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
    progress: Written = field(default_factory=Written)
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


class ExportFigures:
    """What became of the exports of one worker, counted; each figure says what it is.

    Args:
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.finished = Counter(
            "chatlog_exports_finished", "Exports of which the file is there.", registry=registry
        )
        self.failed = Counter("chatlog_exports_failed", "Exports that failed.", ["reason"], registry=registry)
        # All from the start: of a counter that begins at 1, Prometheus does not see the first step.
        for failure in Failure:
            self.failed.labels(failure)
        self.lost = Counter(
            "chatlog_exports_lost",
            "Attempts that were cancelled by the owner, or taken over by another worker.",
            registry=registry,
        )
        self.interrupted = Counter(
            "chatlog_exports_interrupted",
            "Attempts that began anew, as the database went away or storage lost a half of the file.",
            registry=registry,
        )
        self.rows = Counter("chatlog_export_rows", "Rows in files that are finished.", registry=registry)
        self.bytes = Counter("chatlog_export_bytes", "Bytes in files that are finished.", registry=registry)
        self.duration_s = Histogram(
            "chatlog_export_duration_seconds",
            "How long a file took to make, without the wait for its turn.",
            registry=registry,
            buckets=DURATION_S,
        )

    def note_file(self, run: Run) -> None:
        """Count a file that is finished."""
        self.finished.inc()
        self.rows.inc(run.progress.rows)
        self.bytes.inc(run.progress.bytes)
        self.duration_s.observe(time.monotonic() - run.began_at)
