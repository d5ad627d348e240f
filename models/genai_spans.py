"""Spans of OpenTelemetry to turns of an assistant, by its semantic conventions for generative AI. Pure.

Visible is what the person said, if it is the newest thing that was said to the model, and the text that it
answered: neither instructions nor tools, nor what is said beside a call of a tool.

An agent and its steps tell the same: the first step the question, the last it with the answer, as the agent's
own span does. Steps end first, and most come in a request before the agent's. So what was said is known by
its trace and its words, and not by its span: in whatever parts it is told, it is one question and one answer.
Therefore the same words within one trace count once; in another trace they are said again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from models.genai_messages import messages_of
from models.values import text_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models import JSON
    from models.genai_messages import Utterance

#: What a model is asked to say; embeddings, tools and the making of agents are no turns.
_AGENT = "invoke_agent"
_OPERATIONS = {"chat", "text_completion", "generate_content", _AGENT}
#: Who speaks, as conventions call them; '' is a prompt of nobody in particular. Some have tools' results as a
#: person's message, without text.
_PERSON, _TOOLS = {"user", ""}, {"tool", "function"}
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
    """What a span tells of a turn: a question, an answer, or both.

    Attributes:
        session: what it belongs to: the conversation, else the session, else the trace.
        question_id: which question it is about; None where that is not known.
        answer_id: which answer; None where there is none.
        asked: when, in ms since 1970.
        question: what was asked; None where that is not known.
        answer: what was answered; None where nothing was shown.
        response_ms: how long it took; None of a span that has not ended, or that is a part of it.
        person: who asked, as far as told.
        model: which answered.
        program: which program it was asked by.
        error: what went wrong, in a word.
        metadata: what else is worth keeping.
    """

    session: str
    question_id: str | None
    answer_id: str | None
    asked: int
    question: str | None
    answer: str | None
    response_ms: int | None = None
    person: str | None = None
    model: str | None = None
    program: str | None = None
    error: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)


def turns_in(spans: Sequence[Span]) -> list[SpanTurn]:
    """Return what the spans of one request tell of turns, in the order in which it was asked.

    Below a span that tells a question with its answer nothing is taken, if it is in this request too: what an
    agent asks another is nothing that a person said.
    """
    told = {span.span_id: turn for span in spans if (turn := turn_of(span)) is not None}
    whole = {span_id for span_id, turn in told.items() if turn.question and turn.answer}
    above = {span.span_id: span.parent_id for span in spans}
    turns = [
        turn for span_id, turn in told.items() if not any(up in whole for up in _ancestors(span_id, above))
    ]
    return sorted(turns, key=lambda turn: turn.asked)


def turn_of(span: Span) -> SpanTurn | None:
    """Return the turn that a span tells by itself; None where nothing was said that a person sees."""
    attributes = span.attributes
    operation = attributes.get("gen_ai.operation.name", "chat")
    if operation not in _OPERATIONS:
        return None
    asked, answered = messages_of(span)
    about, is_newest = _question_in(asked)
    # A step after a tool tells the rest of an answer that began before; an agent's span tells all of it.
    is_whole = about is not None and (is_newest or operation == _AGENT)
    answer = "\n".join(said.text for said in answered if said.text and not said.calls) or None
    if answer is None and not is_whole:
        return None
    return SpanTurn(
        session=_session_of(span),
        question_id=_id(span, about),
        answer_id=_id(span, answer),
        asked=span.start_ns // 1_000_000,
        # Told with each answer: whichever span comes first, an answer has what it answers.
        question=about,
        answer=answer,
        response_ms=(span.end_ns - span.start_ns) // 1_000_000
        if is_whole and span.end_ns >= span.start_ns
        else None,
        person=_first_text(attributes, "user.id", "enduser.id"),
        model=_first_text(attributes, "gen_ai.response.model", "gen_ai.request.model"),
        program=_first_text(attributes, "service.name"),
        error=text_or_none(attributes.get("error.type")) or ("error" if span.is_error else None),
        metadata={
            ours: attributes[theirs] for theirs, ours in _KEPT.items() if attributes.get(theirs) is not None
        }
        | {"trace_id": span.trace_id},
    )


def _question_in(asked: Sequence[Utterance]) -> tuple[str | None, bool]:
    """Return what the person said last, and whether it is the newest.

    None is where something was answered since; calls of tools and their results are no answer.
    """
    is_newest = True
    for said in reversed(asked):
        if said.role in _PERSON and said.text:
            return said.text, is_newest
        if said.role not in _PERSON:
            is_newest = False
            if said.role not in _TOOLS and said.text and not said.calls:
                break
    return None, False


def _id(span: Span, text: str | None) -> str | None:
    if text is None:
        return None
    return f"{span.trace_id}-{sha256(text.strip().encode(errors='surrogatepass')).hexdigest()[:16]}"


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
