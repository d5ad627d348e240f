"""The rows of export jobs, as a worker changes them: claimed by a lease, kept, and ended.

A row is made by whoever asks for an export (the API), and only updated here, by its id and the lease's token.
So of two workers with the same job one works, and a worker that was thought dead and comes back changes
nothing of its successor's. Making the file is not done here.
"""

from __future__ import annotations

import time
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

    from sinks.retry import RetryPolicy

#: How long a worker may be silent before another takes its job over.
LEASE_S = 45.0

_SQL = statements("exports")
_LOOK = _SQL.look_at_export
_CLAIM = _SQL.claim_export
_EXTEND = _SQL.extend_export
_FINISH = _SQL.finish_export
_FAIL = _SQL.fail_export
_RELEASE = _SQL.release_export


@dataclass(frozen=True, slots=True)
class JobRow:
    """What a worker has to know of a job's row.

    Attributes:
        user: the email address of whoever asked for it.
        owner: the email address of whose survey it is.
        survey: its name.
        source: what is exported.
        asked_as: as whom messages were asked for, as JSON.
        status: how far it is; text, because others write it as well.
        removed: whether its owner has thrown it away.
        leased: whether a worker is at it, this one or another.
    """

    user: str
    owner: str
    survey: str
    source: str
    asked_as: str | None
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
class Claim:
    """A job that was taken.

    Attributes:
        attempt: which one this is, from 1 on.
        until: how long the lease lasts at least, by `time.monotonic()`.
    """

    attempt: int
    until: float


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a job is: rows read, bytes stored, and rows to expect if that is known."""

    status: Status
    rows: int = 0
    size_bytes: int = 0
    estimate: int | None = None


class ExportLog:
    """Looks at the rows of jobs and updates them, one statement each.

    While PostgreSQL is down, all methods but `extend` wait. They raise CannotGoOn when waiting does not mend
    it.

    Args:
        pool: connections as a worker's sinks use them.
        retry_policy: waits while PostgreSQL is down.
        lease_s: how long a claim or an extension is good for.
    """

    def __init__(self, pool: asyncpg.Pool, retry_policy: RetryPolicy, lease_s: float = LEASE_S) -> None:
        self._pool = pool
        self._retry_policy = retry_policy
        self._lease_s = lease_s

    async def look(self, export_id: UUID) -> JobRow | None:
        """Return how a job is; None if there is no such row."""
        row = await self._retry_policy.run(lambda: self._fetch(_LOOK, export_id))
        return None if row is None else JobRow(*row)

    async def claim(self, lease: Lease) -> Claim | None:
        """Take a job; return None if it is not to be had."""

        async def claim() -> Claim | None:
            until = time.monotonic() + self._lease_s
            row = await self._fetch(_CLAIM, lease.export_id, lease.token, timedelta(seconds=self._lease_s))
            return None if row is None else Claim(row["attempt"], until)

        return await self._retry_policy.run(claim)

    async def extend(self, lease: Lease, extent: Extent) -> float | None:
        """Keep a job, and note how far it is.

        Returns:
            How long the lease lasts at least, by `time.monotonic()`; None if it is lost: the work must stop.

        Raises:
            ServiceDown: PostgreSQL cannot be used for now. The lease ends meanwhile, so the caller decides
                how long to try.
        """
        until = time.monotonic() + self._lease_s
        done = await self._execute(
            _EXTEND,
            lease,
            timedelta(seconds=self._lease_s),
            extent.status.value,
            extent.rows,
            extent.size_bytes,
            extent.estimate,
        )
        return until if done else None

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
        return await self._retry_policy.run(lambda: self._execute(query, lease, *values))

    async def _execute(self, query: str, lease: Lease, *values: Any) -> bool:
        try:
            done = await self._pool.execute(query, lease.export_id, lease.token, *values)
        except DRIVER_ERRORS as error:
            raise classify(error) from None
        return done == "UPDATE 1"

    async def _fetch(self, query: str, *values: Any) -> asyncpg.Record | None:
        try:
            return await self._pool.fetchrow(query, *values)
        except DRIVER_ERRORS as error:
            raise classify(error) from None
