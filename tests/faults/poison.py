r"""Records that break naive consumers, each with what must become of it: a row, a dead letter, or nothing.

One function for each topic that a worker reads from others; each gives one record of every kind, by the
kind's name. The rules stand in `models` (decoding, fields, text, platforms), and here again, by example.
Where such records are put, and among what, is the tests' matter.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from models.decoding import MAX_DEPTH
from models.entries import MAX_ENTRY_DEPTH
from models.errors import Reason
from models.fields import INDEXED_MAX_BYTES, TIMESTAMP_MAX_MS
from tests.faults.ledger import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Fate(Enum):
    """What becomes of a record that is no dead letter."""

    ROW = "a row"
    NOTHING = "nothing that can be seen"


#: Its name, what makes it odd, and its fate. Odd are fields (`GONE`: left out), or bytes in place of others.
_Kind: TypeAlias = tuple[str, "dict[str, Any] | tuple[bytes, bytes]", Reason | Fate]

GONE = object()
NOW_MS = 1_760_000_000_000
#: As much as a topic takes that says nothing else (1 MiB), less what Kafka and the fields around it need.
LARGE = 1_048_576 - 1_500
_ROW, _NOTHING = Fate.ROW, Fate.NOTHING


def nested(levels: int) -> Any:
    """Return lists in lists, so many levels of them."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def _numbers(size: int) -> bytes:
    """Return a list in `size` bytes that takes 3.8 times as many when it is written again."""
    return b"[" + b",".join([b"1e15"] * (size // 5)) + b"]"


#: What isn't even a JSON object, wherever it is read.
_NO_OBJECTS: Mapping[str, tuple[bytes | None, Reason]] = {
    "a tombstone": (None, Reason.EMPTY),
    "no bytes": (b"", Reason.EMPTY),
    "spaces": (b" \n", Reason.NOT_JSON),
    "plain text": (b"hello?", Reason.NOT_JSON),
    "cut off": (b'{"userid": "1", "content": "hel', Reason.NOT_JSON),
    "two objects": (b"{}{}", Reason.NOT_JSON),
    "a byte order mark": (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
    "UTF-16": ('{"userid": "1"}'.encode("utf-16"), Reason.NOT_JSON),
    "not UTF-8": (b'{"userid": "\xff\xfe"}', Reason.NOT_JSON),
    "a surrogate in UTF-8": (b'{"userid": "\xed\xa0\xbd"}', Reason.NOT_JSON),
    "a raw line break": (b'{"userid": "a\nb"}', Reason.NOT_JSON),
    "NaN": (b'{"timestamp": NaN}', Reason.NOT_JSON),
    "1e999": (b'{"timestamp": 1e999}', Reason.NOT_JSON),
    "5,000 digits": (b'{"timestamp": ' + b"9" * 5_000 + b"}", Reason.NOT_JSON),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", Reason.NOT_JSON),
    "null": (b"null", Reason.NOT_AN_OBJECT),
    "a string": (b'"{}"', Reason.NOT_AN_OBJECT),
    "a list": (b"[{}]", Reason.NOT_AN_OBJECT),
    "lists in lists": (orjson.dumps(nested(200)), Reason.NOT_AN_OBJECT),
    "nested without end": (b'{"a":' * 100_000, Reason.TOO_DEEP),
    "large, not JSON": (b"{" + b"x" * LARGE, Reason.NOT_JSON),
}

#: Text in a JSON string, and how it is stored: what PostgreSQL cannot hold is replaced, nothing else touched.
_ODD_TEXT: Mapping[str, tuple[bytes, str]] = {
    "NUL": (rb"a\u0000b", "a\ufffdb"),
    "NUL, typed out": (rb"a\\u0000b", r"a\u0000b"),
    "a backslash and NUL": (rb"a\\\u0000b", "a\\\ufffdb"),
    "half an emoji": (rb"a\ud83d", "a\ufffd"),
    "halves in the wrong order": (rb"\ude00\ud83d", "\ufffd\ufffd"),
    "a whole emoji, in halves": (rb"\ud83d\ude00", "😀"),
    "control characters": (rb"\u0001\u001f\u007f\u0085", "\x01\x1f\x7f\x85"),
    "no characters": (rb"\ufffe\uffff\ufdd0", "\ufffe\uffff\ufdd0"),
    "right to left": ("مرحبا \u202e".encode(), "مرحبا \u202e"),
    "quotes": (rb"'; DROP TABLE chat_log; -- \" \\", "'; DROP TABLE chat_log; -- \" \\"),
    "long, in four bytes": ("😀".encode() * 10_000, "😀" * 10_000),
    "large": (b"x" * LARGE, "x" * LARGE),
    "nothing": (b"", ""),
}

_REQUIRED = ("userid", "timestamp", "direction", "content")
_ENTRIES: Iterable[_Kind] = (
    *((f"without {field}", {field: GONE}, Reason.MISSING_FIELD) for field in _REQUIRED),
    *((f"{field} null", {field: None}, Reason.MISSING_FIELD) for field in _REQUIRED),
    *((f"{field} a list", {field: ["x"]}, Reason.WRONG_TYPE) for field in _REQUIRED),
    ("userid empty", {"userid": ""}, Reason.MISSING_FIELD),
    ("userid a fraction", {"userid": 1.5}, Reason.WRONG_TYPE),
    ("userid too long", {"userid": "ü" * (INDEXED_MAX_BYTES // 2 + 1)}, Reason.TOO_LARGE),
    ("shortcode too long", {"shortcode": "x" * (INDEXED_MAX_BYTES + 1)}, Reason.TOO_LARGE),
    ("content a number", {"content": 17}, Reason.WRONG_TYPE),
    ("pageid an object", {"pageid": {}}, Reason.WRONG_TYPE),
    ("direction unknown", {"direction": "both"}, Reason.UNKNOWN_VALUE),
    ("a UUID with a g", {"surveyid": "11111111-2222-3333-4444-55555555555g"}, Reason.BAD_UUID),
    ("a UUID as a number", {"surveyid": 17}, Reason.WRONG_TYPE),
    ("time as a string", {"timestamp": "2026-11-01T00:00:00Z"}, Reason.WRONG_TYPE),
    ("time true", {"timestamp": True}, Reason.WRONG_TYPE),
    ("time with a fraction", {"timestamp": 1.5}, Reason.WRONG_TYPE),
    ("time before 1970", {"timestamp": -1}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("time after 9999", {"timestamp": TIMESTAMP_MAX_MS + 1}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("time in microseconds", {"timestamp": NOW_MS * 1000}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("a level too deep", {"raw_payload": nested(MAX_ENTRY_DEPTH)}, Reason.TOO_DEEP),
    ("as deep as may be", {"raw_payload": nested(MAX_ENTRY_DEPTH - 1)}, _ROW),
    ("time 0", {"timestamp": 0}, _ROW),
    ("the last time", {"timestamp": TIMESTAMP_MAX_MS}, _ROW),
    ("time as a whole float", {"timestamp": float(NOW_MS)}, _ROW),
    ("20,000 keys", {"metadata": {f"key {number}": number for number in range(20_000)}}, _ROW),
    ("a long key", {"metadata": {"k" * 100_000: [1, "v" * 100_000]}}, _ROW),
    ("NUL in a key", (b'"pageid":"1"', rb'"a\u0000":"\ud83d"'), _ROW),
    ("numbers beyond 64 bits", (b'"thing"', b"[123456789012345678901234567890,1e308,-1e-320]"), _ROW),
    ("large when written", (b'"thing"', _numbers(LARGE)), _ROW),
    ("keys twice, the last counts", (b'{"userid"', b'{"content":1,"timestamp":"x","userid"'), _ROW),
)

_EVENTS: Iterable[_Kind] = (
    ("no sender", {"sender": GONE}, Reason.MISSING_FIELD),
    ("sender null", {"sender": None}, Reason.MISSING_FIELD),
    ("sender's id empty", {"sender": {"id": ""}}, Reason.MISSING_FIELD),
    ("sender's id an object", {"sender": {"id": {}}}, Reason.WRONG_TYPE),
    ("sender's id too long", {"sender": {"id": "x" * (INDEXED_MAX_BYTES + 1)}}, Reason.TOO_LARGE),
    ("an echo to nobody", {"message": {"is_echo": True, "text": "x"}, "recipient": {}}, Reason.MISSING_FIELD),
    ("no time", {"timestamp": GONE}, Reason.MISSING_FIELD),
    ("time null", {"timestamp": None}, Reason.MISSING_FIELD),
    ("time as a word", {"timestamp": "soon"}, Reason.WRONG_TYPE),
    ("time as a string", {"timestamp": "1760000000000"}, _ROW),
    ("time in microseconds", {"timestamp": NOW_MS * 1000}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("text a number", {"message": {"text": 17}}, Reason.WRONG_TYPE),
    ("title a list", {"message": None, "postback": {"payload": "x", "title": []}}, Reason.WRONG_TYPE),
    ("a level too deep", {"odd": nested(MAX_DEPTH)}, Reason.TOO_DEEP),
    ("as deep as may be", {"odd": nested(MAX_DEPTH - 1)}, _ROW),
    # What claims to be of the year 9999 must not make the states' clock, or anyone's history, go there.
    ("the last time", {"timestamp": TIMESTAMP_MAX_MS}, _ROW),
    ("time 0", {"timestamp": 0}, _ROW),
    ("a payload that is deep JSON", {"postback": {"title": "x", "payload": '{"a":' * 5_000}}, _ROW),
    ("a payload that is NaN", {"postback": {"title": "x", "payload": '{"referral":NaN}'}}, _ROW),
    ("numbers beyond 64 bits", (b'"thing"', b"[123456789012345678901234567890,1e308,-1e-320]"), _ROW),
    ("large when written", (b'"thing"', _numbers(LARGE)), _ROW),
    ("keys twice, the last counts", (b'{"sender"', b'{"timestamp":"x","message":1,"sender"'), _ROW),
    ("an empty object", {"sender": GONE, "message": GONE, "timestamp": GONE}, _NOTHING),
    ("message a list", {"message": [{"text": "x"}]}, _NOTHING),
    ("a kind to come", {"message": GONE, "hologram": {"text": "x"}}, _NOTHING),
    ("a watermark without anything", {"sender": GONE, "message": GONE, "read": {"watermark": "x"}}, _NOTHING),
)

_STATES: Iterable[_Kind] = (
    ("no userid", {"userid": GONE}, Reason.MISSING_FIELD),
    ("userid too long", {"userid": "x" * (INDEXED_MAX_BYTES + 1)}, Reason.TOO_LARGE),
    ("no time", {"updated": GONE}, Reason.MISSING_FIELD),
    ("time as a string", {"updated": "2026-11-01"}, Reason.WRONG_TYPE),
    ("time after 9999", {"updated": TIMESTAMP_MAX_MS + 1}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("no state", {"state_json": GONE}, Reason.MISSING_FIELD),
    ("state a list", {"state_json": []}, Reason.WRONG_TYPE),
    ("state not JSON", {"state_json": '{"forms": ['}, Reason.NOT_JSON),
    ("state a string of a list", {"state_json": "[]"}, Reason.NOT_AN_OBJECT),
    ("forms a string", {"state_json": {"forms": "x"}}, Reason.WRONG_TYPE),
    ("md a list", {"state_json": {"md": []}}, Reason.WRONG_TYPE),
    ("question an object", {"state_json": {"question": {}}}, Reason.WRONG_TYPE),
    ("state too deep", {"state_json": {"md": {"x": nested(MAX_DEPTH)}}}, Reason.TOO_DEEP),
    ("the last time", {"updated": TIMESTAMP_MAX_MS}, _NOTHING),
    ("time 0", {"updated": 0}, _NOTHING),
    ("NUL in md", {"state_json": {"md": {"a\0": "\0"}}}, _NOTHING),
    ("large", {"state_json": {"md": {"x": "x" * LARGE}}}, _NOTHING),
    ("large when written", (b'"thing"', _numbers(LARGE)), _NOTHING),
)


def poison_entries(tag: str) -> dict[str, Message]:
    """Return records for the chat-log topic; their userids begin with `tag`."""
    found = _no_objects(tag)
    for name, odd, fate in (*_ENTRIES, *_odd_texts(b'"said"')):
        entry = {
            "userid": f"{tag}{name}",
            "timestamp": NOW_MS,
            "direction": "user",
            "content": "said",
            "raw_payload": {"any": "thing"},
            "metadata": {"pageid": "1"},
        }
        found[name] = _message(entry, f"{tag}{name}", odd, fate)
    return found


def poison_events(tag: str) -> dict[str, Message]:
    """Return records for the events topic; the people in them begin with `tag`."""
    found = _no_objects(tag)
    for name, odd, fate in (*_EVENTS, *_odd_texts(b'"said"')):
        event = {
            "sender": {"id": f"{tag}{name}"},
            "recipient": {"id": "page"},
            "timestamp": NOW_MS,
            "message": {"text": "said"},
            "any": "thing",
        }
        found[name] = _message(event, f"{tag}{name}", odd, fate)
    return found


def poison_states(tag: str) -> dict[str, Message]:
    """Return records for the state topic; their userids begin with `tag`."""
    found = _no_objects(tag)
    for name, odd, fate in _STATES:
        state = {
            "userid": f"{tag}{name}",
            "updated": NOW_MS,
            "state_json": {"forms": ["form"], "question": "q", "md": {"any": "thing"}},
        }
        found[name] = _message(state, f"{tag}{name}", odd, fate)
    return found


def stored_text(name: str) -> str | None:
    """Return the content of the row that a kind becomes, where its text is what is odd."""
    return _ODD_TEXT[name][1] if name in _ODD_TEXT else None


def _no_objects(tag: str) -> dict[str, Message]:
    return {
        name: Message(f"{tag}{name}".encode(), value, reason) for name, (value, reason) in _NO_OBJECTS.items()
    }


def _odd_texts(instead_of: bytes) -> Iterable[_Kind]:
    return ((name, (instead_of, b'"' + text + b'"'), _ROW) for name, (text, _) in _ODD_TEXT.items())


def _message(
    good: dict[str, Any], userid: str, odd: dict[str, Any] | tuple[bytes, bytes], fate: Reason | Fate
) -> Message:
    changes = odd if isinstance(odd, dict) else {}
    fields = {name: value for name, value in (good | changes).items() if value is not GONE}
    raw = orjson.dumps(fields)
    if isinstance(odd, tuple):
        raw = raw.replace(*odd, 1)
    if fate is Fate.ROW:
        return Message(userid.encode(), raw, (userid, int(fields["timestamp"]), "user"))
    return Message(userid.encode(), raw, None if fate is Fate.NOTHING else fate)
