"""The page of figures: what is looked for, and parts that show it, each fetched when the page is there."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access import PageAsks
from app.figures.choices import PARTS, RANGES, FiguresWanted
from app.figures.errors import NoSuchFigures
from app.figures.parts import show_part
from app.figures.rows import Every, Split
from app.figures.serving import KnownFigures
from app.reading.filters import Filters
from app.reading.noting import Noting
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from app.web.zones import zone_of
from models.access import Action, Caller, may_at_all
from models.platforms import READ

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksForFigures = Annotated[Caller, Depends(PageAsks(Action.SEE_FIGURES))]
AsksForWords = Annotated[Caller, Depends(PageAsks(Action.READ_MESSAGES))]
#: An empty one, as forms send it, is none.
Choice = Annotated[str, Query(max_length=20)]
#: What shows words or people is asked for at an address of its own.
OF_WORDS = "/figures/said"
OF_SUMS = "/figures/part"


async def looking_of(
    wanted: Filters, days: Choice = "", every: Choice = "", by: Choice = ""
) -> FiguresWanted:
    """Return what a page of figures looks for; a choice that there is not is none."""
    return FiguresWanted.of(wanted, datetime.now(UTC), days=days, every=every, by=by)


AsLookedFor = Annotated[FiguresWanted, Depends(looking_of)]


@router.get(addresses.FIGURES)
async def figures_page(request: Request, caller: AsksForFigures, looking: AsLookedFor) -> Response:
    """Show what is looked for, and where its parts are."""
    may_read = may_at_all(caller, Action.READ_MESSAGES)
    shown = [
        part
        for part in PARTS
        if (may_read or not part.of_words) and (looking.wanted.survey is not None or not part.of_survey)
    ]
    query = urlencode(looking.query)
    return render(
        request,
        "figures/templates/figures.html",
        here="figures",
        looking=looking,
        ranges=RANGES,
        everys=list(Every),
        splits=list(Split),
        platforms=["messenger", *sorted(name for name in READ if name != "messenger")],
        range_url=lambda days: f"{addresses.FIGURES}?{urlencode(looking.query_for(days))}",
        parts=[(part, f"{OF_WORDS if part.of_words else OF_SUMS}?part={part.key}&{query}") for part in shown],
    )


@router.get(OF_SUMS)
async def part_of_sums(
    request: Request, caller: AsksForFigures, figures: KnownFigures, looking: AsLookedFor, part: Choice
) -> Response:
    """Show a part that shows sums alone."""
    return await _part(request, caller, figures, looking, part, of_words=False)


@router.get(OF_WORDS)
async def part_of_words(
    request: Request,
    caller: AsksForWords,
    figures: KnownFigures,
    log: Noting,
    looking: AsLookedFor,
    part: Choice,
) -> Response:
    """Show a part that shows words or people; that is noted."""
    await log.note(caller, Action.READ_MESSAGES, request, {"figures": part, **looking.query})
    return await _part(request, caller, figures, looking, part, of_words=True)


async def _part(
    request: Request,
    caller: Caller,
    figures: KnownFigures,
    looking: FiguresWanted,
    key: str,
    *,
    of_words: bool,
) -> Response:
    part = next((each for each in PARTS if (each.key, each.of_words) == (key, of_words)), None)
    if part is None:
        raise NoSuchFigures("There is no such part of figures.")
    context: dict[str, Any]
    try:
        context = await show_part(part, figures, caller, looking, zone_of(request).key)
    except NoSuchFigures as error:
        context = {"why_not": str(error)}
    is_fragment = "HX-Request" in request.headers
    return render(
        request,
        "figures/templates/part.html",
        here="figures",
        layout="figures/templates/bare.html" if is_fragment else "web/templates/base.html",
        part=part,
        looking=looking,
        csv_url=f"/v1/figures/{part.route}?{urlencode(looking.query_of_api(part) | {'format': 'csv'})}",
        back_url=f"{addresses.FIGURES}?{urlencode(looking.query)}",
        **({"why_not": None} | context),
    )
