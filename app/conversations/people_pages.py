"""The page of one person: what they are called, where they spoke and were, and how much they said."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from app.access import PageAsks, access_log_of
from app.conversations import links
from app.conversations.known import PersonSeen, StayRow
from app.conversations.moments import briefly, exactly, to_the_minute
from app.conversations.naming import avatar_of, platform_name
from app.conversations.reading_pages import Reader
from app.conversations.serving import Said
from app.conversations.views import talk_of
from app.web import addresses, words
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller
from models.fields import INDEXED_MAX_BYTES

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSeePerson = Annotated[Caller, Depends(PageAsks(Action.SEE_PERSON))]
#: A path, since ids of platforms may hold a slash.
PersonId = Annotated[str, Path(min_length=1, max_length=INDEXED_MAX_BYTES)]


@router.get("/people/{platform}/{person:path}")
async def person(
    request: Request, platform: str, person: PersonId, caller: AsksToSeePerson, known: Said
) -> Response:
    """Show what is known of somebody over all channels."""
    reader = Reader.of(request, caller)
    subject = {"platform": platform, "person": person}
    # Before: that nobody is known by an id is told, too.
    await access_log_of(request).note(caller, Action.SEE_PERSON, request, subject)
    seen = await known.person(caller, platform, person)
    name = seen.name or person
    rooms = {row.channel: row.title or row.channel_name for row in seen.conversations}
    return render(
        request,
        "conversations/templates/person.html",
        here="conversations",
        person=seen,
        name=name,
        platform=platform_name(platform),
        face=avatar_of(f"{platform}/{person}", name),
        numbers=_numbers(reader, seen),
        talks=[
            talk_of(row, links.conversation(row.id), reader.zone, reader.today) for row in seen.conversations
        ],
        stays=[_stay(reader, stay, rooms.get(stay.channel)) for stay in seen.stays],
        all_url=links.with_query(addresses.CONVERSATIONS, subject) if seen.has_more else "",
    )


def _numbers(reader: Reader, seen: PersonSeen) -> list[tuple[str, str, str]]:
    """Return figures of somebody: what, how much, and the same exactly."""
    talks = seen.conversations
    more = "+" if seen.has_more else ""
    counted = [talk.messages for talk in talks if talk.messages is not None]
    numbers = [("Conversations", f"{words.number(len(talks))}{more}", "")]
    if counted:
        numbers.append(("Messages in dialogues", f"{words.number(sum(counted))}{more}", ""))
    if seen.stays:
        numbers.append(("Messages in rooms", words.number(sum(stay.messages for stay in seen.stays)), ""))
    moments = [("First seen", min((talk.started for talk in talks), default=None))]
    moments.append(("Last seen", max((talk.matched for talk in talks), default=None)))
    for label, moment in moments:
        if moment is not None:
            numbers.append((label, briefly(moment, reader.zone, reader.today), exactly(moment, reader.zone)))
    return numbers


def _stay(reader: Reader, stay: StayRow, room: str | None) -> dict[str, object]:
    end = stay.left_at or stay.last_at
    return {
        "channel": room or stay.channel,
        "came": to_the_minute(stay.joined, reader.zone),
        "left": ("" if stay.left_at else "last seen ") + to_the_minute(end, reader.zone),
        "messages": stay.messages,
    }
