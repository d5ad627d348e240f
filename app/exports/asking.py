"""The page "New export": what, how, and about how much it will be, before it is asked for."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks, access_log_of
from app.conversations import links
from app.conversations.service import NoSuchConversation
from app.conversations.serving import conversations_of
from app.conversations.subjects import subject_of as subject_of_conversation
from app.conversations.views import DrawnTalk, talk_of
from app.errors import NotFound
from app.exports.forms import (
    DEFAULTS,
    OFFERED,
    PRESETS,
    AskedForm,
    Wish,
    as_text,
    read_form,
    survey_of,
    survey_value,
)
from app.exports.pages import address_of
from app.exports.representations import ExpectedFile
from app.exports.requests import subject_of
from app.exports.service import SECOND_CLICK
from app.exports.serving import ExportServices, Serving
from app.surveys.rows import SurveyKey
from app.surveys.service import Surveys
from app.surveys.serving import KnownSurveys
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from app.web.zones import zone_of
from models.access import Action, Caller, may_at_all
from models.exports import Format, Source
from models.owners import ADDRESS_MAX

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: Whoever may export a survey may export messages of it, so this is what everybody may who comes here.
AsksToExport = Annotated[Caller, Depends(PageAsks(Action.EXPORT_MESSAGES))]
#: So many surveys can be chosen from; others are reached from their own pages.
SURVEYS_MAX = 200
_FORMATS = {
    Format.XLSX: "Excel workbook",
    Format.CSV: "CSV",
    Format.JSONL: "JSON Lines",
    Format.PARQUET: "Parquet",
}


@router.get(addresses.NEW_EXPORT)
async def new_export(
    request: Request,
    caller: AsksToExport,
    surveys: KnownSurveys,
    survey_name: Annotated[str, Query(max_length=1000)] = "",
    survey_owner: Annotated[str, Query(max_length=ADDRESS_MAX)] = "",
) -> Response:
    """Show what can be exported. The address may give fields of the form, as links from other pages do."""
    given = {name: value for name, value in request.query_params.items() if name in DEFAULTS}
    form = as_text({"tz": zone_of(request).key, **_first(caller, given), **given})
    if survey_name:
        # Messages may be of surveys of one name of any owner, as those that a search finds.
        owner = survey_owner or ("" if form["what"] == Source.MESSAGES else caller.email)
        form["survey"] = survey_value(SurveyKey.of(owner, survey_name))
    return await _show(request, surveys, caller, AskedForm(form, None))


@router.post(addresses.NEW_EXPORT)
async def ask(request: Request, caller: AsksToExport, serving: Serving, surveys: KnownSurveys) -> Response:
    """Ask for an export, or show what is wrong with the form."""
    asked = read_form(await request.form())
    if asked.wish is None:
        return await _show(request, surveys, caller, asked)
    await _request(request, caller, serving, asked.wish)
    return RedirectResponse(_listed_at(caller, asked.wish), HTTPStatus.SEE_OTHER)


@router.get(addresses.NEW_EXPORT + "/estimate")
async def estimate(request: Request, caller: AsksToExport, serving: Serving) -> Response:
    """Show how many rows the form's file would have, and about how large it would be."""
    asked = read_form(request.query_params)
    expected = await _expected(request, caller, serving, asked.wish) if asked.wish else None
    return render(
        request, "exports/templates/estimate.html", expected=expected, errors=asked.errors, wish=asked.wish
    )


@router.post(addresses.TAB + "/{export_id}/again")
async def export_again(request: Request, caller: AsksToExport, serving: Serving, export_id: UUID) -> Response:
    """Ask for the same as before: its file is gone, or old. What cannot be asked for here is chosen anew."""
    row = await serving.rows.get(caller, export_id, Action.USE_EXPORT)
    if row.options is not None and isinstance(row.source, Source) and row.source is not Source.LEARNER:
        survey = row.survey if row.source.is_of_a_survey else None
        await _request(request, caller, serving, Wish(row.source, row.options, survey))
    return RedirectResponse(address_of(caller, row), HTTPStatus.SEE_OTHER)


async def _request(request: Request, caller: Caller, serving: ExportServices, wish: Wish) -> None:
    if wish.survey is not None:
        await serving.rows.request_once(caller, wish.survey, wish.source, wish.options)
        return
    await serving.messages.asking_as(caller, wish.options)
    await access_log_of(request).note(caller, Action.EXPORT_MESSAGES, request, subject_of(wish.options))
    await serving.messages.request(caller, wish.options, unless_within=SECOND_CLICK)


async def _expected(
    request: Request, caller: Caller, serving: ExportServices, wish: Wish
) -> ExpectedFile | None:
    """Return what the file would be; None if there is nothing that the caller may have."""
    try:
        if wish.survey is None:
            # In how many messages words are says what was said.
            if wish.options.parse_words() is not None:
                await access_log_of(request).note(
                    caller, Action.EXPORT_MESSAGES, request, subject_of(wish.options)
                )
            return await serving.estimates.of_messages(caller, wish.options)
        return await serving.estimates.of_survey(caller, wish.survey, wish.source, wish.options)
    except NotFound:
        return None


async def _show(request: Request, surveys: Surveys, caller: Caller, asked: AskedForm) -> Response:
    choices = await _surveys(surveys, caller)
    chosen = survey_of(asked.form["survey"])
    is_theirs = chosen in choices
    if chosen is not None and not is_theirs:
        # Of messages, whether there are any of it that they may export is seen when these are counted.
        if asked.form["what"] != Source.MESSAGES:
            # One of another's, or older than what is offered; if it is neither, there is none for them.
            await surveys.get(caller, chosen, Action.EXPORT_SURVEY)
            is_theirs = True
        choices = [chosen, *choices]
    return render(
        request,
        "exports/templates/new.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if asked.errors else HTTPStatus.OK,
        here="exports",
        form=asked.form,
        errors=asked.errors,
        presets=PRESETS,
        formats=[(format_.value, label) for format_, label in _FORMATS.items()],
        sources=_sources(caller),
        surveys=[(survey_value(key), key.name, _of(caller, key)) for key in choices],
        back=_back(caller, chosen if is_theirs else None),
        talk=await _conversation(request, caller, asked.form),
    )


async def _conversation(request: Request, caller: Caller, form: Mapping[str, str]) -> DrawnTalk | None:
    """Return the conversation that a form names, as lists show it; None for none that the caller may read."""
    if not form["conversation"] or not may_at_all(caller, Action.READ_MESSAGES):
        return None
    try:
        row = await (await conversations_of(request)).get(caller, UUID(form["conversation"]))
    except (ValueError, NoSuchConversation):
        return None
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, subject_of_conversation(row))
    zone = zone_of(request)
    return talk_of(row, links.conversation(row.id), zone, datetime.now(zone).date())


async def _surveys(surveys: Surveys, caller: Caller) -> list[SurveyKey]:
    if not may_at_all(caller, Action.EXPORT_SURVEY):
        return []
    return [survey.key for survey in await surveys.some(caller, limit=SURVEYS_MAX)]


def _sources(caller: Caller) -> list[Source]:
    return [
        source for source in OFFERED if not source.is_of_a_survey or may_at_all(caller, Action.EXPORT_SURVEY)
    ]


def _first(caller: Caller, given: dict[str, str]) -> dict[str, Any]:
    """Return what is chosen at first, where an address says nothing of it."""
    return {} if given.get("what") else {"what": _sources(caller)[0].value}


def _of(caller: Caller, key: SurveyKey) -> str:
    return "" if key.owner == caller.email else key.owner or "of any owner"


def _back(caller: Caller, chosen: SurveyKey | None) -> str:
    return addresses.EXPORTS if chosen is None else addresses.tab(chosen.name, owner=_of(caller, chosen))


def _listed_at(caller: Caller, wish: Wish) -> str:
    return _back(caller, wish.survey)
