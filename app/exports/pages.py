"""A survey's Export tab, the forms that lead to it, and what can be done with an export there.

Every write ends in going back to the tab, so that loading it again repeats nothing.
"""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks
from app.exports.files import FileGone
from app.exports.forms import DEFAULTS, Asked, defaults_of, read_form
from app.exports.rows import ExportRow
from app.exports.service import NotFailed
from app.exports.serving import Serving
from app.exports.views import EXPORTS_A_PAGE, ExportPage, ExportView
from app.surveys.rows import Survey, SurveyKey
from app.surveys.service import NoSuchSurvey, Surveys
from app.surveys.serving import KnownSurveys
from app.web import addresses
from app.web.error_handlers import answer_foreseen
from app.web.paging import PageNumber, Paging
from app.web.problems import PageRoute, wants_page
from app.web.rendering import render
from models.access import Action, Caller
from models.exports import Source
from models.owners import ADDRESS_MAX

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_EXPORT))]
AsksToExport = Annotated[Caller, Depends(PageAsks(Action.EXPORT_SURVEY))]
AsksToUse = Annotated[Caller, Depends(PageAsks(Action.USE_EXPORT))]

SurveyName = Annotated[str, Query(min_length=1)]
#: Whose survey it is; empty if it is the caller's.
SurveyOwner = Annotated[str, Query(max_length=ADDRESS_MAX)]


@router.get(addresses.TAB)
async def tab(
    request: Request,
    caller: AsksToSee,
    serving: Serving,
    surveys: KnownSurveys,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
    page: PageNumber = 1,
) -> Response:
    """Show the exports of a survey, and how to ask for another."""
    key = _key(caller, survey_name, survey_owner)
    total = await serving.rows.count(caller, key)
    survey = await _survey_if_there(surveys, caller, key)
    if survey is None and not total:
        raise NoSuchSurvey
    paging = Paging.nearest(page, total, size=EXPORTS_A_PAGE)
    shown = await serving.rows.page(caller, key, size=EXPORTS_A_PAGE, number=paging.number)
    return render(
        request,
        "exports/templates/tab.html",
        **_named(caller, key),
        survey=survey,
        page=ExportPage.of(shown, paging, await serving.files.gone_of(shown)),
    )


@router.post(addresses.TAB)
async def export_responses(
    caller: AsksToExport,
    serving: Serving,
    survey_name: Annotated[str, Form(min_length=1)],
    survey_owner: Annotated[str, Form(max_length=ADDRESS_MAX)] = "",
) -> Response:
    """Ask for the responses as most people want them."""
    key = _key(caller, survey_name, survey_owner)
    await serving.rows.request_once(caller, key, Source.RESPONSES, defaults_of(Source.RESPONSES))
    return _to_tab(caller, key)


@router.get(addresses.FORMS[Source.CHAT_LOG])
async def chat_log_form(
    request: Request,
    caller: AsksToExport,
    surveys: KnownSurveys,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
) -> Response:
    """Show what can be chosen for a chat log."""
    key = _key(caller, survey_name, survey_owner)
    return await _show_form(request, surveys, caller, key, Source.CHAT_LOG)


@router.get(addresses.FORMS[Source.RESPONSES])
async def responses_form(
    request: Request,
    caller: AsksToExport,
    surveys: KnownSurveys,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
) -> Response:
    """Show what can be chosen for responses."""
    key = _key(caller, survey_name, survey_owner)
    return await _show_form(request, surveys, caller, key, Source.RESPONSES)


@router.post(addresses.FORMS[Source.CHAT_LOG])
async def ask_for_chat_log(
    request: Request,
    caller: AsksToExport,
    serving: Serving,
    surveys: KnownSurveys,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
) -> Response:
    """Ask for a chat log, or show what is wrong with the form."""
    asked = read_form(Source.CHAT_LOG, await request.form())
    key = _key(caller, survey_name, survey_owner)
    if asked.options is None:
        return await _show_form(request, surveys, caller, key, Source.CHAT_LOG, asked)
    await serving.rows.request_once(caller, key, Source.CHAT_LOG, asked.options)
    return _to_tab(caller, key)


@router.post(addresses.FORMS[Source.RESPONSES])
async def ask_for_responses(
    request: Request,
    caller: AsksToExport,
    serving: Serving,
    surveys: KnownSurveys,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
) -> Response:
    """Ask for responses, or show what is wrong with the form."""
    asked = read_form(Source.RESPONSES, await request.form())
    key = _key(caller, survey_name, survey_owner)
    if asked.options is None:
        return await _show_form(request, surveys, caller, key, Source.RESPONSES, asked)
    await serving.rows.request_once(caller, key, Source.RESPONSES, asked.options)
    return _to_tab(caller, key)


@router.post(addresses.TAB + "/{export_id}/cancel")
async def cancel(
    caller: AsksToUse, serving: Serving, export_id: UUID, page: Annotated[int, Form(ge=1)] = 1
) -> Response:
    """End an export that is under way. One that has just finished keeps its file."""
    return await _done(caller, serving.rows.cancel(caller, export_id), page)


@router.post(addresses.TAB + "/{export_id}/remove")
async def remove(
    caller: AsksToUse, serving: Serving, export_id: UUID, page: Annotated[int, Form(ge=1)] = 1
) -> Response:
    """Delete the file of an export."""
    return await _done(caller, serving.files.remove(caller, export_id), page)


@router.post(addresses.TAB + "/{export_id}/retry")
async def retry(
    caller: AsksToUse, serving: Serving, export_id: UUID, page: Annotated[int, Form(ge=1)] = 1
) -> Response:
    """Begin a failed export again. One that is begun already, by another click, goes on."""
    try:
        return await _done(caller, serving.rows.retry(caller, export_id), page)
    except NotFailed:
        return await _done(caller, serving.rows.get(caller, export_id), page)


@router.post(addresses.TAB + "/{export_id}/again")
async def export_again(caller: AsksToExport, serving: Serving, export_id: UUID) -> Response:
    """Ask for the same as before: its file is gone, or old. What cannot be asked for here is chosen anew."""
    row = await serving.rows.get(caller, export_id, Action.USE_EXPORT)
    if row.options is not None and isinstance(row.source, Source):
        await serving.rows.request_once(caller, row.survey, row.source, row.options)
    return _to_tab(caller, row.survey)


async def answer_gone(request: Request, error: Exception) -> Response:
    """Show a person whose file is gone how to have it again; a program is answered as of any error."""
    if not isinstance(error, FileGone) or not wants_page(request):
        return await answer_foreseen(request, error)
    return render(
        request,
        "exports/templates/gone.html",
        status=error.answer.status,
        detail=str(error),
        export=ExportView(error.row, is_gone=True),
        name=error.row.survey_id,
        owner=error.row.survey_owner or "",
    )


async def _done(caller: Caller, work: Awaitable[ExportRow], page: int) -> Response:
    return _to_tab(caller, (await work).survey, page)


async def _show_form(
    request: Request,
    surveys: Surveys,
    caller: Caller,
    key: SurveyKey,
    source: Source,
    asked: Asked | None = None,
) -> Response:
    """Show the form for the survey, empty or with what is wrong in what was asked."""
    await surveys.get(caller, key, Action.EXPORT_SURVEY)
    return render(
        request,
        "exports/templates/form.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if asked else HTTPStatus.OK,
        **_named(caller, key),
        source=source,
        form=asked.form if asked else DEFAULTS,
        errors=asked.errors if asked else {},
    )


async def _survey_if_there(surveys: Surveys, caller: Caller, key: SurveyKey) -> Survey | None:
    """Return the survey; None if it is gone, for the caller at least, and only exports of it are left."""
    try:
        return await surveys.get(caller, key)
    except NoSuchSurvey:
        return None


def _key(caller: Caller, name: str, owner: str) -> SurveyKey:
    """Return the survey that an address or a form names."""
    return SurveyKey.of(owner or caller.email, name)


def _named(caller: Caller, key: SurveyKey) -> dict[str, Any]:
    """Return how pages and addresses name a survey: by its owner too, if that is not the caller."""
    return {"name": key.name, "owner": "" if key.owner == caller.email else key.owner}


def _to_tab(caller: Caller, key: SurveyKey, page: int = 1) -> Response:
    named = _named(caller, key)
    address = addresses.tab(named["name"], page, owner=named["owner"])
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
