"""What the API gives and takes of requests for learners' data, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.privacy.rows import RequestKind, RequestStatus
from app.threads.representations import PersonName
from app.threads.serving import API

if TYPE_CHECKING:
    from app.privacy.rows import PrivacyRequest

PRIVACY = f"{API}/privacy"
REASON_MAX = 500


class NewPrivacyRequest(BaseModel):
    """Whose data is asked for, or is to be erased."""

    model_config = ConfigDict(extra="forbid")

    learner_id: PersonName = Field(description="Of which learner.", examples=["learner-456"])
    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, description="Why, for the log.", examples=["Asked for by the family"]
    )


class ShownPrivacyRequest(BaseModel):
    """A request for a learner's data, or for its erasure."""

    id: UUID
    kind: RequestKind
    tenant_id: str
    learner_id: str
    status: RequestStatus = Field(
        description="How far it is. Exports may fail; a deletion is tried until it is done."
    )
    requested_by: str
    reason: str | None
    requested_at: datetime
    finished_at: datetime | None
    counts: dict[str, int] = Field(
        description="How much was deleted, by where it was; of an export, how many records its file has."
    )
    trouble: str | None = Field(description="Why it failed, or is not done yet.")
    download: str | None = Field(
        description="Where the file of an export is to be had, once it is done; 410 there when it has gone."
    )

    @classmethod
    def of(cls, request: PrivacyRequest) -> Self:
        """Return a request as it is shown."""
        return cls(
            id=request.id,
            kind=request.kind,
            tenant_id=request.tenant,
            learner_id=request.learner,
            status=request.status,
            requested_by=request.requested_by,
            reason=request.reason,
            requested_at=request.requested,
            finished_at=request.finished,
            counts=request.counts,
            trouble=request.trouble,
            download=f"{PRIVACY}/{request.id}/download" if request.has_file else None,
        )


class PrivacyRequestList(BaseModel):
    """Requests, the latest first."""

    items: list[ShownPrivacyRequest]
    next: str | None = Field(description="The cursor of what follows; null at the end.")
