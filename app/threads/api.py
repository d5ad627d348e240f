"""The routes of threads: by `app.threads.service`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access import LimitedRoute
from app.threads.keys import AskedOnce
from app.threads.representations import NAME_MAX, NewThread, ShownThread, ThreadChanges, ThreadList
from app.threads.serving import (
    API,
    TAGGED,
    TAGGED_201,
    AsksToModerateThreads,
    AsksToReadThreads,
    AsksToWriteThreads,
    IdempotencyKey,
    IfMatch,
    Limit,
    Moment,
    Serving,
)
from app.web.cursors import Cursor, next_of
from app.web.paging import Place
from app.web.parts import LINKED
from app.web.problems import responses

router = APIRouter(
    prefix=f"{API}/threads",
    tags=["threads"],
    route_class=LimitedRoute,
    responses=responses(401, 403, 404, 422, 429, 503),
)

#: Of what is said in a message, and of what is kept beside it.
BODY_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ThreadsAsked:
    """Which threads are asked for.

    Attributes:
        learner: with whom.
        updated_since: not last written before this.
        archived: only those that are put aside, or only those that are not; None for all.
        after: after which.
        limit: how many.
    """

    learner: str | None
    updated_since: datetime | None
    archived: bool | None
    after: Place | None
    limit: int


async def threads_asked(
    after: Cursor,
    learner_id: Annotated[
        str | None, Query(min_length=1, max_length=NAME_MAX, pattern=r"^[^\x00]*$", description="With whom.")
    ] = None,
    updated_since: Annotated[Moment | None, Query(description="Not last written before this.")] = None,
    archived: Annotated[
        bool | None, Query(description="Only those that are put aside, or are not; left out, all.")
    ] = None,
    limit: Limit = 50,
) -> ThreadsAsked:
    """Return what a request asks for."""
    return ThreadsAsked(learner_id, updated_since, archived, after, limit)


@router.get("", responses=LINKED)
async def list_threads(
    request: Request,
    response: Response,
    caller: AsksToReadThreads,
    services: Serving,
    asked: Annotated[ThreadsAsked, Depends(threads_asked)],
) -> ThreadList:
    """Return the threads that you may see, the last written first."""
    found, following = await services.threads.find(
        caller,
        learner=asked.learner,
        updated_since=asked.updated_since,
        archived=asked.archived,
        after=asked.after,
        limit=asked.limit,
    )
    return ThreadList(
        items=[ShownThread.of(thread) for thread in found], next=next_of(request, response, following)
    )


@router.post("", status_code=201, responses=TAGGED_201 | responses(413))
async def make_a_thread(
    body: NewThread,
    response: Response,
    caller: AsksToWriteThreads,
    services: Serving,
    idempotency_key: IdempotencyKey = None,
) -> ShownThread:
    """Make a thread with a learner. It is there for whoever reads when this is answered."""
    asked = body.model_dump()
    thread = await services.threads.make(
        caller,
        body.learner_id,
        title=body.title,
        metadata=body.metadata,
        once=AskedOnce.of(caller, idempotency_key, "thread", asked),
    )
    response.headers["Location"] = f"{API}/threads/{thread.head.id}"
    response.headers["ETag"] = thread.tag
    return ShownThread.of(thread)


@router.get("/{thread_id}", responses=TAGGED)
async def read_a_thread(
    thread_id: UUID, response: Response, caller: AsksToReadThreads, services: Serving
) -> ShownThread:
    """Return a thread. Its ETag is of what can be changed of it, and stays when messages come."""
    thread = await services.threads.read(caller, thread_id)
    response.headers["ETag"] = thread.tag
    return ShownThread.of(thread)


@router.put("/{thread_id}", responses=TAGGED | responses(412, 413))
async def change_a_thread(
    thread_id: UUID,
    body: ThreadChanges,
    response: Response,
    caller: AsksToReadThreads,
    services: Serving,
    if_match: IfMatch = None,
) -> ShownThread:
    """Change a thread's title, its metadata, or whether it is archived: what is given, and nothing else."""
    changes = body.model_dump(exclude_unset=True)
    thread = await services.threads.change(caller, thread_id, changes, if_match=if_match)
    response.headers["ETag"] = thread.tag
    return ShownThread.of(thread)


@router.delete("/{thread_id}", status_code=204, responses=responses(412))
async def delete_a_thread(
    thread_id: UUID,
    caller: AsksToModerateThreads,
    services: Serving,
    if_match: IfMatch = None,
    reason: Annotated[
        str | None, Query(max_length=500, pattern=r"^[^\x00]*$", description="Why, for the log of deletions.")
    ] = None,
) -> None:
    """Delete a thread with its messages, for good. That it was deleted stays in `chat_deletion_logs`."""
    await services.threads.delete(caller, thread_id, if_match=if_match, reason=reason)
