"""A dead letter: a record that can never be stored, with why, and everything needed to put it back.

It travels as a record of the dead-letters topic whose key and value are the source's own bytes. What we add
is in headers of ours, always all of them and always first, so that the source's own headers follow unchanged,
even those that are named like ours (a dead letter that died again). Writing, keeping and replaying dead
letters is done elsewhere.

What became of a record may hang on more than its bytes: on the state its user had, on when it came. So that
it becomes the same when it is put back, whenever that is, a dead letter remembers this beside the source's
headers, and its reader asks for it there. Kept and put back like any other header, it outlives a second
death.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import orjson

from models.decoding import decode_object
from models.errors import BadRecord, Reason
from models.states import State
from models.text import clean_text

#: Kafka allows a name to come twice, and a value to be null.
Header: TypeAlias = tuple[str, bytes | None]

REASON = "chatlog-reason"
DETAIL = "chatlog-detail"
TOPIC = "chatlog-topic"
PARTITION = "chatlog-partition"
OFFSET = "chatlog-offset"
TIMESTAMP = "chatlog-timestamp"

#: What a record that was put back remembers: the state it was joined with, as JSON, and when it came first.
STATE = "chatlog-state"
CAME = "chatlog-came"

_OURS = (REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIMESTAMP)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that can never be stored.

    Attributes:
        reason: one word for machines, mostly a `Reason`; text, because another version may know others.
        detail: one line for people, without what a message said.
        topic: where the record came from, with `partition` and `offset`.
        partition: the source's partition.
        offset: the source's offset.
        key: the source's key, untouched.
        value: the source's value, untouched.
        headers: the source's headers, in their order.
        timestamp_ms: the source's timestamp, None if it has none.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    timestamp_ms: int | None


def to_record(dead_letter: DeadLetter) -> tuple[bytes | None, bytes | None, list[Header]]:
    """Return the key, value and headers of the dead letter's record."""
    ours = (
        dead_letter.reason,
        dead_letter.detail,
        dead_letter.topic,
        str(dead_letter.partition),
        str(dead_letter.offset),
        "" if dead_letter.timestamp_ms is None else str(dead_letter.timestamp_ms),
    )
    # Cleaned, because a detail may quote what a library said, and nothing is worse than to lose the record to
    # its own reason.
    headers: list[Header] = [
        (name, clean_text(text).encode()) for name, text in zip(_OURS, ours, strict=True)
    ]
    headers.extend(dead_letter.headers)
    return dead_letter.key, dead_letter.value, headers


def from_record(key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> DeadLetter:
    """Return the dead letter that a record of the dead-letters topic holds.

    Raises:
        BadRecord: it isn't one: our headers are not all there and first, or don't hold what they should.
    """
    ours = headers[: len(_OURS)]
    if tuple(name for name, _ in ours) != _OURS:
        raise BadRecord(Reason.MISSING_FIELD, f"not a dead letter: its headers don't begin with {_OURS}")
    reason, detail, topic, partition, offset, timestamp = (_text(name, content) for name, content in ours)
    return DeadLetter(
        reason,
        detail,
        topic,
        _number(PARTITION, partition),
        _number(OFFSET, offset),
        key,
        value,
        tuple((name, content) for name, content in headers[len(_OURS) :]),
        _number(TIMESTAMP, timestamp) if timestamp else None,
    )


def remembering_state(letter: DeadLetter, state: State, max_bytes: int) -> DeadLetter:
    """Return the dead letter with the state that its record was joined with.

    Args:
        letter: of a record that died after the join.
        state: {} counts as well: that nothing was known.
        max_bytes: the most that the letter may take; where it would take more, its detail says so.
    """
    encoded = orjson.dumps(state)
    size_bytes = len(letter.key or b"") + len(letter.value or b"") + len(encoded)
    size_bytes += sum(len(name) + len(value or b"") for name, value in letter.headers)
    if size_bytes > max_bytes:
        return replace(
            letter,
            detail=f"{letter.detail}; without the state that it was joined with, whose {len(encoded)} bytes "
            "do not fit beside it: a replay joins it anew",
        )
    return _remembering(letter, STATE, encoded)


def remembering_when_it_came(letter: DeadLetter, came_ms: int) -> DeadLetter:
    """Return the dead letter with the time when its record came first."""
    return _remembering(letter, CAME, b"%d" % came_ms)


def remembered_state(headers: Sequence[Header]) -> State | None:
    """Return the state that a record that was put back was joined with; None for any other."""
    try:
        return decode_object(_remembered(headers, STATE))
    except BadRecord:
        return None


def came_at(headers: Sequence[Header], timestamp_ms: int) -> int:
    """Return when a record came first: its own timestamp, if it was not put back since."""
    came = _remembered(headers, CAME) or b""
    return int(came) if came.isdigit() and len(came) < 20 else timestamp_ms


def _remembering(letter: DeadLetter, name: str, value: bytes) -> DeadLetter:
    others = tuple(header for header in letter.headers if header[0] != name)
    return replace(letter, headers=(*others, (name, value)))


def _remembered(headers: Sequence[Header], name: str) -> bytes | None:
    return next((value for header, value in headers if header == name), None)


def _text(name: str, content: bytes | None) -> str:
    try:
        return clean_text((content or b"").decode())
    except UnicodeDecodeError:
        raise BadRecord(Reason.WRONG_TYPE, f"header {name}: not UTF-8") from None


def _number(name: str, text: str) -> int:
    if text.removeprefix("-").isdecimal() and len(text) < 20:
        return int(text)
    raise BadRecord(Reason.WRONG_TYPE, f"header {name}: expected a whole number")
