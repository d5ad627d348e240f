"""One attempt at an export: claim the job, keep the lease while the file is made, end the row.

The file is complete before the row says so, and the row is only changed while the lease is held. How the file
is made is `agents.exports.file`; which jobs there are, and what comes after an attempt,
`agents.exports.jobs`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from agents.exports.file import Doomed, LeaseLost, MadeFile
from agents.exports.run import ExportFigures, Failure
from models.exports import Status
from sinks.errors import ServiceDown

if TYPE_CHECKING:
    from agents.exports.file import FileMaker
    from agents.exports.run import Run
    from sinks.exports.log import ExportLog

log = logging.getLogger(__name__)

#: A job that was begun so often and never ended takes its worker or its database down each time.
ATTEMPTS_MAX = 10
_TOO_OFTEN = (
    f"It was begun {ATTEMPTS_MAX} times and never finished; try again with less of it (a range of dates), or "
    "tell the operator"
)


class Outcome(Enum):
    """What an attempt came to."""

    #: The row says Finished or Failed, by us.
    ENDED = auto()
    #: The job was not to be had, or was taken away: cancelled, removed, or another worker's.
    NOT_OURS = auto()
    #: The database went away; the job is free again.
    INTERRUPTED = auto()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a job's row is updated.

    Attributes:
        progress_s: how often it is told how far the job is, when there is news.
        heartbeat_s: how often the lease is extended when there is none.
        margin_s: so long before the lease would end the work is stopped, so that nothing is written later.
    """

    progress_s: float = 1.0
    heartbeat_s: float = 10.0
    margin_s: float = 10.0


@dataclass(slots=True)
class ExportAttempts:
    """Makes attempts, several at once.

    Attributes:
        rows: the rows of the jobs.
        files: makes the files.
        pace: how often a row is updated.
        figures: counts what was done.
    """

    rows: ExportLog
    files: FileMaker
    pace: Pace = field(default_factory=Pace)
    figures: ExportFigures = field(default_factory=ExportFigures)

    async def make(self, run: Run) -> Outcome:
        """Make one attempt at `run.job`, under `run.lease`.

        Raises:
            CannotGoOn: the row cannot be updated, and waiting does not mend it.
        """
        claim = await self.rows.claim(run.lease)
        if claim is None:
            return Outcome.NOT_OURS
        run.attempt, run.good_until = claim.attempt, claim.until - self.pace.margin_s
        run.enter(Status.QUERYING)
        try:
            if run.attempt > ATTEMPTS_MAX:
                raise Doomed(Failure.ATTEMPTS, _TOO_OFTEN)  # noqa: TRY301  handled like any other
            made = await self._while_leased(run)
        except LeaseLost:
            return self._lose(run)
        except ServiceDown as error:
            self.figures.interrupted.inc()
            log.warning("An export begins anew", extra={**run.fields, "error": str(error)})
            await self.rows.release(run.lease, was_to_blame=True)
            return Outcome.INTERRUPTED
        except Doomed as doomed:
            return await self._fail(run, doomed)
        return await self._finish(run, made)

    async def _while_leased(self, run: Run) -> MadeFile:
        """Make the file; stop when the lease is lost."""
        making = asyncio.create_task(self.files.make(run, lambda: self._extend(run)))
        keeping = asyncio.create_task(self._keep(run))
        try:
            await asyncio.wait({making, keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            making.cancel()
            keeping.cancel()
            await asyncio.wait({making, keeping})
        if making.cancelled():
            keeping.result()
            raise LeaseLost
        return making.result()

    async def _keep(self, run: Run) -> None:
        """Extend the lease again and again; return when it is lost."""
        while time.monotonic() < run.good_until:
            await asyncio.sleep(self.pace.progress_s)
            _, is_news = run.look()
            if not is_news and time.monotonic() < run.beat_at + self.pace.heartbeat_s:
                continue
            try:
                async with asyncio.timeout(run.good_until - time.monotonic()):
                    await self._extend(run)
            except LeaseLost:
                return
            except (ServiceDown, TimeoutError):
                continue  # there is time until the lease ends

    async def _extend(self, run: Run) -> None:
        """Extend the lease, and tell the row how far the job is.

        Raises:
            LeaseLost: it was lost before, or has ended although it was extended, as this process was frozen.
        """
        asked_at = time.monotonic()
        extent, _ = run.look()
        until = await self.rows.extend(run.lease, extent)
        if until is None:
            raise LeaseLost
        run.good_until, run.beat_at = until - self.pace.margin_s, asked_at
        if time.monotonic() >= run.good_until:
            raise LeaseLost

    async def _finish(self, run: Run, made: MadeFile) -> Outcome:
        progress = run.progress
        is_ours = await self.rows.finish(
            run.lease,
            key=made.key,
            link=made.link,
            rows=progress.rows,
            size_bytes=progress.bytes,
            not_shown=progress.not_shown,
        )
        if not is_ours:
            return await self._clean_up(run)
        self.figures.note_file(run)
        seconds = round(time.monotonic() - run.began_at, 1)
        figures = {"records": progress.rows, "bytes": progress.bytes, "seconds": seconds}
        if progress.not_shown:
            figures["cells_not_shown"] = progress.not_shown
        log.info("An export is finished", extra={**run.fields, **figures})
        return Outcome.ENDED

    async def _clean_up(self, run: Run) -> Outcome:
        """Remove a file that was cancelled in its last moment; not one that another attempt has finished."""
        row = await self.rows.look(run.job.export_id)
        if row is None or row.removed or row.status == Status.FAILED:
            await self.files.remove(run)
        return self._lose(run)

    async def _fail(self, run: Run, doomed: Doomed) -> Outcome:
        if not await self.rows.fail(run.lease, doomed.reason):
            return self._lose(run)
        self.figures.failed.labels(doomed.failure).inc()
        log.warning("An export has failed", extra={**run.fields, "error": doomed.failure.value})
        return Outcome.ENDED

    def _lose(self, run: Run) -> Outcome:
        self.figures.lost.inc()
        log.info("An export is not ours any more: cancelled, or another worker's", extra=run.fields)
        return Outcome.NOT_OURS
