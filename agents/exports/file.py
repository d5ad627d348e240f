"""The file of an export: a survey's rows, streamed from PostgreSQL into object storage.

Nothing of it is to be seen before it is complete, and what goes wrong on the way is told in words for its
owner, or as something that passes. Whether the job is ours to do is `agents.exports.attempt`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agents.exports.run import Failure
from models.errors import ChatlogError, MustAct
from models.export_names import file_name
from sinks.errors import CannotGoOn, ServiceDown, SinkError
from sinks.exports.stream import ExportImpossible, WantedExport, content_type_of, estimate, write_export
from sinks.storage.errors import UploadLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import asyncpg

    from agents.exports.run import Run
    from models.exports import ExportJob
    from sinks.storage.bucket import ObjectStorage

    Connect = Callable[[], AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]]

log = logging.getLogger(__name__)


class LeaseLost(ChatlogError):
    """The job is not ours any more: stop, and leave no file. Whoever has it now makes the file."""

    must_act = MustAct.SERVICE


class Doomed(ChatlogError):
    """There will be no file; says why, in words for the owner."""

    must_act = MustAct.CALLER

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that is complete: where it is, and a link to it."""

    key: str
    link: str


@dataclass(frozen=True, slots=True)
class FileMaker:
    """Makes files, several at once.

    Attributes:
        storage: where they go.
        connect: gives a connection of the export's own, without a limit on how long a statement takes.
        key_of: the key of a job's file.
        own_keys: whether no other job's file can have that key, so that it may be deleted.
        link_lives_s: how long a link is good for.
    """

    storage: ObjectStorage
    connect: Connect
    key_of: Callable[[ExportJob], str]
    own_keys: bool
    link_lives_s: float

    async def make(self, run: Run, may_appear: Callable[[], Awaitable[None]]) -> MadeFile:
        """Make the file of `run.job`; `run` tells how far it is.

        Args:
            run: the attempt.
            may_appear: asked right before the file appears under its key; raises LeaseLost if it must not.

        Raises:
            LeaseLost: as `may_appear` does.
            ServiceDown: the database went away, or storage has forgotten half of the file: begin anew.
            Doomed: whatever else keeps the file from being made.
        """
        try:
            return await self._upload(run, may_appear)
        except (LeaseLost, Doomed, ServiceDown):
            raise
        except ExportImpossible as error:
            raise Doomed(Failure.IMPOSSIBLE, str(error)) from None
        except CannotGoOn as error:
            extra = {**run.fields, "error": str(error)}
            log.error("PostgreSQL refuses an export", extra=extra)  # noqa: TRY400  the message tells it all
            raise Doomed(Failure.DATABASE, _REFUSED) from None
        except Exception:
            log.exception("An export failed for a reason that nobody foresaw", extra=run.fields)
            raise Doomed(Failure.UNFORESEEN, _UNFORESEEN) from None

    async def remove(self, run: Run) -> None:
        """Remove a file that nobody wants any more, unless another's may have the same key."""
        if not self.own_keys:
            return
        try:
            await self.storage.delete(self.key_of(run.job))
        except SinkError as error:
            log.warning(
                "The file of a cancelled export stays until the bucket's lifecycle rule removes it",
                extra={**run.fields, "error": str(error)},
            )

    async def _upload(self, run: Run, may_appear: Callable[[], Awaitable[None]]) -> MadeFile:
        job, key = run.job, self.key_of(run.job)
        name = file_name(job.survey, job.source, job.options, datetime.now(UTC))
        storing = _Storing(run)
        async with self.storage.upload(
            key, content_type=content_type_of(job.options), file_name=name
        ) as upload:

            async def write(data: bytes) -> None:
                with storing:
                    await upload.write(data)

            try:
                await self._read(run, write)
            except Exception:
                # Whatever the reader makes of it, it is what storage said that counts.
                storing.fail_again()
                raise
            await may_appear()
            with storing:
                await upload.complete()
        with storing:
            return MadeFile(key, await self.storage.link(key, file_name=name, expires_s=self.link_lives_s))

    async def _read(self, run: Run, write: Callable[[bytes], Awaitable[None]]) -> None:
        job = run.job
        export = WantedExport(
            job.owner, job.survey, job.source, job.options, asked_by=job.user, asked_as=job.asked_as
        )
        async with self.connect() as connection:
            run.estimate = await estimate(connection, export)
            await write_export(connection, export, write, run.progress)


class _Storing:
    """Around each use of storage, as a context manager: tells what it says from what the database says."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._said: Doomed | ServiceDown | None = None

    def __enter__(self) -> None:
        """Begin to use storage."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, SinkError):
            self._said = self._judge(error)
            raise self._said from None

    def fail_again(self) -> None:
        """Raise what storage made fail, if it was storage."""
        if self._said is not None:
            raise self._said from None

    def _judge(self, error: SinkError) -> Doomed | ServiceDown:
        if isinstance(error, UploadLost):
            return error
        log.error("Object storage did not take an export", extra={**self._run.fields, "error": str(error)})
        # Addresses and settings are nothing to tell an owner. What a service that is down says before its
        # first colon holds neither.
        what = str(error).partition(": ")[0] if isinstance(error, ServiceDown) else "Object storage refuses"
        return Doomed(Failure.STORAGE, _NOT_STORED.format(what=what[0].lower() + what[1:]))


_NOT_STORED = "The storage did not take the file: {what}; try again, or tell the operator"
_REFUSED = "The database refused to give the rows; tell the operator"
_UNFORESEEN = "Something failed that nobody foresaw; try again, or tell the operator"
