"""The page of those whose bot does not go on."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.access import PageAsks, access_log_of
from app.bot_states.sentences import STANDINGS
from app.bot_states.service import STUCK
from app.bot_states.serving import KnownBotStates, Standings
from app.reading.filters import Filters, query_of
from app.web import addresses
from app.web.parts import after_query, place_of, place_text
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller
from models.bot_states import Standing

#: Of people.
A_PAGE = 50
#: What can be looked for, as tabs: what it is called, and how a bot stands then.
TABS: dict[str, tuple[Standing, ...]] = {
    "Stuck": STUCK,
    "Blocked": (Standing.BLOCKED,),
    "In error": (Standing.ERROR,),
    "Silent": (Standing.SILENT,),
    "Waiting for something": (Standing.WAITS,),
}

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToRead = Annotated[Caller, Depends(PageAsks(Action.READ_MESSAGES))]
After = Annotated[str | None, after_query(r"[^\x00]*")]


@router.get(addresses.WAITING)
async def who_waits(
    request: Request,
    caller: AsksToRead,
    states: KnownBotStates,
    wanted: Filters,
    standings: Standings,
    after: After = None,
) -> Response:
    """Show whose bot is blocked, in error, or silent, with since when and what to do."""
    subject = query_of(wanted) | {"standing": standings}
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, subject)
    rows = await states.waiting(caller, wanted, standings, limit=A_PAGE + 1, after=place_of(after))
    is_about_bots = standings == STUCK and not query_of(wanted) and after is None
    return render(
        request,
        "bot_states/templates/waiting.html",
        here="conversations",
        tabs=TABS,
        standings=standings,
        query=query_of(wanted),
        people=rows[:A_PAGE],
        next_place=place_text(rows[A_PAGE - 1].place) if len(rows) > A_PAGE else None,
        counts=Counter(row.standing for row in rows[:A_PAGE]),
        meanings=STANDINGS,
        unanswered=await states.unanswered(caller, limit=A_PAGE) if is_about_bots else [],
    )
