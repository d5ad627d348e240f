"""The place in a list as programs hand it back: text that says nothing to them."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from app.web.paging import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def cursor_of(place: Place) -> str:
    """Return the cursor of a place whose key is an id."""
    told = (place.moment - _EPOCH) // _US
    return base64.urlsafe_b64encode(f"{told}.{place.key}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Return the place of a cursor.

    Raises:
        ValueError: it is none of ours.
    """
    try:
        told, _, key = (
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(".")
        )
        return Place(_EPOCH + int(told) * _US, str(uuid.UUID(key)))
    except (binascii.Error, ValueError, OverflowError):
        raise ValueError("no cursor of this list: use what `next` says, or none") from None


async def cursor_asked(
    cursor: Annotated[
        str | None, Query(max_length=200, description="What `next` said of the part before.")
    ] = None,
) -> Place | None:
    """Return the place from which on a list is read.

    Raises:
        RequestValidationError: the cursor is none of ours.
    """
    try:
        return place_of(cursor) if cursor else None
    except ValueError as error:
        raise RequestValidationError(
            [{"type": "value_error", "loc": ("query", "cursor"), "msg": f"Value error, {error}"}]
        ) from None


Cursor = Annotated[Place | None, Depends(cursor_asked)]


def next_of(request: Request, response: Response, following: Place | None) -> str | None:
    """Return the cursor of what follows, and say its address in the header Link."""
    if following is None:
        return None
    cursor = cursor_of(following)
    where = request.url.include_query_params(cursor=cursor)
    response.headers["Link"] = f'<{where.path}?{where.query}>; rel="next"'
    return cursor
