"""A survey's Export tab, the forms that lead to it, and what can be done with an export there.

Every write ends in going back to the tab, so that loading it again repeats nothing.
"""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks
from app.exports.files import FileGone
from app.exports.forms import DEFAULTS, defaults_of, read_form
from app.exports.rows import ExportRow, Survey
from app.exports.service import ExportRows, NoSuchSurvey, NotFailed
from app.exports.serving import Serving
from app.exports.views import EXPORTS_A_PAGE, ExportPage, ExportView
from app.web import addresses
from app.web.error_handlers import answer_foreseen
from app.web.paging import PageNumber, Paging
from app.web.problems import PageRoute, wants_page
from app.web.rendering import render
from models.access import Action, Caller
from models.exports import Source

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_EXPORT))]
AsksToExport = Annotated[Caller, Depends(PageAsks(Action.EXPORT_SURVEY))]
AsksToUse = Annotated[Caller, Depends(PageAsks(Action.USE_EXPORT))]

SurveyName = Annotated[str, Query(min_length=1)]


@router.get(addresses.TAB)
async def tab(
    request: Request, caller: AsksToSee, serving: Serving, survey_name: SurveyName, page: PageNumber = 1
) -> Response:
    """Show the exports of a survey, and how to ask for another."""
    rows = serving.rows
    total = await rows.count_of(caller.email, survey_name)
    survey = await _survey_if_there(rows, caller.email, survey_name)
    if survey is None and not total:
        raise NoSuchSurvey
    paging = Paging.nearest(page, total, size=EXPORTS_A_PAGE)
    shown = await rows.page_of(caller.email, survey_name, size=EXPORTS_A_PAGE, number=paging.number)
    return render(
        request,
        "exports/templates/tab.html",
        name=survey_name,
        survey=survey,
        page=ExportPage.of(shown, paging, await serving.files.gone_of(shown)),
    )


@router.post(addresses.TAB)
async def export_responses(
    caller: AsksToExport, serving: Serving, survey_name: Annotated[str, Form(min_length=1)]
) -> Response:
    """Ask for the responses as most people want them."""
    await serving.rows.request_once(
        caller.email, survey_name, Source.RESPONSES, defaults_of(Source.RESPONSES)
    )
    return _to(addresses.tab(survey_name))


@router.get(addresses.FORMS[Source.CHAT_LOG])
async def chat_log_form(
    request: Request, caller: AsksToExport, serving: Serving, survey_name: SurveyName
) -> Response:
    """Show what can be chosen for a chat log."""
    return await _show_form(request, serving.rows, caller.email, survey_name, Source.CHAT_LOG)


@router.get(addresses.FORMS[Source.RESPONSES])
async def responses_form(
    request: Request, caller: AsksToExport, serving: Serving, survey_name: SurveyName
) -> Response:
    """Show what can be chosen for responses."""
    return await _show_form(request, serving.rows, caller.email, survey_name, Source.RESPONSES)


@router.post(addresses.FORMS[Source.CHAT_LOG])
async def ask_for_chat_log(
    request: Request, caller: AsksToExport, serving: Serving, survey_name: SurveyName
) -> Response:
    """Ask for a chat log, or show what is wrong with the form."""
    return await _take_form(request, serving.rows, caller.email, survey_name, Source.CHAT_LOG)


@router.post(addresses.FORMS[Source.RESPONSES])
async def ask_for_responses(
    request: Request, caller: AsksToExport, serving: Serving, survey_name: SurveyName
) -> Response:
    """Ask for responses, or show what is wrong with the form."""
    return await _take_form(request, serving.rows, caller.email, survey_name, Source.RESPONSES)


@router.post(addresses.TAB + "/{export_id}/cancel")
async def cancel(
    caller: AsksToUse, serving: Serving, export_id: UUID, page: Annotated[int, Form(ge=1)] = 1
) -> Response:
    """End an export that is under way. One that has just finished keeps its file."""
    return await _done(serving.rows.cancel(caller.email, export_id), page)


@router.post(addresses.TAB + "/{export_id}/remove")
async def remove(
    caller: AsksToUse, serving: Serving, export_id: UUID, page: Annotated[int, Form(ge=1)] = 1
) -> Response:
    """Delete the file of an export."""
    return await _done(serving.files.remove(caller.email, export_id), page)


@router.post(addresses.TAB + "/{export_id}/retry")
async def retry(
    caller: AsksToUse, serving: Serving, export_id: UUID, page: Annotated[int, Form(ge=1)] = 1
) -> Response:
    """Begin a failed export again. One that is begun already, by another click, goes on."""
    try:
        return await _done(serving.rows.retry(caller.email, export_id), page)
    except NotFailed:
        return await _done(serving.rows.get(caller.email, export_id), page)


@router.post(addresses.TAB + "/{export_id}/again")
async def export_again(caller: AsksToExport, serving: Serving, export_id: UUID) -> Response:
    """Ask for the same as before: its file is gone, or old. What cannot be asked for here is chosen anew."""
    row = await serving.rows.get(caller.email, export_id)
    if row.options is not None and isinstance(row.source, Source):
        await serving.rows.request_once(caller.email, row.survey_id, row.source, row.options)
    return _to(addresses.tab(row.survey_id))


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
    )


async def _done(work: Awaitable[ExportRow], page: int) -> Response:
    row = await work
    return _to(addresses.tab(row.survey_id, page))


async def _show_form(
    request: Request, rows: ExportRows, owner: str, survey_name: str, source: Source
) -> Response:
    await rows.survey(owner, survey_name)
    return render(
        request, "exports/templates/form.html", name=survey_name, source=source, form=DEFAULTS, errors={}
    )


async def _take_form(
    request: Request, rows: ExportRows, owner: str, survey_name: str, source: Source
) -> Response:
    asked = read_form(source, await request.form())
    if asked.options is None:
        await rows.survey(owner, survey_name)
        return render(
            request,
            "exports/templates/form.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            name=survey_name,
            source=source,
            form=asked.form,
            errors=asked.errors,
        )
    await rows.request_once(owner, survey_name, source, asked.options)
    return _to(addresses.tab(survey_name))


async def _survey_if_there(rows: ExportRows, owner: str, name: str) -> Survey | None:
    """Return the survey; None if it is gone and only exports of it are left."""
    try:
        return await rows.survey(owner, name)
    except NoSuchSurvey:
        return None


def _to(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
