"""Long lists in parts: a client that knows nothing of parts gets the first one, in the shape of a whole list.

What follows is at the address in the header `Link` (RFC 8288, `rel="next"`), which goes on after the last one
shown: what is added meanwhile, at the front, moves nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Query
from fastapi.exceptions import RequestValidationError

from app.web.paging import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Response

#: About 700 kB.
PART_MAX = 1000

Limit = Annotated[int, Query(ge=1, le=PART_MAX, description="How many at most.")]

#: What OpenAPI says of the header.
LINKED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": 'Where the next part is (`rel="next"`); missing if this is the last one.',
                "schema": {"type": "string"},
            }
        }
    }
}


class Placed(Protocol):
    """What long lists are of."""

    @property
    def place(self) -> Place:
        """Where it is in its list."""


Row = TypeVar("Row", bound=Placed)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def after_query(key: str) -> Any:
    """Return what FastAPI has to know of the query `after` of a list.

    Args:
        key: the regular expression of what tells an item from others of its moment.
    """
    return Query(
        pattern=rf"^[0-9]{{1,16}}~{key}$",
        description="Go on after this place in the list; taken from the header `Link` of the part before.",
    )


def place_of(after: str | None) -> Place | None:
    """Return the place that an address names.

    Raises:
        RequestValidationError: it lies in no year.
    """
    if after is None:
        return None
    microseconds, _, key = after.partition("~")
    try:
        return Place(_EPOCH + timedelta(microseconds=int(microseconds)), key)
    except OverflowError:
        error = {"type": "value_error", "loc": ("query",), "msg": "not a place that a list has named"}
        raise RequestValidationError([error]) from None


def place_text(place: Place) -> str:
    """Return a place as `place_of` reads it."""
    return f"{(place.moment - _EPOCH) // timedelta(microseconds=1)}~{place.key}"


def cut(
    rows: Sequence[Row], limit: int, response: Response, path: str, **query: str | list[str]
) -> list[Row]:
    """Return one part of `rows`, of which there is one too many if more follow: then link to those.

    Args:
        rows: `limit` and one more, as far as there are so many.
        limit: how many to show.
        response: gets the link.
        path: of the list.
        query: of the list, but for what is about parts.
    """
    shown = list(rows[:limit])
    if len(rows) > limit:
        after = place_text(shown[-1].place)
        address = f"{path}?{urlencode({**query, 'limit': limit, 'after': after}, doseq=True)}"
        response.headers["Link"] = f'<{address}>; rel="next"'
    return shown
