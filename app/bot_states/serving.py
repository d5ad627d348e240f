"""What the routes of bots' states work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from app.bot_states.service import STUCK, BotStates
from models.bot_states import Standing


async def bot_states_of(request: Request) -> BotStates:
    """Return what `app.site` put there when the application started."""
    states: BotStates = request.app.state.bot_states
    return states


async def standings_of_query(
    standing: Annotated[
        list[Standing] | None,
        Query(description="How the bot stands with them; if left out, blocked, in error, or silent."),
    ] = None,
) -> tuple[Standing, ...]:
    """Return which standings a request looks for."""
    return tuple(standing) if standing else STUCK


#: For signatures of routes.
KnownBotStates = Annotated[BotStates, Depends(bot_states_of)]
Standings = Annotated[tuple[Standing, ...], Depends(standings_of_query)]
