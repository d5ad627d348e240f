"""The routes of figures: GET /v1/figures/…, each as JSON or, with `format=csv`, as a file."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from app.access import Asks
from app.figures.csv_files import as_csv
from app.figures.rows import (
    AtHour,
    Every,
    Figures,
    LiveNow,
    MessagesAt,
    PersonActive,
    QuestionMet,
    ResponsesAt,
    Retention,
    SessionsOn,
    Split,
    TextSaid,
)
from app.figures.serving import KnownFigures
from app.reading.filters import Filters, query_of, zone_of_query
from app.reading.noting import Noting
from app.web.problems import responses
from models.access import Action, Caller

router = APIRouter(prefix="/v1/figures", tags=["figures"], responses=responses(401, 403, 422, 503))

AsksForFigures = Annotated[Caller, Depends(Asks(Action.SEE_FIGURES))]
AsksForWords = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]
Format = Annotated[Literal["json", "csv"], Query(description="csv: the items as a file.")]
AtMost = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
BySpan = Annotated[Every, Query(description="What one figure is of.")]

#: What OpenAPI says of an answer that may be a file.
_OR_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


def _answer(found: BaseModel, items: Sequence[BaseModel], wanted: str, name: str) -> Any:
    return as_csv(items, name) if wanted == "csv" else found


@router.get("/messages", responses=_OR_CSV, response_model=Figures[MessagesAt])
async def count_messages(
    caller: AsksForFigures,
    figures: KnownFigures,
    wanted: Filters,
    every: BySpan = Every.DAY,
    by: Annotated[Split | None, Query(description="By what they are told apart.")] = None,
    format: Format = "json",  # noqa: A002  as it is asked for
) -> Any:
    """Return how much was said over time, and by how many people: the last 90 days, if no time is named.

    From sums, which outlive what was said; up to 15 seconds behind.
    """
    found = await figures.messages(caller, wanted, every, by)
    return _answer(found, found.items, format, "messages")


@router.get("/responses", responses=_OR_CSV, response_model=Figures[ResponsesAt])
async def time_responses(
    caller: AsksForFigures,
    figures: KnownFigures,
    wanted: Filters,
    every: BySpan = Every.DAY,
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return how long answers took over time: half of them at most, and 95 %."""
    found = await figures.responses(caller, wanted, every)
    return _answer(found, found.items, format, "responses")


@router.get("/weekdays", responses=_OR_CSV, response_model=Figures[AtHour])
async def count_by_weekday(
    caller: AsksForFigures,
    figures: KnownFigures,
    wanted: Filters,
    tz: Annotated[str, Depends(zone_of_query)],
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return how much was said in which hour of which day of the week, in the zone `tz`."""
    found = await figures.by_weekday(caller, wanted, tz)
    return _answer(found, found.items, format, "weekdays")


@router.get("/retention", responses=_OR_CSV, response_model=Retention)
async def count_who_came_back(
    caller: AsksForFigures,
    figures: KnownFigures,
    wanted: Filters,
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return, of those who first spoke in a week, how many spoke in later ones: the last 26 weeks."""
    found = await figures.retention(caller, wanted)
    return _answer(found, found.items, format, "retention")


@router.get("/sessions", responses=_OR_CSV, response_model=Figures[SessionsOn])
async def count_sessions(
    caller: AsksForFigures,
    figures: KnownFigures,
    wanted: Filters,
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return how many sessions there were, how long, and how many people had a second one; of 30 days."""
    found = await figures.sessions(caller, wanted)
    return _answer(found, found.items, format, "sessions")


@router.get("/questions", responses=_OR_CSV, response_model=Figures[QuestionMet])
async def follow_a_surveys_questions(
    caller: AsksForFigures,
    figures: KnownFigures,
    wanted: Filters,
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return the questions of a `survey` in their order: who answered, who stopped, what was repeated."""
    found = await figures.questions(caller, wanted)
    return _answer(found, found.items, format, "questions")


@router.get("/live")
async def see_what_happens_now(caller: AsksForFigures, figures: KnownFigures, wanted: Filters) -> LiveNow:
    """Return messages a minute, who talks and response times, of the last five minutes; 10 s behind."""
    return await figures.live(caller, wanted)


@router.get("/texts", responses=_OR_CSV, response_model=Figures[TextSaid])
async def find_common_texts(
    request: Request,
    caller: AsksForWords,
    figures: KnownFigures,
    log: Noting,
    wanted: Filters,
    marked: Annotated[bool, Query(description="Only with a question mark, of any script.")] = False,
    limit: AtMost = 20,
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return what people say or ask most often, of the latest 10,000 messages of 30 days."""
    await log.note(caller, Action.READ_MESSAGES, request, {"figures": "texts", **query_of(wanted)})
    found = await figures.texts(caller, wanted, at_most=limit, only_marked=marked)
    return _answer(found, found.items, format, "texts")


@router.get("/activity", responses=_OR_CSV, response_model=Figures[PersonActive])
async def find_who_says_the_most(
    request: Request,
    caller: AsksForWords,
    figures: KnownFigures,
    log: Noting,
    wanted: Filters,
    limit: AtMost = 50,
    format: Format = "json",  # noqa: A002
) -> Any:
    """Return who said the most in 30 days: how many messages, and how long these are on average."""
    await log.note(caller, Action.READ_MESSAGES, request, {"figures": "activity", **query_of(wanted)})
    found = await figures.activity(caller, wanted, at_most=limit)
    return _answer(found, found.items, format, "activity")
