"""What the routes of threads work with, and how a route gets at it. All are coroutines, as those of turns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Query, Request
from pydantic import BeforeValidator

from app.access import LimitedAsks, access_log_of
from app.reading.moments import moment_of
from models.access import THREADS, Action, Caller

if TYPE_CHECKING:
    from uuid import UUID

    from app.threads.messages import ThreadMessages
    from app.threads.service import LearnerThreads
    from app.threads.watching import WatchedThreads

#: Where threads are, and what is asked for of learners.
API = "/api/v1"


def _moment_asked(value: object) -> object:
    """Return the time that a text means; of a day, its beginning in UTC."""
    return moment_of(value, ZoneInfo("UTC")) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class ThreadServices:
    """What there is of threads in a process.

    Attributes:
        threads: themselves.
        messages: what is said in them.
        watched: tells whoever watches.
    """

    threads: LearnerThreads
    messages: ThreadMessages
    watched: WatchedThreads


async def services_of(request: Request) -> ThreadServices:
    """Return what `app.site` put there when the application started."""
    services: ThreadServices = request.app.state.threads
    return services


_TAG = {"headers": {"ETag": {"description": "Of its present state.", "schema": {"type": "string"}}}}
#: What OpenAPI says of answers with an ETag.
TAGGED: dict[int | str, dict[str, Any]] = {200: _TAG}
TAGGED_201: dict[int | str, dict[str, Any]] = {201: _TAG}

Serving = Annotated[ThreadServices, Depends(services_of)]
AsksToReadThreads = Annotated[Caller, Depends(LimitedAsks(Action.READ_THREADS, "thread_limits"))]
AsksToWriteThreads = Annotated[Caller, Depends(LimitedAsks(Action.WRITE_THREADS, "thread_limits"))]
AsksToModerateThreads = Annotated[Caller, Depends(LimitedAsks(Action.MODERATE_THREADS, "thread_limits"))]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Moment = Annotated[datetime, BeforeValidator(_moment_asked)]
IfMatch = Annotated[
    str | None,
    Header(description="The ETag of what you saw: if it has changed since, nothing is done (412)."),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Sent again with the same, within a day, the request is not carried out again, and has "
        "the same answer.",
    ),
]


async def note_read(request: Request, caller: Caller, thread: UUID, message: UUID | None = None) -> None:
    """Note who reads what was said in a thread, before it is shown."""
    subject = {"platform": THREADS, "channel": caller.tenant, "conversation": str(thread)}
    if message is not None:
        subject["message"] = str(message)
    await access_log_of(request).note(caller, Action.READ_THREADS, request, subject)
