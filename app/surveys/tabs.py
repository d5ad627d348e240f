"""The parts of a survey's page that show what people said: how much, its answers, and how its questions do.

Its conversations are a page of their own, to which its tab leads with the survey as a filter; its exports are
`app.exports.pages`.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse

from app.access import PageAsks, access_log_of
from app.figures.periods import BEGINNING
from app.figures.serving import KnownFigures
from app.reading.filters import ZoneAsked, moment_of_query
from app.surveys.answers import AnswerFilter, is_place
from app.surveys.rows import SurveyKey
from app.surveys.serving import KnownAnswers, KnownSurveys
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller
from models.owners import ADDRESS_MAX
from models.reading import MessageFilter

ANSWERS_A_PAGE = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_SURVEY))]
AsksToRead = Annotated[Caller, Depends(PageAsks(Action.READ_MESSAGES))]
AsksForFigures = Annotated[Caller, Depends(PageAsks(Action.SEE_FIGURES))]
SurveyName = Annotated[str, Query(min_length=1)]
#: Whose survey it is; empty if it is the caller's.
SurveyOwner = Annotated[str, Query(max_length=ADDRESS_MAX)]
Words = Annotated[str, Query(max_length=1000, pattern=r"^[^\x00]*$")]


@router.get("/surveys/summary")
async def summary(
    request: Request,
    caller: AsksToSee,
    answers: KnownAnswers,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
) -> Response:
    """Show how much there is of a survey; the page's heading asks for it once it is there."""
    key = _key(caller, survey_name, survey_owner)
    return render(
        request,
        "surveys/templates/summary.html",
        here="surveys",
        **_named(caller, key),
        summary=await answers.sum_up(caller, key),
    )


@router.get("/surveys/conversations")
async def conversations(
    caller: AsksToRead, surveys: KnownSurveys, survey_name: SurveyName, survey_owner: SurveyOwner = ""
) -> Response:
    """Go to the conversations of a survey."""
    key = _key(caller, survey_name, survey_owner)
    await surveys.get(caller, key, Action.READ_MESSAGES)
    query = urlencode({"survey": key.name, "survey_owner": key.owner})
    return RedirectResponse(f"{addresses.CONVERSATIONS}?{query}", HTTPStatus.SEE_OTHER)


@router.get("/surveys/figures")
async def figures(
    request: Request,
    caller: AsksForFigures,
    surveys: KnownSurveys,
    answers: KnownAnswers,
    known: KnownFigures,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
    days: Annotated[int, Query(ge=0, le=36_500)] = 90,
) -> Response:
    """Show how the questions of a survey do: who met each, answered, was asked again, stopped there."""
    key = _key(caller, survey_name, survey_owner)
    await surveys.get(caller, key, Action.SEE_FIGURES)
    now = datetime.now(UTC)
    # Nought stands for all there is.
    since = now - timedelta(days=days) if days else BEGINNING
    wanted = MessageFilter(survey=key.name, survey_owner=key.owner, since=since, until=now)
    found = await known.questions(caller, wanted)
    texts = {each.ref: each.text for each in await answers.questions(caller, key, Action.SEE_FIGURES)}
    return render(
        request,
        "surveys/templates/figures.html",
        here="surveys",
        **_named(caller, key),
        questions=found.items,
        notes=found.notes,
        texts=texts,
        days=days,
        choices=((7, "7 days"), (30, "30 days"), (90, "90 days"), (0, "All")),
        figures_url=f"{addresses.FIGURES}?{urlencode({'survey': key.name, 'survey_owner': key.owner})}",
    )


@router.get("/surveys/responses")
async def responses(  # noqa: PLR0913, PLR0917  each is a query parameter
    request: Request,
    caller: AsksToRead,
    answers: KnownAnswers,
    zone: ZoneAsked,
    survey_name: SurveyName,
    survey_owner: SurveyOwner = "",
    question: Words = "",
    person: Words = "",
    since: Words = "",
    until: Words = "",
    after: Annotated[str | None, Query(max_length=4000)] = None,
) -> Response:
    """Show what people answered, the newest first."""
    if after is not None and not is_place(after):
        raise RequestValidationError(
            [{"type": "value_error", "loc": ("query", "after"), "msg": "not a place"}]
        )
    key = _key(caller, survey_name, survey_owner)
    wanted = AnswerFilter(
        question or None,
        person or None,
        moment_of_query("since", since, zone),
        moment_of_query("until", until, zone),
    )
    given = {"question": question, "person": person, "since": since, "until": until}
    questions = await answers.questions(caller, key)
    noted = {name: value for name, value in given.items() if value}
    subject = {"survey": key.name, "survey_owner": key.owner, "responses": noted}
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, subject)
    found = await answers.page(caller, key, wanted, limit=ANSWERS_A_PAGE + 1, after=after)
    shown = found[:ANSWERS_A_PAGE]
    named = _named(caller, key)

    def address(**others: str) -> str:
        kept = given | ({"tz": zone} if since or until else {}) | others
        return addresses.survey("responses", named["name"], owner=named["owner"], **kept)

    return render(
        request,
        "surveys/templates/responses.html",
        here="surveys",
        **named,
        answers=shown,
        questions=questions,
        total=sum(each.answers for each in questions),
        given=given,
        address=address,
        is_filtered=any(given.values()),
        next=address(after=shown[-1].place) if len(found) > ANSWERS_A_PAGE else "",
        first=address() if after else "",
        person_url=_person,
    )


def _key(caller: Caller, name: str, owner: str) -> SurveyKey:
    return SurveyKey.of(owner or caller.email, name)


def _named(caller: Caller, key: SurveyKey) -> dict[str, Any]:
    return {"name": key.name, "owner": "" if key.owner == caller.email else key.owner}


def _person(userid: str) -> str:
    """Return the address of what somebody said."""
    return f"{addresses.CONVERSATIONS}?{urlencode({'platform': 'messenger', 'person': userid})}"
