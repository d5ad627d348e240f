"""Lists under /v1: `{"items": […], "next": …}`, and a link to the next part (RFC 8288) beside it.

A cursor is where a part ends: what comes meanwhile, at the front, moves nothing. To clients it is a text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from app.reading.moments import FIRST, LAST
from app.web.paging import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Response

LIMIT_MAX, LIMIT_DEFAULT = 200, 50

Item = TypeVar("Item")
ListLimit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = r"^-?[0-9]{1,18}~[0-9a-zA-Z-]{1,36}$"


class Listed(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None = Field(description="Go on with this as `cursor`; null if this is the last part.")


def cursor_of(place: Place) -> str:
    """Return the text of a place."""
    return f"{(place.moment - _EPOCH) // timedelta(microseconds=1)}~{place.key}"


def place_at_cursor(cursor: str) -> Place:
    """Return the place of a text.

    Raises:
        ValueError: it is none.
    """
    microseconds, _, key = cursor.partition("~")
    try:
        moment = _EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:
        moment = None
    if moment is None or not FIRST <= moment <= LAST:
        raise ValueError("not a place; accepted: what an answer of this list said")
    return Place(moment, key)


def place_of_message(cursor: str) -> Place:
    """Return the place of a text, where what is listed is known by a UUID.

    Raises:
        ValueError: it is none.
    """
    place = place_at_cursor(cursor)
    UUID(place.key)
    return place


async def after_cursor(
    cursor: Annotated[
        str | None, Query(pattern=_CURSOR, description="Go on from here: `next` of the part before.")
    ] = None,
) -> Place | None:
    """Return after which place a list of what is known by UUIDs goes on.

    Raises:
        RequestValidationError: the text is no place.
    """
    try:
        return None if cursor is None else place_of_message(cursor)
    except ValueError:
        raise not_a_place("cursor") from None


def not_a_place(name: str, accepted: str = "what an answer of this list said") -> RequestValidationError:
    """Return the error of a query parameter that names no place."""
    message = f"not a place; accepted: {accepted}"
    return RequestValidationError([{"type": "value_error", "loc": ("query", name), "msg": message}])


def link_next(response: Response, path: str, query: Mapping[str, str], following: str | None) -> None:
    """Say in the header `Link` where the next part is.

    Args:
        response: gets the header.
        path: of the list.
        query: of this part, but for its cursor.
        following: the cursor of the next; None if there is none.
    """
    if following is not None:
        response.headers["Link"] = f'<{path}?{urlencode({**query, "cursor": following})}>; rel="next"'


#: For signatures of routes.
AfterCursor = Annotated[Place | None, Depends(after_cursor)]
