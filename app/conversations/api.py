"""The routes of conversations, messages and people. Each notes what it shows before it does."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access import Asks
from app.conversations.places import Part
from app.conversations.representations import (
    MessagePlace,
    MessagesPart,
    MessageText,
    ShownConversation,
    ShownMessage,
    ShownPerson,
    WholeMessage,
)
from app.conversations.serving import Said
from app.conversations.subjects import subject_of, subject_of_list, subject_of_message
from app.reading.filters import Filters, query_of
from app.reading.lists import LIMIT_DEFAULT, AfterCursor, Listed, ListLimit, cursor_of, link_next
from app.reading.noting import Noting
from app.web.parts import LINKED
from app.web.problems import responses
from models.access import Action, Caller
from models.fields import INDEXED_MAX_BYTES

router = APIRouter(prefix="/v1", tags=["conversations"], responses=responses(401, 403, 422, 503))
LIST = f"{router.prefix}/conversations"

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]
AsksToSeePerson = Annotated[Caller, Depends(Asks(Action.SEE_PERSON))]


@router.get("/conversations", responses=LINKED)
async def list_conversations(
    caller: AsksToRead,
    wanted: Filters,
    talks: Said,
    log: Noting,
    request: Request,
    response: Response,
    after: AfterCursor,
    limit: ListLimit = LIMIT_DEFAULT,
) -> Listed[ShownConversation]:
    """Return the conversations in which there is what is looked for, the one where it was said last first."""
    rows = await talks.list(caller, wanted, limit=limit + 1, after=after)
    shown = rows[:limit]
    await log.note(caller, Action.READ_MESSAGES, request, subject_of_list(wanted, shown))
    following = cursor_of(shown[-1].place) if len(rows) > limit else None
    link_next(response, LIST, {**query_of(wanted), "limit": str(limit)}, following)
    return Listed(items=[ShownConversation.of(row) for row in shown], next=following)


@router.get("/conversations/{conversation_id:uuid}", responses=responses(404))
async def get_a_conversation(
    conversation_id: UUID, caller: AsksToRead, talks: Said, log: Noting, request: Request
) -> ShownConversation:
    """Return a conversation, as far as you may read it."""
    row = await talks.get(caller, conversation_id)
    await log.note(caller, Action.READ_MESSAGES, request, subject_of(row))
    return ShownConversation.of(row)


@router.get("/conversations/{conversation_id:uuid}/messages", responses=responses(404))
async def read_a_conversation(
    conversation_id: UUID,
    caller: AsksToRead,
    talks: Said,
    log: Noting,
    request: Request,
    part: Part,
    limit: ListLimit = LIMIT_DEFAULT,
) -> MessagesPart:
    """Return a part of a conversation: its end, or what was said about, before or after a place."""
    place = await part.place(talks, caller, conversation_id)
    thread = await talks.messages(
        caller,
        conversation_id,
        around=place if part.side == "around" else None,
        before=place if part.side == "before" else None,
        after=place if part.side == "after" else None,
        limit=limit,
    )
    await log.note(caller, Action.READ_MESSAGES, request, subject_of(thread.conversation))
    return MessagesPart(
        items=[ShownMessage.of(said) for said in thread.messages],
        before=None if thread.before is None else cursor_of(thread.before),
        after=None if thread.after is None else cursor_of(thread.after),
    )


@router.get("/messages/{message_id:uuid}", responses=responses(404))
async def get_a_message(
    message_id: UUID,
    caller: AsksToRead,
    talks: Said,
    log: Noting,
    request: Request,
    raw: Annotated[bool, Query(description="Whether to give the event that it came by, too.")] = False,
) -> WholeMessage:
    """Return a message with its place in its conversation, the texts it had, and what people think of it."""
    said = await talks.message(caller, message_id)
    texts = await talks.versions(caller, message_id)
    event = await talks.raw(caller, message_id) if raw else None
    await log.note(caller, Action.READ_MESSAGES, request, subject_of_message(said))
    part, cursor = f"{LIST}/{said.conversation}/messages", cursor_of(said.place)
    place = MessagePlace(
        conversation=said.conversation,
        cursor=cursor,
        around=f"{part}?around={said.id}",
        before=f"{part}?before={cursor}",
        after=f"{part}?after={cursor}",
    )
    return WholeMessage(
        **ShownMessage.of(said).model_dump(),
        place=place,
        texts=[MessageText.of(version) for version in texts],
        raw=event,
    )


@router.get("/people/{platform}/{person:path}", responses=responses(404))
async def look_somebody_up(
    platform: str,
    person: str,
    caller: AsksToSeePerson,
    talks: Said,
    log: Noting,
    request: Request,
) -> ShownPerson:
    """Return what is known of somebody: name, conversations over all channels, and stays."""
    person = person[:INDEXED_MAX_BYTES]
    # Before: that nobody is known by an id is told, too.
    await log.note(caller, Action.SEE_PERSON, request, {"platform": platform, "person": person})
    return ShownPerson.of(await talks.person(caller, platform, person))
