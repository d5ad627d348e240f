"""What the routes of search work with, and how a route gets at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import Depends, Query, Request

from app.reading.filters import query_of
from app.reading.lists import not_a_place, place_of_message
from app.search.found import After
from app.search.languages import Languages
from app.search.lines import Lines
from app.search.service import Search

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from models.reading import MessageFilter
    from sinks.postgres.searching import Order

_CURSOR = r"^-?[0-9]{1,18}~[0-9a-f-]{36}(~[0-9]{1,4})?$"


class SearchServices(NamedTuple):
    """All that search offers."""

    search: Search
    lines: Lines
    languages: Languages

    @classmethod
    def on(cls, pool: asyncpg.Pool[asyncpg.Record]) -> SearchServices:
        """Return them on these connections."""
        return cls(Search(pool), Lines(pool), Languages(pool))


async def services_of(request: Request) -> SearchServices:
    """Return what `app.site` put there when the application started."""
    services: SearchServices = request.app.state.search
    return services


async def after_cursor(
    cursor: Annotated[
        str | None, Query(pattern=_CURSOR, description="Go on from here: `next` of the part before.")
    ] = None,
) -> After | None:
    """Return where a search goes on.

    Raises:
        RequestValidationError: the text is no place.
    """
    if not cursor:
        return None
    moment, key, *skip = cursor.split("~")
    try:
        place = place_of_message(f"{moment}~{key}")
    except ValueError:
        raise not_a_place("cursor") from None
    return After.at(place, int(skip[0]) if skip else 0)


def subject_of_search(
    typed: str, wanted: MessageFilter, order: Order, conversation: UUID | None = None
) -> dict[str, Any]:
    """Return what `access_log` says of a search; in one conversation, or in all."""
    where = {} if conversation is None else {"conversation": str(conversation)}
    return {"q": typed, **query_of(wanted), **where, "order": order.value}


#: For signatures of routes.
Searching = Annotated[SearchServices, Depends(services_of)]
AfterCursor = Annotated[After | None, Depends(after_cursor)]
