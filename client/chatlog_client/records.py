"""What is to be sent, as JSON from the start: what the chat changes of it later is not in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What one request brings at most; the server takes as many.
BATCH_MAX = 100
#: Likewise: half of what the server takes (8 MiB).
BATCH_MAX_BYTES = 4_000_000
#: C code for all: `json.dumps` with options of its own makes an encoder each time.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Record:
    """One thing to send.

    Attributes:
        path: of the request that brings it.
        content: its JSON.
        is_turn: whether many of it can be brought at once.
    """

    path: str
    content: bytes
    is_turn: bool = False


def recorded(names: Sequence[str], app: str | None, told: dict[str, Any], *, is_turn: bool) -> Record:
    """Return a record of what was told.

    Args:
        names: the parts of its address, as they are called.
        app: whose it is; None for whatever app the token is of.
        told: its body, in which None is what is not known.
        is_turn: whether many of it can be brought at once.

    Raises:
        Exception: it is no JSON (a `datetime`, a NaN, itself within itself …): whatever its own objects raise
            is among it.
    """
    path = "/" + "/".join(quote(name, safe="") for name in names)
    given = {name: value for name, value in told.items() if value is not None}
    query = "" if app is None else f"?app={quote(app, safe='')}"
    # Half an emoji is no UTF-8; by its escape it is JSON, of which the server keeps U+FFFD.
    return Record(path + query, _encode(given).encode(errors="backslashreplace"), is_turn)


def first_that_go_together(records: Iterable[Record]) -> list[Record]:
    """Return those of a queue that one request brings: turns, or the first that is none."""
    batch: list[Record] = []
    size_bytes = 0
    for record in records:
        size_bytes += len(record.content)
        if batch and (not record.is_turn or len(batch) == BATCH_MAX or size_bytes > BATCH_MAX_BYTES):
            break
        batch.append(record)
        if not record.is_turn:
            break
    return batch


def content_of(batch: Sequence[Record]) -> bytes:
    """Return the body of the request that brings records.

    One turn goes the way of many: where it goes alone, the server takes whoever brings it for who asked.
    """
    if not batch[0].is_turn:
        return batch[0].content
    return b'{"turns":[' + b",".join(record.content for record in batch) + b"]}"
