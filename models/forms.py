"""The questions of a form, as its JSON has them: `surveys.form`, as a builder of forms wrote it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Groups of questions hold groups; deeper than this is no form.
_DEPTH_MAX = 20


class FormField(NamedTuple):
    """A question of a form.

    Attributes:
        ref: what the form calls it.
        type: what kind of question: `multiple_choice`, `short_text`.
        title: as it is asked.
        choices: the answers that it offers; none where any is taken.
    """

    ref: str
    type: str
    title: str
    choices: tuple[str, ...]


def fields_of(form: str | None) -> list[FormField]:
    """Return the questions of a form in their order, those in groups too; none of what is not a form."""
    try:
        parsed = orjson.loads(form or "null")
    except orjson.JSONDecodeError:
        return []
    return list(_fields(parsed, _DEPTH_MAX))


def _fields(holder: Any, depth: int) -> Iterator[FormField]:
    fields = holder.get("fields") if isinstance(holder, dict) else None
    for field in fields if isinstance(fields, list) and depth else ():
        if not isinstance(field, dict):
            continue
        properties = field.get("properties")
        if isinstance(ref := field.get("ref"), str):
            yield FormField(ref, _text(field.get("type")), _text(field.get("title")), _choices(properties))
        yield from _fields(properties, depth - 1)


def _choices(properties: Any) -> tuple[str, ...]:
    choices = properties.get("choices") if isinstance(properties, dict) else None
    if not isinstance(choices, list):
        return ()
    return tuple(_text(choice.get("label")) for choice in choices if isinstance(choice, dict))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
