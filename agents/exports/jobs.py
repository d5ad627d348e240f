"""Export jobs: each record of the exports topic → a row of `export_status` that is final.

A job is worked on in a task of its own that outlives its chunk: when the group gives the partition to another
worker, an export of hours goes on here, and the other worker waits for the row. If this worker stops or dies,
the other takes the job over. One attempt at a job is `agents.exports.attempt`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter as Tally
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from agents.exports.attempt import ExportAttempts, Outcome
from agents.exports.run import Run
from agents.exports.turns import Turns
from agents.side_by_side import side_by_side
from models.errors import BadRecord, Reason
from models.exports import AskedAs, ExportJob
from models.owners import owner_address
from sinks.dead_letters import dead_letter_of
from sinks.errors import SinkError
from sinks.exports.log import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.chunks import Chunk
    from sinks.dead_letters import DeadLetterTopic
    from sinks.exports.log import JobRow

log = logging.getLogger(__name__)

#: How long a job that another worker has is left alone between two looks, at first and at last.
FIRST_LOOK_S = 0.25
LONGEST_LOOK_S = 5.0
#: How long a stop waits for uploads to be aborted and leases to be released, side by side.
LET_GO_S = 1.0


class Exports:
    """Works on jobs, some at once, owner by owner in turn, and waits for those that other workers have.

    Attributes:
        attempts: what makes the files.
        runs: what is under way.
        waiting: how many jobs are in hand and not under way here.

    Args:
        attempts: what makes the files.
        dead_letters: takes the records that are no jobs.
        concurrency: how many jobs may be under way at once.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(
        self,
        attempts: ExportAttempts,
        dead_letters: DeadLetterTopic,
        *,
        concurrency: int,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.attempts = attempts
        self.runs: dict[asyncio.Task[Outcome], Run] = {}
        self.in_hand: Tally[int] = Tally()
        self._dead_letters = dead_letters
        self._turns = Turns(concurrency)
        #: When a job of each partition was last looked at, by `time.monotonic()`.
        self._looked_at: dict[int, float] = {}
        #: Set when storage was found fit; until then no attempt is made that it would make fail.
        self.may_begin = asyncio.Event()
        self.jobs_read = Counter(
            "chatlog_jobs_read", "Export jobs read of which the row is final.", registry=registry
        )
        Gauge("chatlog_exports_running", "Exports that are made here now.", registry=registry).set_function(
            lambda: len(self.runs)
        )
        Gauge(
            "chatlog_exports_waiting",
            "Export jobs in hand that wait for their turn, or for another worker that has them.",
            registry=registry,
        ).set_function(lambda: self.waiting)
        Gauge(
            "chatlog_export_standstill_seconds",
            "How long the slowest export has had no new row or byte; 0 when none is made.",
            registry=registry,
        ).set_function(self._standstill_s)

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every record of `chunk` has a final row, or none ever, or is a dead letter.

        Raises:
            CannotGoOn: the rows cannot be read or updated, and waiting does not mend it.
        """
        # An attempt that is cancelled by a stop cancels this as well: the chunk must not count as done.
        await side_by_side(*(self._handle(record) for record in chunk))
        self.jobs_read.inc(len(chunk))

    async def stop(self) -> None:
        """Abort what is under way, and leave the jobs to the next worker, in `LET_GO_S`. Idempotent."""
        runs = dict(self.runs)
        for attempt in runs:
            attempt.cancel()
        if not runs:
            return
        releases = {asyncio.create_task(self._release(run)): run for run in runs.values()}
        await asyncio.wait({*runs, *releases}, timeout=LET_GO_S)
        for release, run in releases.items():
            if release.cancel():
                _tell_not_released(run, f"PostgreSQL did not answer within {LET_GO_S:g} s")

    def alive_at(self, partition: int) -> float:
        """Return when the jobs of a partition last showed life, by `time.monotonic()`.

        A job that hangs is not outshone by its neighbours; one that waits for its turn lives as long as those
        that it waits for.
        """
        if own := [run.alive_at for run in self.runs.values() if run.partition == partition]:
            return min(own)
        looked_at = self._looked_at.get(partition, float("-inf"))
        if not self.in_hand[partition]:
            return looked_at
        return max([looked_at, *(run.alive_at for run in self.runs.values())])

    @property
    def waiting(self) -> int:
        """How many jobs are in hand and not under way."""
        return max(0, self.in_hand.total() - len(self.runs))

    def _standstill_s(self) -> float:
        now = time.monotonic()
        return max((now - run.moved_at for run in self.runs.values()), default=0.0)

    async def _handle(self, record: ConsumerRecord) -> None:
        self.in_hand[record.partition] += 1
        try:
            await self._settle(ExportJob.of(record.value), record.partition)
        except BadRecord as error:
            await self._dead_letters.send([dead_letter_of(record, error)])
        finally:
            self.in_hand[record.partition] -= 1
            self._looked_at[record.partition] = time.monotonic()

    async def _settle(self, job: ExportJob, partition: int) -> None:
        """Return when the job's row is final, or was removed; raise BadRecord if it has none."""
        for pause_s in _pauses():
            row = await self.attempts.rows.look(job.export_id)
            self._looked_at[partition] = time.monotonic()
            _check_belongs(job, row)
            if row is None or row.settled:
                return
            if not row.leased:
                await self.may_begin.wait()
                await self._turns.take(owner_address(job.user))
                # Not awaited directly: it goes on when this partition is given up.
                if await asyncio.shield(self._begin(job, partition)) is Outcome.ENDED:
                    return
            await asyncio.sleep(pause_s)

    def _begin(self, job: ExportJob, partition: int) -> asyncio.Task[Outcome]:
        """Begin an attempt; the caller has taken a slot for it."""
        run = Run(job, Lease(job.export_id, uuid.uuid4()), partition)
        attempt = asyncio.create_task(self.attempts.make(run), name=f"export-{job.export_id}")
        self.runs[attempt] = run
        attempt.add_done_callback(self._end)
        return attempt

    def _end(self, attempt: asyncio.Task[Outcome]) -> None:
        run = self.runs.pop(attempt)
        self._turns.give_back(owner_address(run.job.user))
        if not attempt.cancelled():
            # When nobody waits any more, the next who has the record meets the same error.
            attempt.exception()

    async def _release(self, run: Run) -> None:
        try:
            await self.attempts.rows.release(run.lease, was_to_blame=False)
        except SinkError as error:
            _tell_not_released(run, str(error))


def _tell_not_released(run: Run, error: str) -> None:
    log.warning(
        "A job could not be released; it is taken over when its lease has run out",
        extra={**run.fields, "error": error},
    )


def _check_belongs(job: ExportJob, row: JobRow | None) -> None:
    """Make sure that the row is the job's, or its owner would be given what another asked for.

    Raises:
        BadRecord: it is not, or there is none.
    """
    if row is None:
        raise BadRecord(Reason.UNKNOWN_VALUE, "export_id: export_status has no such row")
    asked = (owner_address(job.user), owner_address(job.owner), job.survey, job.source, job.asked_as)
    if asked != (owner_address(row.user), owner_address(row.owner), row.survey, row.source, _asked_as(row)):
        raise BadRecord(
            Reason.UNKNOWN_VALUE,
            "user, survey_owner, survey, source, asked_as: not those of the row of export_status with its id",
        )


def _asked_as(row: JobRow) -> AskedAs | None:
    """Return as whom messages were asked for; None too for what a later version says otherwise."""
    try:
        return None if row.asked_as is None else AskedAs.model_validate_json(row.asked_as)
    except ValidationError:
        return None


def _pauses() -> Iterator[float]:
    pause_s = FIRST_LOOK_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_LOOK_S)
