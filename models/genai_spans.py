"""Spans of OpenTelemetry to turns of an assistant, by its semantic conventions for generative AI. Pure.

The conventions changed their mind on where messages are, and instrumentations have stayed at each:

- `gen_ai.input.messages`, `gen_ai.output.messages`: on the span, or on its event
  `gen_ai.client.inference.operation.details`; as values or as JSON in a text (v1.37 and later);
- events `gen_ai.user.message`, `gen_ai.choice`, … (v1.28 to v1.36);
- events `gen_ai.content.prompt`, `gen_ai.content.completion` (before);
- attributes `gen_ai.prompt.0.content`, `gen_ai.completion.0.content` (OpenLLMetry).

Visible is what the person said, if it is the newest thing that was said to the model, and the text that it
answered: neither instructions nor tools. Of a span with such a span above it in one request nothing is taken:
an agent's span has what the person saw, and those below it are its steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import orjson

from models.values import list_in, object_in, text_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models import JSON

#: What a model is asked to say; embeddings, tools and the making of agents are no turns.
_OPERATIONS = {"chat", "text_completion", "generate_content", "invoke_agent"}
_DETAILS = "gen_ai.client.inference.operation.details"
_OF_OPENLLMETRY = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.(role|content)")
#: What else is worth keeping of a span, and how it is called beside a message.
_KEPT = {
    "gen_ai.provider.name": "provider",
    "gen_ai.system": "provider",
    "gen_ai.agent.name": "agent",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
}
#: What a name of a session may not have.
_NOT_IN_NAMES = re.compile(r"[\s/\x00-\x1f\x7f]")
_NAME_MAX = 255


class SpanEvent(NamedTuple):
    """Something that happened within a span."""

    name: str
    attributes: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Span:
    """A span, as far as it tells of a turn.

    Attributes:
        trace_id: in hex, as everywhere in OpenTelemetry.
        span_id: likewise.
        parent_id: of the span above it; '' for none.
        start_ns: since 1970.
        end_ns: likewise; 0 for one that has not ended.
        attributes: of the span.
        events: what happened within.
        is_error: whether it failed.
    """

    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, JSON]
    events: Sequence[SpanEvent] = ()
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class SpanTurn:
    """A turn that a span tells.

    Attributes:
        session: what it belongs to: the conversation, else the session, else the trace.
        id: which turn: the same when the span is sent again.
        asked: when, in ms since 1970.
        question: what was asked; None where nothing new was.
        answer: what was answered; None where nothing was shown.
        response_ms: how long it took; None of a span that has not ended.
        person: who asked, as far as told.
        model: which answered.
        error: what went wrong, in a word.
        metadata: what else is worth keeping.
    """

    session: str
    id: str
    asked: int
    question: str | None
    answer: str | None
    response_ms: int | None = None
    person: str | None = None
    model: str | None = None
    error: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)


def turns_in(spans: Sequence[Span]) -> list[SpanTurn]:
    """Return the turns that the spans of one request tell, in order."""
    told = {span.span_id: turn for span in spans if (turn := turn_of(span)) is not None}
    above = {span.span_id: span.parent_id for span in spans}
    return [
        turn for span_id, turn in told.items() if not any(up in told for up in _ancestors(span_id, above))
    ]


def turn_of(span: Span) -> SpanTurn | None:
    """Return the turn that a span tells by itself; None where nothing was said that a person sees."""
    attributes = span.attributes
    if attributes.get("gen_ai.operation.name", "chat") not in _OPERATIONS:
        return None
    asked, answered = _messages_of(span)
    question, answer = _question_in(asked), _text_in(answered)
    error = text_or_none(attributes.get("error.type")) or ("error" if span.is_error else None)
    if question is None and answer is None:
        return None
    return SpanTurn(
        session=_session_of(span),
        id=f"{span.trace_id}-{span.span_id}",
        asked=span.start_ns // 1_000_000,
        question=question,
        answer=answer,
        response_ms=(span.end_ns - span.start_ns) // 1_000_000 if span.end_ns >= span.start_ns else None,
        person=_first_text(attributes, "user.id", "enduser.id"),
        model=_first_text(attributes, "gen_ai.response.model", "gen_ai.request.model"),
        error=error,
        metadata={
            ours: attributes[theirs] for theirs, ours in _KEPT.items() if attributes.get(theirs) is not None
        }
        | {"trace_id": span.trace_id},
    )


class _Utterance(NamedTuple):
    """A message to a model, or by it."""

    role: str
    text: str | None


def _messages_of(span: Span) -> tuple[list[_Utterance], list[_Utterance]]:
    """Return what was said to the model and what it said, from where the span has it."""
    details = (event.attributes for event in span.events if event.name == _DETAILS)
    for where in (span.attributes, *details):
        asked = _said_in(where.get("gen_ai.input.messages"))
        answered = _said_in(where.get("gen_ai.output.messages"))
        if asked or answered:
            return asked, answered
    return _of_events(span.events) or _of_numbered(span.attributes)


def _said_in(value: JSON) -> list[_Utterance]:
    """Return messages that are given as values, or as JSON in a text."""
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return []
    return [_said(object_in(message)) for message in list_in(value)]


def _said(message: dict[str, JSON]) -> _Utterance:
    parts = list_in(message.get("parts"))
    content = message.get("content")
    texts = _texts_in(parts) if parts else _texts_in([content] if type(content) is str else list_in(content))
    return _Utterance(text_or_none(message.get("role")) or "", "\n".join(texts) or None)


def _texts_in(parts: Iterable[JSON]) -> list[str]:
    """Return what is text among the parts of a message: those of newer conventions, and of OpenAI."""
    found = []
    for part in parts:
        if type(part) is str:
            found.append(part)
        elif (each := object_in(part)).get("type", "text") == "text":
            found.append(text_or_none(each.get("content")) or text_or_none(each.get("text")) or "")
    return [text for text in found if text]


def _of_events(events: Sequence[SpanEvent]) -> tuple[list[_Utterance], list[_Utterance]] | None:
    asked: list[_Utterance] = []
    answered: list[_Utterance] = []
    for event in events:
        match event.name.split("."):
            case ["gen_ai", "choice"]:
                message = object_in(_parsed(event.attributes.get("message")))
                answered.append(_said(message or {**event.attributes}))
            case ["gen_ai", "content", "prompt"]:
                asked += _prompt_in(event.attributes.get("gen_ai.prompt"), "user")
            case ["gen_ai", "content", "completion"]:
                answered += _prompt_in(event.attributes.get("gen_ai.completion"), "assistant")
            case ["gen_ai", role, "message"]:
                asked.append(_said({"role": role, **event.attributes}))
            case _:
                continue
    return (asked, answered) if asked or answered else None


def _prompt_in(value: JSON, role: str) -> list[_Utterance]:
    messages = _said_in(value)
    text = text_or_none(value)
    return messages or ([_Utterance(role, text)] if text else [])


def _parsed(value: JSON) -> JSON:
    if type(value) is not str:
        return value
    try:
        parsed: JSON = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {"content": value}
    return parsed if type(parsed) is dict else {"content": value}


def _of_numbered(attributes: Mapping[str, JSON]) -> tuple[list[_Utterance], list[_Utterance]]:
    found: dict[tuple[str, int], dict[str, JSON]] = {}
    for name, value in attributes.items():
        if match := _OF_OPENLLMETRY.fullmatch(name):
            what, number, part = match.groups()
            found.setdefault((what, int(number)), {})[part] = value
    in_order = sorted(found.items())
    return (
        [_said(message) for (what, _), message in in_order if what == "prompt"],
        [_said(message) for (what, _), message in in_order if what == "completion"],
    )


def _question_in(asked: Sequence[_Utterance]) -> str | None:
    """Return what the person said, if nothing was said to the model after it."""
    return asked[-1].text if asked and asked[-1].role in {"user", ""} else None


def _text_in(answered: Sequence[_Utterance]) -> str | None:
    return "\n".join(said.text for said in answered if said.text) or None


def _session_of(span: Span) -> str:
    named = _first_text(span.attributes, "gen_ai.conversation.id", "session.id") or span.trace_id
    if _NOT_IN_NAMES.search(named):
        named = quote(named, safe="")
    return named[:_NAME_MAX]


def _first_text(attributes: Mapping[str, JSON], *names: str) -> str | None:
    return next((text for name in names if (text := text_or_none(attributes.get(name)))), None)


def _ancestors(span_id: str, above: Mapping[str, str]) -> Iterable[str]:
    seen = {span_id}
    while (span_id := above.get(span_id, "")) and span_id not in seen:
        seen.add(span_id)
        yield span_id
