"""The page of conversations: the list, and beside it one of them, which comes in parts.

What is read is noted before it is shown.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access import PageAsks, access_log_of
from app.bot_states.serving import bot_states_of
from app.conversations import links
from app.conversations.reading_pages import Reader, bar_of, list_of, part_of, thread_of
from app.conversations.rows import MESSENGER, Thread, place_at
from app.conversations.service import Conversations
from app.conversations.serving import Said
from app.conversations.subjects import subject_of, subject_of_list
from app.conversations.views import Why
from app.conversations.where import CursorAsked, Where, WhereAsked, place_of
from app.reading.filters import Filters, query_of
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller
from models.reading import MessageFilter

#: A screen of the list and some more.
TALKS_A_PART = 40
#: About three screens: quickly drawn, seldom asked for.
MESSAGES_A_PART = 60
#: About 200 pages of paper; who needs more has a file.
PRINTED_MAX = 5_000
#: As many as the script names at once.
_CHANGED_MAX = 100

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToRead = Annotated[Caller, Depends(PageAsks(Action.READ_MESSAGES))]
Changed = Annotated[list[UUID], Query(max_length=_CHANGED_MAX)]


@router.get(addresses.CONVERSATIONS)
async def conversations(
    request: Request, caller: AsksToRead, known: Said, wanted: Filters, cursor: CursorAsked = None
) -> Response:
    """Show the list, and nothing beside it yet."""
    reader = Reader.of(request, caller)
    if _is_for_the_script(request):
        return render(request, "conversations/templates/no_thread.html", talks=True)
    return await _page(request, reader, known, wanted, cursor, None)


@router.get(f"{addresses.CONVERSATIONS}/list")
async def more_conversations(
    request: Request, caller: AsksToRead, known: Said, wanted: Filters, cursor: CursorAsked = None
) -> Response:
    """Give another part of the list."""
    shown = await _list(request, Reader.of(request, caller), known, wanted, cursor)
    return render(request, "conversations/templates/rows.html", **shown)


@router.get(addresses.CONVERSATIONS + "/{conversation:uuid}")
async def conversation(
    request: Request,
    conversation: UUID,
    caller: AsksToRead,
    known: Said,
    wanted: Filters,
    where: WhereAsked,
    reply: UUID | None = None,
) -> Response:
    """Show a conversation beside the list: its end, or the part about a message, a day or a place.

    Where the reader may write in it, what they write can be the reply to a message.
    """
    reader = Reader.of(request, caller)
    part = await _part(reader, known, conversation, where)
    replied_to = None if reply is None else await known.message(caller, reply)
    await _note(request, caller, subject_of(part.conversation))
    why, looked_since = await _why(request, caller, part)
    thread = thread_of(reader, part, why, query_of(wanted), where, replied_to, looked_since=looked_since)
    if _is_for_the_script(request):
        return render(request, "conversations/templates/thread.html", **thread)
    return await _page(request, reader, known, wanted, None, thread)


@router.get(addresses.CONVERSATIONS + "/{conversation:uuid}/part")
async def part(
    request: Request,
    conversation: UUID,
    caller: AsksToRead,
    known: Said,
    where: WhereAsked,
    only: Changed = [],  # noqa: B006  as FastAPI takes it: a copy each time
) -> Response:
    """Give another part of a thread, or those of its messages that have changed."""
    reader = Reader.of(request, caller)
    if only:
        row = await known.get(caller, conversation)
        shown = Thread(row, tuple(await known.some(caller, conversation, only)))
    else:
        shown = await _part(reader, known, conversation, where)
    await _note(request, caller, subject_of(shown.conversation))
    why, looked_since = await _why(request, caller, shown)
    if only or where.after:
        # It is said beside what is above.
        looked_since = None
    return render(
        request, "conversations/templates/part.html", **part_of(reader, shown, why, looked_since=looked_since)
    )


@router.get(addresses.CONVERSATIONS + "/{conversation:uuid}/print")
async def print_conversation(
    request: Request, conversation: UUID, caller: AsksToRead, known: Said
) -> Response:
    """Show a whole conversation as paper has it."""
    reader = Reader.of(request, caller)
    thread = await known.messages(caller, conversation, limit=PRINTED_MAX)
    await _note(request, caller, subject_of(thread.conversation))
    return render(
        request,
        "conversations/templates/print.html",
        here="conversations",
        is_cut=thread.has_before,
        **thread_of(reader, thread, {}, {}, Where()),
    )


async def _page(
    request: Request,
    reader: Reader,
    known: Conversations,
    wanted: MessageFilter,
    cursor: str | None,
    thread: dict[str, Any] | None,
) -> Response:
    shown = await _list(request, reader, known, wanted, cursor)
    return render(
        request,
        "conversations/templates/conversations.html",
        here="conversations",
        **{"thread": None} | bar_of(reader, wanted) | shown | (thread or {}),
    )


async def _list(
    request: Request, reader: Reader, known: Conversations, wanted: MessageFilter, cursor: str | None
) -> dict[str, Any]:
    rows = await known.list(reader.caller, wanted, limit=TALKS_A_PART + 1, after=place_of(cursor))
    shown = rows[:TALKS_A_PART]
    await _note(request, reader.caller, subject_of_list(wanted, shown))
    return list_of(reader, wanted, shown, has_more=len(rows) > TALKS_A_PART)


async def _part(reader: Reader, known: Conversations, conversation: UUID, where: Where) -> Thread:
    """Return the part that an address asks for; the newest if it asks for none, or there is none then."""
    caller, size = reader.caller, MESSAGES_A_PART
    if where.message is not None:
        place = (await known.message(caller, where.message)).place
        return await known.messages(caller, conversation, around=place, limit=size)
    if where.day is not None:
        place = place_at(links.beginning_of(where.day, reader.zone))
        of_day = await known.messages(caller, conversation, after=place, limit=size)
        if of_day.messages:
            return of_day
    return await known.messages(caller, conversation, before=where.before, after=where.after, limit=size)


async def _why(request: Request, caller: Caller, part: Thread) -> tuple[dict[UUID, Why], datetime | None]:
    """Return which of these messages repeat a question of a survey's bot, and why.

    With it, from when on that was looked for; None for as far back as it counts.
    """
    row, said = part.conversation, part.messages
    if row.platform != MESSENGER or not any(message.question for message in said):
        return {}, None
    bot_states = await bot_states_of(request)
    found = await bot_states.repeats(
        caller, row.channel, row.external_id, said[0].timestamp, said[-1].timestamp
    )
    return {UUID(repeat.id): Why.of(repeat) for repeat in found.repeats}, found.looked_since


async def _note(request: Request, caller: Caller, subject: dict[str, Any]) -> None:
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, subject)


def _is_for_the_script(request: Request) -> bool:
    """Tell whether a piece of the page is asked for, to be put into the one that is open."""
    return "hx-request" in request.headers
