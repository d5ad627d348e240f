"""The routes of the messages of threads: by `app.threads.messages`."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.access import LimitedRoute
from app.threads.messages import PostDraft, PostFilter
from app.threads.representations import (
    NAME_MAX,
    MessageChanges,
    NewMessage,
    ThreadMessage,
    ThreadMessageList,
    shown_post,
)
from app.threads.serving import (
    API,
    TAGGED,
    TAGGED_201,
    AsksToReadThreads,
    AsksToWriteThreads,
    IdempotencyKey,
    IfMatch,
    Limit,
    Moment,
    Serving,
    note_read,
)
from app.threads.watching import STREAM_SCHEMA, thread_events
from app.web.cursors import Cursor, next_of
from app.web.metrics import EventStreams
from app.web.paging import Place
from app.web.parts import LINKED
from app.web.problems import responses

router = APIRouter(
    prefix=f"{API}/threads/{{thread_id}}",
    tags=["threads"],
    route_class=LimitedRoute,
    responses=responses(401, 403, 404, 422, 429, 503),
)


@dataclass(frozen=True, slots=True)
class PostsAsked:
    """Which messages of a thread are asked for.

    Attributes:
        wanted: which.
        newest_first: in which order.
        after: after which.
        limit: how many.
    """

    wanted: PostFilter
    newest_first: bool
    after: Place | None
    limit: int


async def posts_asked(
    after: Cursor,
    sender_id: Annotated[
        str | None, Query(max_length=NAME_MAX, pattern=r"^[^\x00]*$", description="Who wrote them.")
    ] = None,
    message_type: Annotated[
        str | None, Query(max_length=100, pattern=r"^[^\x00]*$", description="What kind.")
    ] = None,
    since: Annotated[Moment | None, Query(description="Not written before this.")] = None,
    until: Annotated[Moment | None, Query(description="Written before this.")] = None,
    order: Annotated[Literal["oldest", "newest"], Query(description="Which message comes first.")] = "oldest",
    limit: Limit = 50,
) -> PostsAsked:
    """Return what a request asks for."""
    wanted = PostFilter(sender=sender_id, message_type=message_type, since=since, until=until)
    return PostsAsked(wanted, newest_first=order == "newest", after=after, limit=limit)


@router.get("/messages", response_model=ThreadMessageList, responses=LINKED)
async def list_messages_of_a_thread(
    thread_id: UUID,
    request: Request,
    response: Response,
    caller: AsksToReadThreads,
    services: Serving,
    asked: Annotated[PostsAsked, Depends(posts_asked)],
) -> Response:
    """Return the messages of a thread, the oldest first; deleted ones are not among them."""
    found, following = await services.messages.find(
        caller, thread_id, asked.wanted, newest_first=asked.newest_first, after=asked.after, limit=asked.limit
    )
    await note_read(request, caller, thread_id)
    following_cursor = next_of(request, response, following)
    return _answer({"items": [shown_post(post) for post in found], "next": following_cursor}, response)


@router.post(
    "/messages", status_code=201, response_model=ThreadMessage, responses=TAGGED_201 | responses(409, 413)
)
async def write_a_message(
    thread_id: UUID,
    body: NewMessage,
    response: Response,
    caller: AsksToWriteThreads,
    services: Serving,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Write a message. It is there for whoever reads when this is answered."""
    draft = PostDraft(
        content=body.content,
        message_type=body.message_type,
        sender=body.sender_id,
        role=body.sender_role,
        reply_to=body.reply_to,
        metadata=body.metadata,
    )
    message = await services.messages.write(caller, thread_id, draft, idempotency_key)
    response.headers["Location"] = f"{API}/threads/{thread_id}/messages/{message.id}"
    response.headers["ETag"] = message.tag
    return _answer(shown_post(message), response, 201)


@router.get("/messages/{message_id}", response_model=ThreadMessage, responses=TAGGED)
async def read_a_message(
    thread_id: UUID,
    message_id: UUID,
    request: Request,
    response: Response,
    caller: AsksToReadThreads,
    services: Serving,
) -> Response:
    """Return a message."""
    message = await services.messages.read(caller, thread_id, message_id)
    await note_read(request, caller, thread_id, message_id)
    response.headers["ETag"] = message.tag
    return _answer(shown_post(message), response)


@router.put("/messages/{message_id}", response_model=ThreadMessage, responses=TAGGED | responses(412, 413))
async def edit_a_message(
    thread_id: UUID,
    message_id: UUID,
    body: MessageChanges,
    response: Response,
    caller: AsksToReadThreads,
    services: Serving,
    if_match: IfMatch = None,
) -> Response:
    """Change a message that is yours, or any if you moderate: what is given, and nothing else.

    What it was before is kept, and conversations show it.
    """
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    message = await services.messages.edit(caller, thread_id, message_id, changes, if_match=if_match)
    response.headers["ETag"] = message.tag
    return _answer(shown_post(message), response)


@router.delete("/messages/{message_id}", status_code=204, responses=responses(412))
async def delete_a_message(
    thread_id: UUID,
    message_id: UUID,
    caller: AsksToReadThreads,
    services: Serving,
    if_match: IfMatch = None,
) -> None:
    """Delete a message that is yours, or any if you moderate. No text of it stays, earlier ones neither."""
    await services.messages.delete(caller, thread_id, message_id, if_match=if_match)


@router.get(
    "/events",
    response_class=Response,
    responses={
        200: {
            "description": "A stream of what happens in the thread, as it is told to Kafka "
            "(docs/threads.md), each at least once. It ends when the thread is deleted, and after a quarter "
            "of an hour, to be begun again.",
            "content": {"text/event-stream": {"schema": STREAM_SCHEMA}},
        }
    },
)
async def follow_a_thread(
    thread_id: UUID,
    request: Request,
    caller: AsksToReadThreads,
    services: Serving,
    streams: EventStreams,
    last_event_id: Annotated[
        str | None,
        Header(description="The id of the last event that you have; those after it are told first."),
    ] = None,
) -> Response:
    """Follow a thread as server-sent events: from now on, or from the last event on."""
    thread = await services.threads.read(caller, thread_id)
    await note_read(request, caller, thread_id)
    return thread_events(services.watched, caller, thread.head, last_event_id, streams)


def _answer(told: object, response: Response, status: int = 200) -> Response:
    """Return JSON, as the route's model describes it, with the headers that were given so far."""
    content = orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return Response(content, status, dict(response.headers), "application/json")
