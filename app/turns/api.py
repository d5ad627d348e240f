"""The routes of turns and sessions: logged by `app.turns.service`, read by `app.turns.sessions`."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from app.access import LimitedRoute, NotAllowed, access_log_of, forwarded_address
from app.turns.events import Turn, TurnOpinion
from app.turns.names import NAME_MAX, NAME_PATTERN, SessionName, app_of
from app.turns.representations import (
    NewFeedback,
    NewSession,
    NewTurn,
    NewTurns,
    SessionList,
    SessionStats,
    ShownSession,
    ShownTurn,
    TakenSession,
    TakenTurn,
    TurnHistory,
)
from app.turns.service import LoggedTurn, named
from app.turns.serving import (
    AppAsked,
    AsksToLog,
    Limit,
    Logging,
    ReadBack,
    SessionAsked,
    TurnId,
)
from app.web.cursors import Cursor, next_of
from app.web.problems import responses
from models.access import ASSISTANT, Action, Caller

router = APIRouter(
    prefix="/v1/sessions",
    tags=["turns"],
    route_class=LimitedRoute,
    responses=responses(401, 403, 422, 429, 503),
)
many_router = APIRouter(
    prefix="/v1/turns",
    tags=["turns"],
    route_class=LimitedRoute,
    responses=responses(401, 403, 422, 429, 503),
)

#: Of what is said to a model, and by it; the topic takes more.
BODY_MAX_BYTES = 1024 * 1024
#: Of many turns, as a client that gathers them sends them.
MANY_MAX_BYTES = 8 * BODY_MAX_BYTES
_USER_AGENT_MAX = 400
_WRITES = responses(404, 413)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=NAME_MAX,
        pattern=NAME_PATTERN,
        description="The turn's id, where the body has none: told again with the same, it is the same turn.",
    ),
]
UserAgent = Annotated[str | None, Header(include_in_schema=False)]


@router.post("", status_code=202, responses=_WRITES)
async def make_or_touch_a_session(
    body: NewSession, caller: AsksToLog, log: Logging, app: AppAsked = None
) -> TakenSession:
    """Make a session, or touch one that is there: with an id of the caller's, or with a new one.

    It need not be made to log turns of it. 202 says that Kafka has it; a moment later it is to be read.
    """
    session = named(app_of(caller, app), body.session_id)
    await log.touch(caller, session, timestamp=body.timestamp, user_id=body.user_id, metadata=body.metadata)
    return TakenSession(logged=log.is_on, session_id=session.own, conversation_id=session.conversation_id)


@router.get("")
async def list_sessions(
    request: Request,
    response: Response,
    caller: AsksToLog,
    sessions: ReadBack,
    after: Cursor,
    app: AppAsked = None,
    user_id: Annotated[str | None, Query(max_length=512, pattern=r"^[^\x00]*$", description="Whose.")] = None,
    limit: Limit = 50,
) -> SessionList:
    """Return the sessions of the caller's app, or of all that they may see; the last used first."""
    whose = app_of(caller, app)
    subject = {"platform": ASSISTANT, "app": whose, "person": user_id}
    await access_log_of(request).note(caller, Action.LOG_TURNS, request, subject)
    found, following = await sessions.find(caller, whose, person=user_id or None, after=after, limit=limit)
    return SessionList(
        items=[ShownSession.of(session) for session in found], next=next_of(request, response, following)
    )


@router.post("/{session_id}/turns", status_code=202, responses=_WRITES)
async def log_a_turn(
    request: Request,
    body: NewTurn,
    asked: SessionAsked,
    log: Logging,
    idempotency_key: IdempotencyKey = None,
    user_agent: UserAgent = None,
) -> TakenTurn:
    """Log what was asked and what was answered; 202 says that Kafka has it.

    The ids of its messages are known by that: they are rows within a second. After a 503, or no answer, log
    the same again, with the same `turn_id` (or `Idempotency-Key`) and `timestamp`: it counts once, and its
    ids are the same. Without a `timestamp`, it is that of when it was first told. Of two tellings that
    differ, the first holds, and a turn is told whole: its answer alone, told later, counts as another.
    """
    caller, session = asked
    turn = _turn(body, session, forwarded_address(request), user_agent)
    [taken] = await log.log(caller, [replace(turn, id=turn.id or idempotency_key)])
    return _taken(session, taken)


@many_router.post("", status_code=202, responses=responses(413))
async def log_many_turns(
    body: NewTurns, caller: AsksToLog, log: Logging, app: AppAsked = None
) -> list[TakenTurn]:
    """Log turns of any sessions at once, in order: all of them, or none if one cannot be used (422).

    After a 503, or no answer, log the same again, with the same `turn_id`s.
    """
    whose = app_of(caller, app)
    sessions = [named(whose, turn.session_id) for turn in body.turns]
    # Whoever sends several has gathered them: from where each was asked, the turn alone can tell.
    turns = [_turn(turn, session, None, None) for turn, session in zip(body.turns, sessions, strict=True)]
    taken = await log.log(caller, turns)
    return [_taken(session, turn) for session, turn in zip(sessions, taken, strict=True)]


def _turn(body: NewTurn, session: SessionName, address: str | None, agent: str | None) -> Turn:
    """Return what a program tells of a turn, with the request's address and program if it tells none.

    Raises:
        NotAllowed: the turn names another app than the session is of.
    """
    if session.app is not None and body.app not in {None, session.app}:
        raise NotAllowed("Your token is of another app than this turn.")
    told = body.model_dump(exclude={"turn_id", "session_id", "user_ip", "user_agent"})
    agent = body.user_agent or agent
    return Turn(
        session=session,
        id=body.turn_id,
        user_ip=body.user_ip or address,
        user_agent=None if agent is None else agent[:_USER_AGENT_MAX],
        **told,
    )


def _taken(session: SessionName, taken: LoggedTurn) -> TakenTurn:
    ids = taken.ids
    return TakenTurn(
        logged=ids is not None,
        session_id=session.own,
        conversation_id=session.conversation_id,
        turn_id=taken.turn,
        timestamp=None if ids is None else datetime.fromtimestamp(ids.timestamp / 1000, UTC),
        user_message_id=None if ids is None else ids.question,
        ai_response_id=None if ids is None else ids.answer,
    )


@router.post("/{session_id}/turns/{turn_id}/feedback", status_code=202, responses=_WRITES)
async def give_feedback(
    turn_id: TurnId, body: NewFeedback, asked: SessionAsked, log: Logging
) -> TakenSession:
    """Log what somebody thinks of a turn's answer, at any time; 202 says that Kafka has it."""
    caller, session = asked
    await log.rate(caller, TurnOpinion(session=session, turn=turn_id, **body.model_dump()))
    return TakenSession(logged=log.is_on, session_id=session.own, conversation_id=session.conversation_id)


@router.get("/{session_id}/history", responses=responses(404))
async def read_the_history(
    request: Request,
    response: Response,
    asked: SessionAsked,
    sessions: ReadBack,
    after: Cursor,
    order: Annotated[Literal["oldest", "newest"], Query(description="Which turn comes first.")] = "oldest",
    limit: Limit = 50,
) -> TurnHistory:
    """Return the turns of a session, the oldest first."""
    caller, session = asked
    await _note(request, caller, session)
    turns, following = await sessions.turns(
        caller, session, after=after, newest_first=order == "newest", limit=limit
    )
    return TurnHistory(
        items=[ShownTurn.of(turn, session.own) for turn in turns], next=next_of(request, response, following)
    )


@router.get("/{session_id}/stats", responses=responses(404))
async def read_the_stats(request: Request, asked: SessionAsked, sessions: ReadBack) -> SessionStats:
    """Return how many turns a session has, from when to when, and how long answers took."""
    caller, session = asked
    await _note(request, caller, session)
    return SessionStats.of_sums(await sessions.sums(caller, session))


async def _note(request: Request, caller: Caller, session: SessionName) -> None:
    subject = {"platform": ASSISTANT, "channel": session.kept, "conversation": session.conversation_id}
    await access_log_of(request).note(caller, Action.LOG_TURNS, request, subject)
