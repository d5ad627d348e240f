"""What a dead letter holds, for a terminal or as JSON: by size and digest, or in full.

Bytes of strangers are never written to a terminal as they are: it would act on escape sequences in them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.dead_letters.box import KeptDeadLetter


def printable(text: str) -> str:
    """Return text in which everything that is not printable is escaped; line breaks too."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def as_data(letter: KeptDeadLetter, *, content: bool) -> dict[str, Any]:
    """Return a dead letter as JSON can hold it; what it holds by size and digest unless `content`."""
    return {
        "id": letter.id,
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "source_timestamp": letter.source_timestamp,
        "created": letter.created,
        "replayed_at": letter.replayed_at,
        "key": _measure(letter.key, content=content),
        "value": _measure(letter.value, content=content),
        "headers": [
            {"name": name, "value": _measure(value, content=content)} for name, value in letter.headers
        ],
    }


def as_lines(letter: KeptDeadLetter, *, content: bool) -> Iterator[str]:
    """Yield a dead letter line by line, for a person."""
    for name in ("id", "reason", "detail", "topic", "partition", "offset"):
        value = getattr(letter, name)
        yield f"{name:<17} {'–' if value is None else printable(str(value))}"
    for name in ("source_timestamp", "created", "replayed_at"):
        moment = getattr(letter, name)
        yield f"{name.replace('_', ' '):<17} {'–' if moment is None else moment.isoformat(sep=' ')}"
    parts = [("key", letter.key), ("value", letter.value)]
    parts.extend((f"header {printable(name)}", value) for name, value in letter.headers)
    for name, value in parts:
        yield f"{name:<17} {_in_words(value)}"
        if content and value:
            yield from (f"    {line}" for line in readable(value))


def readable(content: bytes) -> Iterator[str]:
    """Yield bytes, line by line, as JSON if they are, else as escaped text, else in hexadecimal."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        yield from (content[start : start + 32].hex(" ") for start in range(0, len(content), 32))
        return
    try:
        value = json.loads(text)
        # Of an object or a list, a layout says more. Digits, a word or a quotation are what was written.
        laid_out = json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else text
    except (ValueError, RecursionError):
        laid_out = text
    yield from map(printable, laid_out.split("\n"))


def _measure(value: bytes | None, *, content: bool) -> dict[str, Any] | None:
    if value is None:
        return None
    measured: dict[str, Any] = {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if content:
        measured["hex"] = value.hex()
        try:
            measured["text"] = value.decode()
        except UnicodeDecodeError:
            return measured
    return measured


def _in_words(value: bytes | None) -> str:
    if value is None:
        return "null"
    return f"{len(value):,} bytes, SHA-256 {hashlib.sha256(value).hexdigest()}"
