"""The rows of export jobs, as a worker changes them: claimed by a lease, kept, and ended.

A row is made by whoever asks for an export (the API), and only updated here, by its id and the lease's token.
So of two workers with the same job one works, and a worker that was thought dead and comes back changes
nothing of its successor's. Making the file is not done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models.exports import Status
from models.text import clean_text
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

#: How long a worker may be silent before another takes its job over.
LEASE = timedelta(seconds=45)

_SQL = statements("exports")
_LOOK = _SQL.look_at_export
_CLAIM = _SQL.claim_export
_EXTEND = _SQL.extend_export
_FINISH = _SQL.finish_export
_FAIL = _SQL.fail_export
_RELEASE = _SQL.release_export


@dataclass(frozen=True, slots=True)
class ExportRow:
    """What a worker has to know of a job's row.

    Attributes:
        owner: the email address of whoever asked for it.
        survey: the name of the survey.
        source: what is exported.
        status: how far it is; text, because others write it as well.
        removed: whether its owner has thrown it away.
        leased: whether a worker is at it, this one or another.
    """

    owner: str
    survey: str
    source: str
    status: str
    removed: bool
    leased: bool

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.removed or self.status in (Status.FINISHED, Status.FAILED)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job, for as long as it is extended."""

    export_id: UUID
    token: UUID


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a job is: rows read, bytes stored, and rows to expect if that is known."""

    status: Status
    rows: int = 0
    size_bytes: int = 0
    estimate: int | None = None


class ExportLog:
    """Looks at the rows of jobs and updates them, one statement each.

    All methods raise ServiceDown when PostgreSQL cannot be used for now, and CannotGoOn when waiting does not
    mend it.

    Args:
        pool: connections as a worker's sinks use them.
        lease: how long a claim or an extension is good for.
    """

    def __init__(self, pool: asyncpg.Pool, lease: timedelta = LEASE) -> None:
        self._pool = pool
        self.lease = lease

    async def look(self, export_id: UUID) -> ExportRow | None:
        """Return how a job is; None if there is no such row."""
        try:
            row = await self._pool.fetchrow(_LOOK, export_id)
        except DRIVER_ERRORS as error:
            raise classify(error) from None
        return None if row is None else ExportRow(*row)

    async def claim(self, lease: Lease) -> int | None:
        """Take a job; return which attempt this is, from 1 on, or None if it is not to be had."""
        try:
            attempt = await self._pool.fetchval(_CLAIM, lease.export_id, lease.token, self.lease)
        except DRIVER_ERRORS as error:
            raise classify(error) from None
        return None if attempt is None else int(attempt)

    async def extend(self, lease: Lease, extent: Extent) -> bool:
        """Keep a job, and note how far it is; False if the lease is lost: the work must stop."""
        return await self._update(
            _EXTEND, lease, self.lease, extent.status.value, extent.rows, extent.size_bytes, extent.estimate
        )

    async def finish(
        self, lease: Lease, *, key: str, link: str, rows: int, size_bytes: int, not_shown: int
    ) -> bool:
        """Note where the file is, and how many cells it could not hold; False if the lease is lost."""
        return await self._update(_FINISH, lease, link, key, rows, size_bytes, not_shown)

    async def fail(self, lease: Lease, reason: str) -> bool:
        """Note why there will be no file, in words for its owner; False if the lease is lost."""
        return await self._update(_FAIL, lease, clean_text(reason))

    async def release(self, lease: Lease, *, was_to_blame: bool) -> bool:
        """Leave the job to the next; False if the lease is lost.

        Args:
            lease: what was claimed.
            was_to_blame: whether the attempt counts, so that a job that never succeeds is given up at last.
        """
        return await self._update(_RELEASE, lease, 0 if was_to_blame else 1)

    async def _update(self, query: str, lease: Lease, *values: Any) -> bool:
        try:
            done = await self._pool.execute(query, lease.export_id, lease.token, *values)
        except DRIVER_ERRORS as error:
            raise classify(error) from None
        return done == "UPDATE 1"
