"""The parts of a JSON text as they are written, letter for letter: what is passed on must stay as it came.

By the standard library, as others refuse a text for half of a surrogate pair in it, which real clients send.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK = re.compile(r"[ \t\n\r]*")
#: Only where a value ends is asked for; numbers are not worth their reckoning.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def items_of(text: str) -> list[str] | None:
    """Return the items of a list; None if the text is no list."""
    try:
        return [item for _, item in _parts(text, "[", "]")]
    except (ValueError, RecursionError):
        return None


def members_of(text: str) -> dict[str, str] | None:
    """Return the values of an object by their names; None if the text is no object."""
    try:
        return dict(_parts(text, "{", "}"))
    except (ValueError, RecursionError):
        return None


def _parts(text: str, opens: str, closes: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each part; of a list, whose parts have no name, an empty one."""
    at = _expect(text, _after_blank(text, 0), opens)
    if text.startswith(closes, at):
        _expect_end(text, at + 1)
        return
    while True:
        name = ""
        if opens == "{":
            named, at = _DECODER.raw_decode(text, at)
            if type(named) is not str:
                raise ValueError("a name that is no text")
            name, at = named, _expect(text, _after_blank(text, at), ":")
        _, end = _DECODER.raw_decode(text, at)
        yield name, text[at:end]
        at = _after_blank(text, end)
        if text.startswith(closes, at):
            _expect_end(text, at + 1)
            return
        at = _expect(text, at, ",")


def _expect(text: str, at: int, mark: str) -> int:
    """Return where what follows a mark begins."""
    if not text.startswith(mark, at):
        raise ValueError(f"no {mark} at character {at}")
    return _after_blank(text, at + 1)


def _expect_end(text: str, at: int) -> None:
    if _after_blank(text, at) < len(text):
        raise ValueError(f"more than one value, from character {at}")


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()
