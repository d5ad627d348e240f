"""The page of search: a box, what was found, and where each of it is."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks
from app.conversations.subjects import subject_of_message
from app.reading.filters import Filters
from app.reading.noting import Noting
from app.reading.patience import TookTooLong
from app.search.found import FoundPage
from app.search.lines import NoLine, SayWhose
from app.search.serving import AfterCursor, Searching, subject_of_search
from app.search.views import HitView, SearchAsked, summary_of
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from app.web.zones import zone_of
from models.access import Action, Caller, may_at_all
from models.platforms import READ
from models.search import CannotSearch
from sinks.postgres.searching import Order

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HITS_A_PAGE = 50
ROLES = ("user", "assistant", "bot", "system", "tool")

AsksToRead = Annotated[Caller, Depends(PageAsks(Action.READ_MESSAGES))]
#: Longer ones are refused where they are read, with what is wrong.
Typed = Annotated[str, Query(max_length=10_000)]


@router.get(addresses.SEARCH)
async def search(  # noqa: PLR0913, PLR0917  each is asked for, or needed
    request: Request,
    caller: AsksToRead,
    wanted: Filters,
    searching: Searching,
    log: Noting,
    after: AfterCursor,
    q: Typed = "",
    order: Order = Order.NEWEST,
    so_far: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Show the box, and below it what is found."""
    asked = _asked(request, q.strip(), wanted, order)
    if not asked.q:
        return _show(request, caller, asked)
    try:
        found = await searching.search.find(
            caller, asked.q, wanted, order=order, limit=HITS_A_PAGE, after=after
        )
    except (CannotSearch, TookTooLong) as error:
        return _show(request, caller, asked, status=HTTPStatus.UNPROCESSABLE_ENTITY, error=str(error))
    await log.note(caller, Action.READ_MESSAGES, request, subject_of_search(asked.q, wanted, order))
    return _show(request, caller, asked, found, so_far)


@router.get(f"{addresses.SEARCH}/random")
async def go_to_a_line_at_random(
    request: Request, caller: AsksToRead, wanted: Filters, searching: Searching, log: Noting
) -> Response:
    """Go to a message of a channel or a person, by chance."""
    try:
        said = await searching.lines.draw(caller, wanted)
    except (SayWhose, NoLine) as error:
        asked = _asked(request, "", wanted, Order.NEWEST)
        status = HTTPStatus.NOT_FOUND if isinstance(error, NoLine) else HTTPStatus.UNPROCESSABLE_ENTITY
        return _show(request, caller, asked, status=status, error=str(error))
    await log.note(caller, Action.READ_MESSAGES, request, subject_of_message(said))
    return RedirectResponse(f"/messages/{said.id}", HTTPStatus.SEE_OTHER)


def _asked(request: Request, q: str, wanted: Filters, order: Order) -> SearchAsked:
    query = request.query_params
    dates = {name: query[name] for name in ("since", "until") if query.get(name)}
    if dates:
        dates["tz"] = query.get("tz") or "UTC"
    return SearchAsked(q, wanted, order, dates)


def _show(
    request: Request,
    caller: Caller,
    asked: SearchAsked,
    found: FoundPage | None = None,
    so_far: int = 0,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    error: str = "",
) -> Response:
    zone = zone_of(request)
    shown = so_far + (len(found.hits) if found else 0)
    more = None
    if found is not None and found.after is not None:
        more = asked.address(cursor=found.after.cursor, so_far=str(shown))
    return render(
        request,
        "search/templates/search.html",
        status=status,
        here="search",
        asked=asked,
        error=error,
        may_export=may_at_all(caller, Action.EXPORT_MESSAGES),
        is_searched=found is not None,
        hits=[HitView.of(hit, zone) for hit in found.hits] if found else [],
        first=so_far + 1,
        more=more,
        summary=summary_of(found, shown) if found else "",
        left_out=found.query.left_out if found else (),
        platforms=list(READ),
        roles=ROLES,
        orders=list(Order),
    )
