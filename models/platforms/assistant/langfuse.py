"""Langfuse: batches of its ingestion, of which traces have a question and an answer, and scores an opinion.

    {"batch": [{"id", "type", "timestamp", "body": {…}}]}

A trace is written under one id as often as something is known of it: `<id>:user` is its input, and
`<id>:assistant` its output, each at the time of the first write of it that is seen; the text is that of the
latest write. A trace has no end, so its answer's time is that of the event that tells it. The session is
`sessionId`, else the trace. Input and output are any JSON: what is in none of the usual forms is its JSON,
with the message type `json`. Observations within a trace (spans, generations) repeat it and its history.

A score is of the trace's answer. One that is a word has it as its label, and the value 0. One of a session
is of no message. Bad events in a batch hold it back as a whole, as nothing of it may be lost.
"""

import re

import orjson

from models import JSON
from models.errors import BadRecord, Reason
from models.messages import Feedback, Found
from models.platforms.assistant.content import Content, said_in
from models.platforms.assistant.exchange import (
    Exchange,
    index_id_in,
    logged_again,
    message_id_in,
    moment_in,
    optional_moment_in,
    told_in,
)
from models.platforms.assistant.openai import answer_in, question_in, words_of
from models.platforms.assistant.opinions import opinion_value
from models.values import id_or_none, list_in, object_in, text_or_none

_Object = dict[str, JSON]

#: Where programs put the words into an object of their own.
_TEXT_NAMES = ("content", "text", "message", "question", "query", "prompt", "input", "answer", "output")

#: What is within a trace, and what is no part of a conversation.
_SILENT = frozenset(
    {f"{name}-{change}" for change in ("create", "update") for name in ("span", "generation", "observation")}
    | {
        f"{name}-create"
        for name in ("event", "agent", "tool", "chain", "retriever", "evaluator", "embedding")
    }
    | {"guardrail-create", "dataset-run-item-create", "sdk-log"}
)
#: How a type looks, and not what somebody said.
_TYPE = re.compile(r"[a-z-]{1,64}")
_KNOWN = _SILENT | {"trace-create", "score-create"}


def matches(event: _Object) -> bool:
    """Tell whether a record is in this format."""
    return type(event.get("batch")) is list


def session_of(event: _Object) -> str | None:
    """Return what the first event of a batch belongs to: a session, else a trace."""
    events = list_in(event.get("batch"))
    first = object_in(events[0]) if events else {}
    body = object_in(first.get("body"))
    own = body.get("id") if first.get("type") == "trace-create" else None
    return id_or_none(body.get("sessionId")) or id_or_none(body.get("traceId")) or id_or_none(own)


def unknown_in(event: _Object) -> str | None:
    """Return the type of an event in a batch that nobody knows."""
    for item in map(object_in, list_in(event.get("batch"))):
        kind = item.get("type")
        if type(kind) is not str:
            return "no type"
        if kind not in _KNOWN:
            return kind if _TYPE.fullmatch(kind) else "no type"
    return None


def read(event: _Object) -> list[Found]:
    """Return what was asked, answered and thought in a batch.

    Raises:
        BadRecord: a trace or a score without an id or a time.
    """
    found: list[Found] = []
    for item in map(object_in, list_in(event.get("batch"))):
        body = object_in(item.get("body"))
        if item.get("type") == "trace-create":
            found += _trace(item, body)
        elif item.get("type") == "score-create":
            found += _score(item, body)
    return found


def _trace(item: _Object, body: _Object) -> list[Found]:
    trace = message_id_in(body.get("id"), "body.id")
    written = optional_moment_in(item.get("timestamp"), "timestamp")
    asked = optional_moment_in(body.get("timestamp"), "body.timestamp")
    if asked is None and written is None:
        raise BadRecord(Reason.MISSING_FIELD, "timestamp: of neither the trace nor its event")
    exchange = Exchange(
        question_id=f"{trace}:user",
        answer_id=f"{trace}:assistant",
        session=index_id_in(body.get("sessionId"), "body.sessionId")
        or index_id_in(trace, "body.id")
        or trace,
        asked=asked if asked is not None else written or 0,
        question=_question(body.get("input")),
        answer=_answer(body.get("output")),
        person=index_id_in(body.get("userId"), "body.userId"),
        answered=written,
        metadata={
            **object_in(body.get("metadata")),
            **told_in(body, "name", "environment", "tags", "release", "version"),
        },
        raw_payload=item,
    )
    return logged_again(exchange.messages(), written)


def _score(item: _Object, body: _Object) -> list[Found]:
    trace = id_or_none(body.get("traceId"))
    if trace is None:
        return []
    name, value = text_or_none(body.get("name")), body.get("value")
    given = body.get("timestamp", item.get("timestamp"))
    is_word = type(value) is str
    return [
        Feedback(
            source_id=message_id_in(body.get("id") or item.get("id"), "body.id"),
            refers_to=f"{trace}:assistant",
            value=0.0 if is_word else opinion_value(value, "body.value"),
            given=moment_in(given, "timestamp"),
            label=text_or_none(value) if is_word else name,
            comment=text_or_none(body.get("comment")),
            channel=index_id_in(body.get("sessionId"), "body.sessionId"),
            metadata=told_in(body, "name", "dataType", "source", "observationId") or None,
        )
    ]


def _question(value: JSON) -> Content | None:
    told = object_in(value)
    if type(value) is list and _are_messages(value):
        return question_in({"messages": value})
    if type(told.get("messages")) is list:
        return question_in(told)
    if told.get("role", "user") != "user":
        return None
    return _free(value)


def _answer(value: JSON) -> Content | None:
    if type(value) is list and _are_messages(value):
        newest = object_in(value[-1])
        return words_of(newest) if newest.get("role") == "assistant" else None
    told = object_in(value)
    if "choices" in told or type(told.get("output")) is list:
        return answer_in(told)
    if "role" in told:
        return words_of(told) if told["role"] == "assistant" else None
    return _free(value)


def _are_messages(items: list[JSON]) -> bool:
    return bool(items) and all("role" in object_in(item) for item in items)


def _free(value: JSON) -> Content | None:
    """Return what is said in any JSON: where its words usually are, else all of it."""
    if value is None or value in ("", [], {}):
        return None
    for name in _TEXT_NAMES:
        if (text := text_or_none(object_in(value).get(name))) is not None:
            return Content(text)
    if type(value) is str or (type(value) is list and _are_parts(value)):
        return said_in(value, "input or output")
    content = object_in(value).get("content")
    if type(content) is list:
        return said_in(content, "content")
    return Content(orjson.dumps(value).decode(), "json")


def _are_parts(items: list[JSON]) -> bool:
    return all(type(item) is str or "type" in object_in(item) for item in items)
