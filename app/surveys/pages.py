"""The list of surveys: how much there is of each, how its last export went, and with whom it is shared.

Every write ends in going back to a page, so that loading it again repeats nothing.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks, authenticator_of, cookie_place
from app.exports.serving import Serving
from app.surveys.listing import COLUMNS, COOKIE, NEWEST, REMEMBERED_S, SurveysLook, in_order
from app.surveys.rows import Counts, SurveyKey
from app.surveys.service import CannotShare, Surveys
from app.surveys.serving import KnownSurveys
from app.web import addresses
from app.web.paging import PageNumber, Paging
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller

SURVEYS_A_PAGE = 25
#: So many are sorted; nobody has more.
SORTED_MAX = 10_000
#: A page that takes longer says so: then it comes without counts, and asks for them by itself.
COUNTS_WITHIN_S = 0.1

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_SURVEY))]
AsksToShare = Annotated[Caller, Depends(PageAsks(Action.SHARE_SURVEY))]
Search = Annotated[str | None, Query(max_length=1000)]
SurveyName = Annotated[str, Form(min_length=1)]
Address = Annotated[str, Form(max_length=1000)]


@router.get(addresses.SURVEYS)
async def surveys(
    request: Request,
    caller: AsksToSee,
    known: KnownSurveys,
    serving: Serving,
    search: Search = None,
    sort: Annotated[str | None, Query(max_length=20)] = None,
    page: PageNumber = 1,
    counted: bool = False,
) -> Response:
    """Show the surveys, or those that a search finds; with `counted`, not before they are counted."""
    looking = SurveysLook.of(search, sort, request.cookies.get(COOKIE))
    paging = Paging.nearest(page, await known.count(caller, looking.search), size=SURVEYS_A_PAGE)
    if looking.sort == NEWEST:
        # As the database has them: no other has to be looked at.
        shown = await known.page(caller, looking.search, size=SURVEYS_A_PAGE, number=paging.number)
        exports = await serving.rows.latest_of(caller, [survey.key for survey in shown])
        counts = await _counts(known, [survey.key for survey in shown], wait=counted)
    else:
        found = await known.page(caller, looking.search, size=SORTED_MAX, number=1)
        keys = [survey.key for survey in found]
        exports = await serving.rows.latest_of(caller, keys)
        all_counts = await _counts(known, keys, wait=counted) if looking.column.needs_counts else {}
        first = (paging.number - 1) * SURVEYS_A_PAGE
        shown = in_order(found, looking, all_counts or {}, exports)[first : first + SURVEYS_A_PAGE]
        counts = (
            all_counts
            if looking.column.needs_counts
            else await _counts(known, [survey.key for survey in shown], wait=counted)
        )
    answer = render(
        request,
        "surveys/templates/surveys.html",
        here="surveys",
        looking=looking,
        columns=COLUMNS,
        surveys=shown,
        paging=paging,
        exports=exports,
        counts=counts,
    )
    answer.set_cookie(COOKIE, looking.cookie, max_age=REMEMBERED_S, **cookie_place(authenticator_of(request)))
    return answer


@router.get(addresses.PEOPLE)
async def people(
    request: Request,
    caller: AsksToShare,
    known: KnownSurveys,
    survey_name: Annotated[str, Query(min_length=1)],
) -> Response:
    """Show with whom a survey is shared, and how to share it with somebody else."""
    return await _show_people(request, known, caller, survey_name)


@router.post(addresses.PEOPLE)
async def share(
    request: Request, caller: AsksToShare, known: KnownSurveys, survey_name: SurveyName, address: Address = ""
) -> Response:
    """Share a survey with somebody, or show why that cannot be."""
    try:
        await known.share(caller, SurveyKey(caller.email, survey_name), address)
    except CannotShare as error:
        return await _show_people(request, known, caller, survey_name, address, str(error))
    return RedirectResponse(addresses.people(survey_name), HTTPStatus.SEE_OTHER)


@router.post(addresses.PEOPLE + "/remove")
async def unshare(
    caller: AsksToShare, known: KnownSurveys, survey_name: SurveyName, address: Address
) -> Response:
    """Share a survey with somebody no longer."""
    await known.unshare(caller, SurveyKey(caller.email, survey_name), address)
    return RedirectResponse(addresses.people(survey_name), HTTPStatus.SEE_OTHER)


async def _show_people(
    request: Request, known: Surveys, caller: Caller, survey: str, address: str = "", error: str = ""
) -> Response:
    return render(
        request,
        "surveys/templates/people.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        name=survey,
        shares=await known.shares(caller, SurveyKey(caller.email, survey)),
        address=address,
        errors={"address": error} if error else {},
    )


async def _counts(known: Surveys, keys: Sequence[SurveyKey], *, wait: bool) -> dict[SurveyKey, Counts] | None:
    """Return the counts; nothing if they take too long at all, None if they only take long now."""
    if not keys:
        return {}
    try:
        async with asyncio.timeout(None if wait else COUNTS_WITHIN_S):
            return await known.rows_of(keys)
    except TimeoutError:
        return None
