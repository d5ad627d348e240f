"""What the routes of turns work with, and how a route gets at it.

All are coroutines: FastAPI hands what is none to a thread, which takes longer than all the rest of a turn.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from app.access import LimitedAsks
from app.turns.names import APP_MAX, APP_PATTERN, NAME_FORM, NAME_MAX, NAME_PATTERN, SessionName, app_of
from app.turns.service import TurnLog, named
from app.turns.sessions import LoggedSessions
from models.access import Action, Caller

AsksToLog = Annotated[Caller, Depends(LimitedAsks(Action.LOG_TURNS))]
SessionId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=NAME_MAX,
        pattern=NAME_PATTERN,
        description=f"Which session: {NAME_FORM}.",
        examples=["session_3b24"],
    ),
]
TurnId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=NAME_MAX,
        pattern=NAME_PATTERN,
        description="Which turn of it, as it was logged.",
        examples=["turn_01JN5ZK3Q8W2"],
    ),
]
AppAsked = Annotated[
    str | None,
    Query(
        alias="app",
        min_length=1,
        max_length=APP_MAX,
        pattern=APP_PATTERN,
        description="Whose sessions; a token of one app need not say it.",
        examples=["shop"],
    ),
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]


async def turn_log_of(request: Request) -> TurnLog:
    """Return what `app.site` put there when the application started."""
    log: TurnLog = request.app.state.turn_log
    return log


async def sessions_of(request: Request) -> LoggedSessions:
    """Return what `app.site` put there when the application started."""
    sessions: LoggedSessions = request.app.state.sessions
    return sessions


async def session_asked(
    session_id: SessionId, caller: AsksToLog, app: AppAsked = None
) -> tuple[Caller, SessionName]:
    """Return who asks, and the session that they name."""
    return caller, named(app_of(caller, app), session_id)


#: For signatures of routes.
Logging = Annotated[TurnLog, Depends(turn_log_of)]
ReadBack = Annotated[LoggedSessions, Depends(sessions_of)]
SessionAsked = Annotated[tuple[Caller, SessionName], Depends(session_asked)]
