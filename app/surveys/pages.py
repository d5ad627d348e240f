"""The list of an owner's surveys: how much there is of each, and how its last export went."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access import PageAsks
from app.exports.rows import COUNT_UP_TO, Counts
from app.exports.service import ExportRows
from app.exports.serving import Serving
from app.web import addresses
from app.web.paging import PageNumber, Paging
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller

SURVEYS_A_PAGE = 25
#: A page that takes longer says so: then it comes without counts, and asks for them by itself.
COUNTS_WITHIN_S = 0.1

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_SURVEY))]

Search = Annotated[str, Query(max_length=1000)]


@router.get(addresses.SURVEYS)
async def surveys(
    request: Request,
    caller: AsksToSee,
    serving: Serving,
    search: Search = "",
    page: PageNumber = 1,
    counted: bool = False,
) -> Response:
    """Show the surveys, or those that a search finds; with `counted`, not before they are counted."""
    rows, search = serving.rows, search.strip()
    paging = Paging.nearest(page, await rows.count_of_surveys(caller.email, search), size=SURVEYS_A_PAGE)
    shown = await rows.survey_page_of(caller.email, search, size=SURVEYS_A_PAGE, number=paging.number)
    names = [survey.name for survey in shown]
    return render(
        request,
        "surveys/templates/surveys.html",
        here="surveys",
        search=search,
        surveys=shown,
        paging=paging,
        exports=await rows.latest_of(caller.email, names),
        counts=await _counts(rows, caller.email, names, wait=counted),
        count_up_to=COUNT_UP_TO,
    )


async def _counts(
    rows: ExportRows, owner: str, surveys: Sequence[str], *, wait: bool
) -> dict[str, Counts] | None:
    """Return the counts; nothing if they take too long at all, None if they only take long now."""
    if not surveys:
        return {}
    try:
        async with asyncio.timeout(None if wait else COUNTS_WITHIN_S):
            return await rows.counts_of(owner, surveys)
    except TimeoutError:
        return None
