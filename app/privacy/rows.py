"""Requests for a learner's data, or for its erasure, as the tables have them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import orjson

from app.errors import NotFound
from app.web.paging import Place
from models.access import thread_thing

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from models.access import Thing


class RequestKind(StrEnum):
    """What is asked for."""

    EXPORT = "export"
    DELETION = "deletion"


class RequestStatus(StrEnum):
    """How far a request is."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """A request, as it is now.

    Attributes:
        id: which.
        kind: what is asked for.
        tenant: whose learner.
        learner: of whom.
        status: how far it is. A deletion never fails: it is tried until it is done.
        requested_by: who asked.
        reason: why, in their words.
        requested: when they asked.
        finished: when it was done, or failed.
        counts: how much was deleted, by where it was; of an export, how many records its file has.
        trouble: why it failed, or is not done yet.
        export: which export makes the file; None of a deletion.
    """

    id: UUID
    kind: RequestKind
    tenant: str
    learner: str
    status: RequestStatus
    requested_by: str
    reason: str | None
    requested: datetime
    finished: datetime | None
    counts: dict[str, int]
    trouble: str | None
    export: UUID | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Return the request of a row."""
        return cls(
            row["id"],
            RequestKind(row["kind"]),
            row["tenant_id"],
            row["learner_id"],
            RequestStatus(row["status"]),
            row["requested_by"],
            row["reason"],
            row["requested"],
            row["finished"],
            {name: count for name, count in orjson.loads(row["counts"]).items() if count is not None},
            row["trouble"],
            row["export_id"],
        )

    @property
    def thing(self) -> Thing:
        """What the right to it depends on: whose data it is."""
        return thread_thing(self.tenant, self.learner)

    @property
    def has_file(self) -> bool:
        """Whether there is a file, or was."""
        return self.kind is RequestKind.EXPORT and self.status is RequestStatus.DONE

    @property
    def place(self) -> Place:
        """Where it is in a list, the latest first."""
        return Place(self.requested, str(self.id))


@dataclass(frozen=True, slots=True)
class OpenDeletion:
    """A learner who is to be erased.

    Attributes:
        id: of the request.
        tenant: whose learner.
        learner: who.
        requested_by: who asked.
        reason: why, in their words.
    """

    id: UUID
    tenant: str
    learner: str
    requested_by: str
    reason: str | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Return the request of a row."""
        return cls(row["id"], row["tenant_id"], row["learner_id"], row["requested_by"], row["reason"])


@dataclass(frozen=True, slots=True)
class OverdueErasures:
    """Learners who wait for over an hour to be erased.

    Attributes:
        many: how many requests that are.
        since: when the first of them was made.
    """

    many: int
    since: datetime


class NoSuchRequest(NotFound):
    """There is no such request among those of the caller."""

    def __init__(self) -> None:
        super().__init__("There is no such request among yours.")


class PrivacyIsOff(NotFound):
    """Whoever runs the system wants these requests made elsewhere."""

    def __init__(self) -> None:
        super().__init__("Learners' data is not handed out or erased here (PRIVACY_ENABLED=false).")
