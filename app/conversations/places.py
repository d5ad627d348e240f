"""Which part of a conversation a request asks for: about, before or after a cursor, a message, or a time."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

from app.conversations.rows import place_at
from app.conversations.service import Conversations, NoSuchMessage
from app.reading.filters import ZoneAsked
from app.reading.lists import not_a_place, place_of_message
from app.reading.moments import MOMENT_FORM, moment_of
from app.web.paging import Place
from models.access import Caller
from models.days import zone_named

_MAX = 64
_PLACE = f"a message's id, {MOMENT_FORM}"


class PartAsked(NamedTuple):
    """A part of a conversation.

    Attributes:
        side: on which side of the place; None for the end of the conversation.
        meant: the place: itself, by the id of a message, or by a time.
    """

    side: Literal["around", "before", "after"] | None = None
    meant: Place | UUID | datetime | None = None

    async def place(self, talks: Conversations, caller: Caller, conversation: UUID) -> Place | None:
        """Return the place in a conversation.

        Raises:
            NoSuchMessage: it is by the id of a message that is not there.
        """
        if isinstance(self.meant, datetime):
            return place_at(self.meant)
        if not isinstance(self.meant, UUID):
            return self.meant
        said = await talks.message(caller, self.meant)
        if said.conversation != conversation:
            raise NoSuchMessage
        return said.place


async def part_asked(
    zone: ZoneAsked,
    around: Annotated[
        str | None,
        Query(
            max_length=_MAX,
            description=f"What is in the middle: {_PLACE}.",
            examples=["2026-11-24T14:04:20Z"],
        ),
    ] = None,
    before: Annotated[
        str | None,
        Query(max_length=_MAX, description=f"What was said before: `before` of a part, {_PLACE}."),
    ] = None,
    after: Annotated[
        str | None, Query(max_length=_MAX, description=f"What was said after: `after` of a part, {_PLACE}.")
    ] = None,
) -> PartAsked:
    """Return which part of a conversation a request asks for.

    Raises:
        RequestValidationError: one is no place, or there are several.
    """
    if sum(map(bool, (around, before, after))) > 1:
        message = "only one of around, before and after can be asked for"
        raise RequestValidationError([{"type": "value_error", "loc": ("query", "around"), "msg": message}])
    if around:
        return PartAsked("around", _meant("around", around, zone))
    if before:
        return PartAsked("before", _meant("before", before, zone))
    return PartAsked("after", _meant("after", after, zone)) if after else PartAsked()


def _meant(name: str, asked: str, zone: str) -> UUID | datetime | Place:
    try:
        if "~" in asked:
            return place_of_message(asked)
        try:
            return UUID(asked)
        except ValueError:
            return moment_of(asked.replace(" ", "+"), zone_named(zone))
    except ValueError:
        raise not_a_place(name, f"what an answer said as before or after, {_PLACE}") from None


#: For signatures of routes.
Part = Annotated[PartAsked, Depends(part_asked)]
