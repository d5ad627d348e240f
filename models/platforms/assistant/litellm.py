"""LiteLLM's StandardLoggingPayload: what its callbacks are given for each call.

The answer's id is the payload's; the question's is that with `:user` behind it. The session is `trace_id`.
How long it took is `endTime` less `startTime`: `response_time` is the time to the first token of a stream.
Where LiteLLM keeps the words to itself, the messages are there as withheld. Calls that are no conversation
(embeddings, moderation) come to nothing.
"""

from models import JSON
from models.messages import Found
from models.platforms.assistant.content import WITHHELD, Content, said_in
from models.platforms.assistant.exchange import (
    Exchange,
    index_id_in,
    message_id_in,
    moment_in,
    optional_moment_in,
    told_in,
)
from models.platforms.assistant.openai import answer_in, question_in, session_in
from models.values import id_or_none, object_in, text_or_none

_Object = dict[str, JSON]

#: How the kinds of calls end in which somebody talks; what comes before says whether they wait.
_TALKS = ("completion", "responses", "anthropic_messages", "generate_content")

#: What LiteLLM writes in the place of words that it was told not to log.
_REDACTED = "redacted-by-litellm"


def matches(event: _Object) -> bool:
    """Tell whether a record is in this format."""
    return "startTime" in event and ("messages" in event or "response" in event)


def session_of(event: _Object) -> str | None:
    """Return what a call belongs to."""
    return (
        id_or_none(event.get("trace_id"))
        or session_in(object_in(event.get("metadata")))
        or id_or_none(event.get("id"))
    )


def read(event: _Object) -> list[Found]:
    """Return the question and the answer of a call.

    Raises:
        BadRecord: it has no id or no time, or content that is neither text nor parts.
    """
    call_type = text_or_none(event.get("call_type"))
    if call_type is not None and not call_type.endswith(_TALKS):
        return []
    call_id = message_id_in(event.get("id"), "id")
    started = moment_in(event.get("startTime"), "startTime")
    ended = optional_moment_in(event.get("endTime"), "endTime")
    exchange = Exchange(
        question_id=f"{call_id}:user",
        answer_id=call_id,
        session=index_id_in(session_of(event), "trace_id") or call_id,
        asked=started,
        question=_question(event.get("messages")),
        answer=_answer(event.get("response")),
        person=index_id_in(event.get("end_user"), "end_user"),
        answered=ended,
        response_ms=None if ended is None else ended - started,
        metadata=told_in(event, "model", "total_tokens", "request_tags", "app"),
        raw_payload=event,
    )
    return list(exchange.messages())


def _question(messages: JSON) -> Content | None:
    return _or_withheld(question_in({"messages": messages}))


def _answer(response: JSON) -> Content | None:
    if type(response) is str:
        return _or_withheld(said_in(response, "response"))
    return _or_withheld(answer_in(object_in(response)))


def _or_withheld(said: Content | None) -> Content | None:
    return Content("", WITHHELD) if said is not None and said.text == _REDACTED else said
