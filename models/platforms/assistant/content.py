"""What is said in a message's content, whichever way it is told: text, or a list of parts."""

from typing import NamedTuple

from models import JSON
from models.decoding import json_type
from models.errors import BadRecord, Reason
from models.values import list_in, object_in, text_or_none

_Object = dict[str, JSON]


class Content(NamedTuple):
    """What was said.

    Attributes:
        text: the words; may be empty where there are other parts.
        message_type: what it is beside plain text: `attachment`, `refusal`, `withheld`, `json`.
        parts: what kinds of other parts there are, in the platform's words.
    """

    text: str
    message_type: str | None = None
    parts: tuple[str, ...] = ()


#: What is said of words that are kept back.
WITHHELD = "withheld"

#: Parts whose text is shown, and in which field it is.
_TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
#: Parts that nobody sees.
_UNSEEN = frozenset(
    {"think", "thinking", "redacted_thinking", "reasoning", "agent_update", "summary_text", "error"}
    | {"tool_call", "tool_calls", "tool_use", "tool_result", "function_call", "function_call_output"}
)


def said_in(content: JSON, field: str) -> Content | None:
    """Return what is said in text or in parts, text parts one a line; None for nothing.

    Raises:
        BadRecord: it is neither text nor a list nor null.
    """
    if type(content) is str:
        return Content(content) if content else None
    if content is None:
        return None
    if type(content) is not list:
        raise BadRecord(
            Reason.WRONG_TYPE, f"{field}: expected a string or a list of parts, got {json_type(content)}"
        )
    return _said_in_parts(content)


def last_of_role(messages: JSON, role: str) -> _Object | None:
    """Return the newest item, if it is of this role; None where something else was said since."""
    items = list_in(messages)
    newest = object_in(items[-1]) if items else {}
    return newest if newest.get("role") == role else None


def _said_in_parts(content: list[JSON]) -> Content | None:
    lines: list[str] = []
    others: list[str] = []
    refusals = 0
    for part in content:
        if type(part) is str:
            lines.append(part)
            continue
        told = object_in(part)
        kind = text_or_none(told.get("type")) or ("text" if "text" in told else "part")
        if (name := _TEXTS.get(kind)) is not None:
            lines += filter(None, (_text_of(told.get(name)),))
            refusals += kind == "refusal"
        elif kind not in _UNSEEN:
            others.append(kind)
    text = "\n".join(lines)
    if not text and not others:
        return None
    is_refusal = refusals == len(lines) and bool(lines)
    message_type = "attachment" if not text else "refusal" if is_refusal else None
    return Content(text, message_type, tuple(others))


def _text_of(value: JSON) -> str | None:
    """Return a part's text, which some have in an object with its annotations."""
    return text_or_none(object_in(value).get("value")) if type(value) is dict else text_or_none(value)
