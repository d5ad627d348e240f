"""Our own format of a turn, for programs that log their assistant themselves; of sessions, and of opinions.

    {"turn_id", "session_id", "timestamp", "user_id", "user_message", "ai_response", "response_time_ms", …}
    {"event": "session", "session_id", "timestamp", "user_id", "metadata"}

docs/assistant.md is its contract. Names may be in camel case as well (`sessionId`, `userMessage`). A turn
without an id and a time of its own cannot be told from the same question asked twice, so it is refused.
"""

from models import JSON
from models.errors import BadRecord, Reason
from models.messages import Feedback, Found, SessionTold
from models.platforms.assistant.content import said_in
from models.platforms.assistant.exchange import (
    Exchange,
    index_id_in,
    message_id_in,
    moment_in,
    told_in,
)
from models.platforms.assistant.opinions import opinion_value
from models.values import id_or_none, object_in, text_or_none

_Object = dict[str, JSON]

_CAMEL_CASE = {
    "turnId": "turn_id",
    "sessionId": "session_id",
    "userId": "user_id",
    "userName": "user_name",
    "userMessage": "user_message",
    "aiResponse": "ai_response",
    "responseTimeMs": "response_time_ms",
    "replyTo": "reply_to",
    "userIp": "user_ip",
    "userAgent": "user_agent",
    "feedbackId": "feedback_id",
}
_WORDS = frozenset({"user_message", "ai_response", "userMessage", "aiResponse"})
_TURNS = frozenset({"turn_id", "turnId"})


def is_turn(event: _Object) -> bool:
    """Tell whether words of a turn are logged."""
    return not _WORDS.isdisjoint(event)


def is_feedback(event: _Object) -> bool:
    """Tell whether it is what somebody thinks of a turn."""
    return "value" in event and not _TURNS.isdisjoint(event)


def is_session(event: _Object) -> bool:
    """Tell whether it says that a session is there."""
    return event.get("event") == "session" and not is_turn(event)


def session_of(event: _Object) -> str | None:
    """Return what a turn belongs to."""
    return id_or_none(event.get("session_id")) or id_or_none(event.get("sessionId"))


def read_turn(event: _Object) -> list[Found]:
    """Return the question and the answer of a turn.

    Raises:
        BadRecord: it has no id, no session, no time, or words that are no text.
    """
    turn = _in_snake_case(event)
    turn_id = message_id_in(turn.get("turn_id"), "turn_id")
    session = _session_in(turn)
    asked = moment_in(turn.get("timestamp"), "timestamp")
    took = _milliseconds(turn.get("response_time_ms"))
    reply_to = id_or_none(turn.get("reply_to"))
    exchange = Exchange(
        question_id=f"{turn_id}:user",
        answer_id=f"{turn_id}:assistant",
        session=session,
        asked=asked,
        question=said_in(turn.get("user_message"), "user_message"),
        answer=said_in(turn.get("ai_response"), "ai_response"),
        person=index_id_in(turn.get("user_id"), "user_id"),
        person_name=text_or_none(turn.get("user_name")),
        answered=None if took is None else asked + took,
        response_ms=took,
        reply_to=reply_to,
        sampled_by=reply_to,
        answer_type="error"
        if turn.get("error")
        else "unfinished"
        if turn.get("unfinished") is True
        else None,
        metadata={
            **object_in(turn.get("metadata")),
            **told_in(turn, "app", "model", "mood", "user_ip", "user_agent"),
        },
        raw_payload=event,
    )
    return list(exchange.messages())


def read_feedback(event: _Object) -> list[Found]:
    """Return what somebody thinks of a turn's answer; a later opinion of the same person takes its place.

    Raises:
        BadRecord: it has no turn, no time, or a value that is no number.
    """
    opinion = _in_snake_case(event)
    turn_id = message_id_in(opinion.get("turn_id"), "turn_id")
    person = index_id_in(opinion.get("user_id"), "user_id")
    return [
        Feedback(
            source_id=id_or_none(opinion.get("feedback_id")) or f"{turn_id}:feedback:{person or ''}",
            refers_to=f"{turn_id}:assistant",
            value=opinion_value(opinion.get("value"), "value"),
            given=moment_in(opinion.get("timestamp"), "timestamp"),
            label=text_or_none(opinion.get("label")),
            comment=text_or_none(opinion.get("comment")),
            author_id=person,
            channel=index_id_in(opinion.get("session_id"), "session_id"),
            metadata=object_in(opinion.get("metadata")) or None,
        )
    ]


def read_session(event: _Object) -> list[Found]:
    """Return that a session is there; whoever touches it later tells it again.

    Raises:
        BadRecord: it has no id or no time.
    """
    told = _in_snake_case(event)
    return [
        SessionTold(
            channel=_session_in(told),
            told=moment_in(told.get("timestamp"), "timestamp"),
            author_id=index_id_in(told.get("user_id"), "user_id"),
            metadata=object_in(told.get("metadata")) or None,
        )
    ]


def _session_in(event: _Object) -> str:
    session = index_id_in(event.get("session_id"), "session_id")
    if session is None:
        raise BadRecord(Reason.MISSING_FIELD, "session_id: missing or empty")
    return session


def _in_snake_case(event: _Object) -> _Object:
    """Return the fields under the names of the contract, which win where both are given."""
    return {**{ours: event[theirs] for theirs, ours in _CAMEL_CASE.items() if theirs in event}, **event}


def _milliseconds(value: JSON) -> int | None:
    """Return a time that was measured, a fraction cut off; None for what is none."""
    if (type(value) is int or type(value) is float) and 0 <= value < 2**31:
        return int(value)
    return None
