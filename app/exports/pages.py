"""The exports of somebody: over all surveys, and of one; and what can be done with one, or several at once.

Every write ends in going back to where it came from, so that loading that again repeats nothing. A new export
is `app.exports.asking`'s matter.
"""

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks, own_path
from app.exports.asked import Asking, ListAsked
from app.exports.files import FileGone
from app.exports.rows import ExportRow
from app.exports.service import NoSuchExport, NotFailed
from app.exports.serving import ExportServices, Serving
from app.exports.views import EXPORTS_A_PAGE, ExportPage, ExportView
from app.surveys.rows import Survey, SurveyKey
from app.surveys.service import NoSuchSurvey, Surveys
from app.surveys.serving import KnownSurveys
from app.web import addresses
from app.web.error_handlers import answer_foreseen
from app.web.paging import PageNumber, Paging
from app.web.problems import PageRoute, wants_page
from app.web.rendering import render
from models.access import Action, Caller, Reach, widest_reach
from models.exports import Source, State
from models.owners import ADDRESS_MAX

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_EXPORT))]
AsksToUse = Annotated[Caller, Depends(PageAsks(Action.USE_EXPORT))]

SurveyName = Annotated[str, Query(min_length=1)]
#: Whose survey it is; empty if it is the caller's.
SurveyOwner = Annotated[str, Query(max_length=ADDRESS_MAX)]
#: Where to go back to.
Back = Annotated[str, Form(max_length=20_000)]
#: Whose exports; `*` for everybody's.
Whose = Annotated[str, Query(max_length=ADDRESS_MAX, pattern=r"^[^\x00]*$")]
EVERYBODY = "*"
#: More than a page has cannot be chosen on it.
CHOSEN_MAX = 200


@router.get(addresses.EXPORTS)
async def exports(
    request: Request,
    caller: AsksToSee,
    serving: Serving,
    looking: Asking,
    page: PageNumber = 1,
    user_id: Whose = "",
) -> Response:
    """Show what the caller asked for, over all surveys; or what others did, if they may see that."""
    path = addresses.EXPORTS + (f"?{urlencode({'user_id': user_id})}" if user_id else "")
    user = None if user_id == EVERYBODY else user_id or caller.email
    return render(
        request,
        "exports/templates/all.html",
        here="exports",
        page=await _page(serving, caller, user, looking, page, path),
        sources=list(Source),
        states=list(State),
        user_id=user_id,
        sees_all=widest_reach(caller, Action.SEE_EXPORT) is Reach.TENANT,
        survey=True,
    )


@router.get(addresses.TAB)
async def tab(
    request: Request,
    caller: AsksToSee,
    serving: Serving,
    surveys: KnownSurveys,
    looking: Asking,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
    page: PageNumber = 1,
) -> Response:
    """Show the exports of a survey, and how to ask for another."""
    key = _key(caller, survey_name, survey_owner)
    survey = await _survey_if_there(surveys, caller, key)
    if survey is None and not await serving.rows.count(caller, key):
        raise NoSuchSurvey
    named = _named(caller, key)
    of_survey = replace(looking, looked_for=replace(looking.looked_for, survey=key))
    path = addresses.tab(named["name"], owner=named["owner"])
    return render(
        request,
        "exports/templates/tab.html",
        here="surveys",
        **named,
        survey=survey,
        page=await _page(serving, caller, caller.email, of_survey, page, path),
        user_id="",
    )


@router.post(addresses.SELECTED_EXPORTS)
async def do_with_selected(
    caller: AsksToUse,
    serving: Serving,
    action: Annotated[str, Form(pattern="^(cancel|remove)$")],
    export: Annotated[list[UUID] | None, Form(max_length=CHOSEN_MAX)] = None,
    back: Back = addresses.EXPORTS,
) -> Response:
    """Cancel the exports that are chosen, or remove their files; for some of them that may be nothing."""
    for export_id in export or ():
        # One of them may be gone from somebody's reach since the page was made.
        with suppress(NoSuchExport):
            if action == "cancel":
                await serving.rows.cancel(caller, export_id)
            elif (await serving.rows.get(caller, export_id, Action.USE_EXPORT)).is_final:
                await serving.files.remove(caller, export_id)
    return _to(back)


@router.post(addresses.TAB + "/{export_id}/cancel")
async def cancel(caller: AsksToUse, serving: Serving, export_id: UUID, back: Back = "") -> Response:
    """End an export that is under way. One that has just finished keeps its file."""
    return await _done(caller, serving.rows.cancel(caller, export_id), back)


@router.post(addresses.TAB + "/{export_id}/remove")
async def remove(caller: AsksToUse, serving: Serving, export_id: UUID, back: Back = "") -> Response:
    """Delete the file of an export."""
    return await _done(caller, serving.files.remove(caller, export_id), back)


@router.post(addresses.TAB + "/{export_id}/retry")
async def retry(caller: AsksToUse, serving: Serving, export_id: UUID, back: Back = "") -> Response:
    """Begin a failed export again. One that is begun already, by another click, goes on."""
    try:
        return await _done(caller, serving.rows.retry(caller, export_id), back)
    except NotFailed:
        return await _done(caller, serving.rows.get(caller, export_id), back)


async def answer_gone(request: Request, error: Exception) -> Response:
    """Show a person whose file is gone how to have it again; a program is answered as of any error."""
    if not isinstance(error, FileGone) or not wants_page(request):
        return await answer_foreseen(request, error)
    return render(
        request,
        "exports/templates/gone.html",
        status=error.answer.status,
        here="exports",
        detail=str(error),
        export=ExportView(error.row, is_gone=True),
        name=error.row.survey_id,
        owner=error.row.survey_owner or "",
    )


async def _page(
    serving: ExportServices, caller: Caller, user: str | None, looking: ListAsked, number: int, path: str
) -> ExportPage:
    total = await serving.list.count(caller, user, looking.looked_for)
    paging = Paging.nearest(number, total, size=EXPORTS_A_PAGE)
    shown = await serving.list.page(
        caller, user, looking.looked_for, size=EXPORTS_A_PAGE, number=paging.number
    )
    gone = await serving.files.gone_of(shown)
    views = tuple(ExportView(row, row.id in gone, is_mine=row.is_of(caller.email)) for row in shown)
    return ExportPage(views, paging, looking.looked_for, path, looking.query)


async def _done(caller: Caller, work: Awaitable[ExportRow], back: str) -> Response:
    row = await work
    return _to(back or address_of(caller, row))


def address_of(caller: Caller, row: ExportRow) -> str:
    """Return where an export is listed."""
    if row.asked_as is not None:
        return addresses.EXPORTS
    named = _named(caller, row.survey)
    return addresses.tab(named["name"], owner=named["owner"])


async def _survey_if_there(surveys: Surveys, caller: Caller, key: SurveyKey) -> Survey | None:
    """Return the survey; None if it is gone, for the caller at least, and only exports of it are left."""
    try:
        return await surveys.get(caller, key)
    except NoSuchSurvey:
        return None


def _key(caller: Caller, name: str, owner: str) -> SurveyKey:
    """Return the survey that an address names."""
    return SurveyKey.of(owner or caller.email, name)


def _named(caller: Caller, key: SurveyKey) -> dict[str, Any]:
    """Return how pages and addresses name a survey: by its owner too, if that is not the caller."""
    return {"name": key.name, "owner": "" if key.owner == caller.email else key.owner}


def _to(back: str) -> Response:
    return RedirectResponse(own_path(back), HTTPStatus.SEE_OTHER)
