"""Turns and sessions as the database has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from app.turns.events import TURN_ID
from app.turns.names import session_kept_as

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from app.turns.names import SessionName

#: What has a place of its own in a turn, and is no metadata there.
_OWN_PLACE = frozenset({TURN_ID, "mood", "user_ip", "user_agent"})


@dataclass(frozen=True, slots=True)
class KnownTurn:
    """A turn: an answer with its question, or a question that has no answer.

    Attributes:
        id: of the answer; where there is none, of the question.
        turn_id: what whoever logged it calls it; None of one that was not logged by the API.
        timestamp: when it was answered; where it was not, asked.
        user_message_id: of the question; None where there is none.
        user_message: what was asked; empty for nothing.
        ai_response_id: of the answer; None where there is none.
        ai_response: what was answered; empty for nothing.
        response_type: what kind of answer, other than plain text.
        response_time_ms: how long the answer took.
        mood: of who asked.
        user_id: who asked.
        user_ip: from where.
        user_agent: with what.
        deleted: when it was taken back.
        metadata: what else is known of it.
    """

    id: str
    turn_id: str | None
    timestamp: datetime
    user_message_id: str | None
    user_message: str
    ai_response_id: str | None
    ai_response: str
    response_type: str | None
    response_time_ms: int | None
    mood: str | None
    user_id: str | None
    user_ip: str | None
    user_agent: str | None
    deleted: datetime | None
    metadata: dict[str, Any]

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read what a statement says of one."""
        told = _object(row["metadata"])
        question, answer = row["question_id"], row["answer_id"]
        return cls(
            id=str(row["id"]),
            turn_id=_text(told.get(TURN_ID)),
            timestamp=row["timestamp"],
            user_message_id=None if question is None else str(question),
            user_message=row["user_message"],
            ai_response_id=None if answer is None else str(answer),
            ai_response=row["ai_response"],
            response_type=row["response_type"],
            response_time_ms=row["response_ms"],
            mood=_text(told.get("mood")),
            user_id=row["author_id"],
            user_ip=_text(told.get("user_ip")),
            user_agent=_text(told.get("user_agent")),
            deleted=row["deleted"],
            metadata={name: value for name, value in told.items() if name not in _OWN_PLACE},
        )


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session.

    Attributes:
        name: which.
        conversation_id: the id of its conversation.
        user_id: whose, as far as told.
        started_at: when it was made, or its first message came.
        last_activity: when it was last touched, or its last message came.
        total_messages: how many answers there were, those included that are gone.
        metadata: what is known of it.
    """

    name: SessionName
    conversation_id: str
    user_id: str | None
    started_at: datetime
    last_activity: datetime
    total_messages: int
    metadata: dict[str, Any]

    @classmethod
    def of(cls, row: asyncpg.Record, app: str | None) -> Self:
        """Read what a statement says of one, for who asks for sessions of an app."""
        return cls(
            session_kept_as(row["channel"], app),
            str(row["id"]),
            row["subject_id"],
            row["started_at"],
            row["last_activity"],
            row["total_messages"],
            _object(row["metadata"]),
        )


@dataclass(frozen=True, slots=True)
class SessionSums:
    """What a session comes to.

    Attributes:
        session: which.
        conversation_count: how many turns of it there are now.
        avg_response_time: how long answers took, in ms; None where that is told of none.
    """

    session: KnownSession
    conversation_count: int
    avg_response_time: float | None

    @classmethod
    def of(cls, row: asyncpg.Record, app: str | None) -> Self:
        """Read what a statement says of one."""
        average = row["avg_response_time"]
        return cls(
            KnownSession.of(row, app), row["conversation_count"], None if average is None else float(average)
        )


def _object(told: str | None) -> dict[str, Any]:
    found = None if told is None else json.loads(told)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
