"""At which place of a thread or a list somebody wants to read, as addresses of pages say it. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

from app.web.paging import Place
from app.web.parts import place_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = r"^-?[0-9]{1,17}~[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

#: What a query has.
CursorAsked = Annotated[str | None, Query(pattern=_FORM)]


@dataclass(frozen=True, slots=True)
class Where:
    """At which place of a thread somebody wants to read; nothing is its end.

    Attributes:
        before: what was said before this, up to it.
        after: what was said after this.
        message: what was said about this message.
        day: what was said from this day on.
    """

    before: Place | None = None
    after: Place | None = None
    message: UUID | None = None
    day: date | None = None


async def where_of_query(
    before: CursorAsked = None,
    after: CursorAsked = None,
    message: UUID | None = None,
    # Empty, as a form sends it where nothing was chosen.
    day: Annotated[str, Query(alias="date", max_length=10)] = "",
) -> Where:
    """Return what an address asks for.

    Raises:
        RequestValidationError: a place, or the day, is none.
    """
    try:
        return Where(place_of(before), place_of(after), message, date.fromisoformat(day) if day else None)
    except ValueError:
        error = {"type": "value_error", "loc": ("query",), "msg": "not a day such as 2026-11-24"}
        raise RequestValidationError([error]) from None


WhereAsked = Annotated[Where, Depends(where_of_query)]


def cursor_of(place: Place) -> str:
    """Return a place as an address has it."""
    return f"{(place.moment - _EPOCH) // timedelta(microseconds=1)}~{place.key}"


__all__ = ["CursorAsked", "Where", "WhereAsked", "cursor_of", "place_of"]
