"""What was said to a model and by it, from wherever a span has it, by all conventions so far. Pure.

The conventions changed their mind on where messages are, and instrumentations have stayed at each:

- `gen_ai.input.messages`, `gen_ai.output.messages`: on the span, or on its event
  `gen_ai.client.inference.operation.details`; as values or as JSON in a text (v1.37 and later);
- events `gen_ai.user.message`, `gen_ai.choice`, … (v1.28 to v1.36);
- events `gen_ai.content.prompt`, `gen_ai.content.completion` (before);
- attributes `gen_ai.prompt.0.content`, `gen_ai.completion.0.content` (OpenLLMetry).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

from models.values import list_in, object_in, text_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models import JSON
    from models.genai_spans import Span, SpanEvent

_DETAILS = "gen_ai.client.inference.operation.details"
_OF_OPENLLMETRY = re.compile(
    r"gen_ai\.(prompt|completion)\.(\d+)\.(role|content|finish_reason|tool_calls)(?:\..+)?"
)
#: What parts of a message are calls of tools, and how a message ends that is to be followed by their results.
_CALLS = {"tool_call", "tool_calls", "tool_use", "function_call"}


class Utterance(NamedTuple):
    """A message to a model, or by it.

    Attributes:
        role: who spoke; '' for nobody in particular.
        text: what was said; None for no text.
        calls: whether it ends by calling tools, so that more is to come.
    """

    role: str
    text: str | None
    calls: bool = False


def messages_of(span: Span) -> tuple[list[Utterance], list[Utterance]]:
    """Return what was said to the model and what it said, from where the span has it."""
    details = (event.attributes for event in span.events if event.name == _DETAILS)
    for where in (span.attributes, *details):
        asked = _said_in(where.get("gen_ai.input.messages"))
        answered = _said_in(where.get("gen_ai.output.messages"))
        if asked or answered:
            return asked, answered
    return _of_events(span.events) or _of_numbered(span.attributes)


def _said_in(value: JSON) -> list[Utterance]:
    """Return messages that are given as values, or as JSON in a text."""
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return []
    return [_said(object_in(message)) for message in list_in(value)]


def _said(message: dict[str, JSON]) -> Utterance:
    parts = list_in(message.get("parts"))
    content = message.get("content")
    texts = _texts_in(parts) if parts else _texts_in([content] if type(content) is str else list_in(content))
    return Utterance(
        text_or_none(message.get("role")) or "",
        "\n".join(texts) or None,
        calls=_ends_in_calls(message, parts),
    )


def _ends_in_calls(message: dict[str, JSON], parts: Sequence[JSON]) -> bool:
    """Tell whether a message ends by calling tools: what a provider called within it is over."""
    if (text_or_none(message.get("finish_reason")) or "").lower() in _CALLS or message.get("tool_calls"):
        return True
    return bool(parts) and object_in(parts[-1]).get("type") in _CALLS


def _texts_in(parts: Iterable[JSON]) -> list[str]:
    """Return what is text among the parts of a message: those of newer conventions, and of OpenAI."""
    found = []
    for part in parts:
        if type(part) is str:
            found.append(part)
        elif (each := object_in(part)).get("type", "text") == "text":
            found.append(text_or_none(each.get("content")) or text_or_none(each.get("text")) or "")
    return [text for text in found if text]


def _of_events(events: Sequence[SpanEvent]) -> tuple[list[Utterance], list[Utterance]] | None:
    asked: list[Utterance] = []
    answered: list[Utterance] = []
    for event in events:
        match event.name.split("."):
            case ["gen_ai", "choice"]:
                answered.append(
                    _said({**event.attributes} | object_in(_parsed(event.attributes.get("message"))))
                )
            case ["gen_ai", "content", "prompt"]:
                asked += _prompt_in(event.attributes.get("gen_ai.prompt"), "user")
            case ["gen_ai", "content", "completion"]:
                answered += _prompt_in(event.attributes.get("gen_ai.completion"), "assistant")
            case ["gen_ai", role, "message"]:
                asked.append(_said({"role": role, **event.attributes}))
            case _:
                continue
    return (asked, answered) if asked or answered else None


def _prompt_in(value: JSON, role: str) -> list[Utterance]:
    messages = _said_in(value)
    text = text_or_none(value)
    return messages or ([Utterance(role, text)] if text else [])


def _parsed(value: JSON) -> JSON:
    if type(value) is not str:
        return value
    try:
        parsed: JSON = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {"content": value}
    return parsed if type(parsed) is dict else {"content": value}


def _of_numbered(attributes: Mapping[str, JSON]) -> tuple[list[Utterance], list[Utterance]]:
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
