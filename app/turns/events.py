"""What a program says of a turn, a session, an opinion, and the events of the platform that come of it. Pure.

The events are those of docs/assistant.md, as if the program had put them to Kafka itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import orjson

from models.access import ASSISTANT
from models.ids import message_id
from models.messages import Message, MessageRole
from models.platforms import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.turns.names import SessionName
    from models import JSON

#: Where the own name of a turn is kept, beside what else is known of its messages.
TURN_ID = "turn_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question to an assistant, its answer, or both.

    Attributes:
        session: that it is of.
        id: its name in the session; one is made where there is none, and a repetition is another turn then.
        timestamp: when the question came: ISO 8601, or s or ms since 1970; None for now.
        user_message: what was asked, text or a list of parts.
        ai_response: what was answered, likewise.
        response_time_ms: how long the answer took.
        user_id: who asked.
        user_name: how they are called.
        reply_to: the turn whose question is answered once more.
        mood: of who asked.
        model: which answered.
        app: which program logs it.
        user_ip: the address that was asked from.
        user_agent: the program that was asked with.
        error: what went wrong with the answer.
        unfinished: whether the answer was stopped.
        metadata: what else is known.
    """

    session: SessionName
    id: str | None = None
    timestamp: str | float | None = None
    user_message: JSON = None
    ai_response: JSON = None
    response_time_ms: float | None = None
    user_id: str | None = None
    user_name: str | None = None
    reply_to: str | None = None
    mood: str | None = None
    model: str | None = None
    app: str | None = None
    user_ip: str | None = None
    user_agent: str | None = None
    error: str | None = None
    unfinished: bool = False
    metadata: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOpinion:
    """What somebody thinks of the answer of a turn.

    Attributes:
        session: that the turn is of.
        turn: its name there.
        value: better is more.
        label: a reason out of a list.
        comment: in their words.
        user_id: who.
        feedback_id: which opinion; a later one of the same takes its place. None for the person's.
        timestamp: when; as of a turn.
        metadata: what else is known.
    """

    session: SessionName
    turn: str
    value: float
    label: str | None = None
    comment: str | None = None
    user_id: str | None = None
    feedback_id: str | None = None
    timestamp: str | float | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)


class TurnIds(NamedTuple):
    """Who a turn's messages are, known before there are any.

    Attributes:
        turn: its name in the session.
        timestamp: when the question came, in ms since 1970.
        question: the id of what was asked; None where nothing was.
        answer: the id of what was answered; None where nothing was.
    """

    turn: str
    timestamp: int
    question: str | None
    answer: str | None


def turn_event(turn: Turn, name: str, timestamp: str | float) -> bytes:
    """Return the event of a turn that has a name and a time."""
    session = turn.session
    told = {
        TURN_ID: session.turn(name),
        "session_id": session.kept,
        "timestamp": timestamp,
        "user_message": turn.user_message or "",
        "ai_response": turn.ai_response or "",
        "response_time_ms": turn.response_time_ms,
        "user_id": turn.user_id,
        "user_name": turn.user_name,
        "reply_to": None if turn.reply_to is None else f"{session.turn(turn.reply_to)}:user",
        "mood": turn.mood,
        "model": turn.model,
        "app": session.app or turn.app,
        "user_ip": turn.user_ip,
        "user_agent": turn.user_agent,
        "error": turn.error,
        "unfinished": turn.unfinished or None,
        "metadata": {**turn.metadata, TURN_ID: name},
    }
    return _as_json(told)


def session_event(
    session: SessionName, timestamp: int, user_id: str | None, metadata: Mapping[str, JSON]
) -> bytes:
    """Return the event of a session that is made or touched."""
    return _as_json(
        {
            "event": "session",
            "session_id": session.kept,
            "timestamp": timestamp,
            "user_id": user_id,
            "metadata": dict(metadata) or None,
        }
    )


def opinion_event(opinion: TurnOpinion, timestamp: str | float) -> bytes:
    """Return the event of an opinion that has a time."""
    session = opinion.session
    return _as_json(
        {
            TURN_ID: session.turn(opinion.turn),
            "session_id": session.kept,
            "timestamp": timestamp,
            "value": opinion.value,
            "label": opinion.label,
            "comment": opinion.comment,
            "user_id": opinion.user_id,
            "feedback_id": None if opinion.feedback_id is None else session.turn(opinion.feedback_id),
            "metadata": dict(opinion.metadata) or None,
        }
    )


def messages_in(event: bytes) -> list[Message]:
    """Return the messages that will come of an event.

    Raises:
        BadRecord: none can.
    """
    return [found for found in PLATFORMS[ASSISTANT].extract(event).found if isinstance(found, Message)]


def ids_of(name: str, messages: list[Message], timestamp: int) -> TurnIds:
    """Return who a turn's messages will be."""
    ids = {one.role: message_id(ASSISTANT, one.source_id, one.timestamp) for one in messages}
    return TurnIds(name, timestamp, ids.get(MessageRole.USER), ids.get(MessageRole.ASSISTANT))


def _as_json(told: Mapping[str, JSON]) -> bytes:
    return orjson.dumps({name: value for name, value in told.items() if value is not None})
