"""The chat-log topic's records: what is accepted, what is refused, and that nothing changes on the way."""

import json
import uuid
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decoding import MAX_DEPTH
from models.entries import ChatLogEntry, Direction, decode_entry, encode_entries, encode_entry
from models.errors import BadRecord, Reason
from models.fields import INDEXED_MAX_BYTES, TIMESTAMP_MAX_MS
from models.text import clean_json as cleaned
from tests.models.columns import COLUMNS, values
from tests.models.strategies import any_json, as_bytes, clean_json, clean_text, nested

LEAST: dict[str, Any] = {"userid": "U1", "timestamp": 1_700_000_000_000, "direction": "user", "content": "hi"}
ABSENT = object()

entries = st.builds(
    ChatLogEntry,
    userid=clean_text.filter(bool),
    pageid=st.none() | clean_text,
    timestamp=st.integers(0, TIMESTAMP_MAX_MS),
    direction=st.sampled_from(Direction),
    content=clean_text,
    question_ref=st.none() | clean_text,
    shortcode=st.none() | clean_text,
    surveyid=st.none() | st.uuids().map(str),
    message_type=st.none() | clean_text,
    raw_payload=clean_json,
    metadata=clean_json,
)


def record(**changes: Any) -> bytes:
    return as_bytes({name: value for name, value in (LEAST | changes).items() if value is not ABSENT})


def test_the_fields_are_the_columns_of_the_table_in_order() -> None:
    assert list(COLUMNS) == [
        "userid",
        "pageid",
        "timestamp",
        "direction",
        "content",
        "question_ref",
        "shortcode",
        "surveyid",
        "message_type",
        "raw_payload",
        "metadata",
    ]


def test_an_entry_is_encoded_by_name_with_the_timestamp_in_ms_and_the_survey_as_text() -> None:
    entry = ChatLogEntry(
        "U1",
        "P1",
        1_700_000_000_123,
        Direction.BOT,
        "How old are you? 😀",
        "q1",
        "baseline",
        "0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e",
        "number",
        {"message": {"text": "How old are you? 😀"}},
        None,
    )
    assert orjson.loads(encode_entry(entry)) == {
        "userid": "U1",
        "pageid": "P1",
        "timestamp": 1_700_000_000_123,
        "direction": "bot",
        "content": "How old are you? 😀",
        "question_ref": "q1",
        "shortcode": "baseline",
        "surveyid": "0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e",
        "message_type": "number",
        "raw_payload": {"message": {"text": "How old are you? 😀"}},
        "metadata": None,
    }


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: ChatLogEntry) -> None:
    assert values(decode_entry(encode_entry(entry))) == values(entry)


@given(st.lists(entries, max_size=5))
def test_a_list_of_entries_is_encoded_as_each_of_them(some: list[ChatLogEntry]) -> None:
    decoded = [decode_entry(encode_entry(entry)) for entry in some]
    each = [orjson.loads(encode_entry(entry)) for entry in some]
    assert orjson.loads(encode_entries(some)) == each
    assert orjson.loads(encode_entries(decoded)) == each


def test_the_least_record_is_an_entry_with_the_rest_null() -> None:
    least = ChatLogEntry(
        "U1", None, 1_700_000_000_000, Direction.USER, "hi", None, None, None, None, None, None
    )
    assert values(decode_entry(record())) == values(least)


def test_the_key_is_the_primary_key() -> None:
    assert decode_entry(record()).key == ("U1", 1_700_000_000_000, Direction.USER)


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"content": ""}, "content", ""),
        ({"content": "true"}, "content", "true"),
        ({"content": '{"a":1}'}, "content", '{"a":1}'),
        ({"content": "a\0b"}, "content", "a\ufffdb"),
        ({"content": "\ud83d"}, "content", "\ufffd"),
        ({"content": "مرحبا 😀"}, "content", "مرحبا 😀"),
        ({"userid": 1800244896727776}, "userid", "1800244896727776"),
        ({"userid": 0}, "userid", "0"),
        ({"userid": "é" * (INDEXED_MAX_BYTES // 2)}, "userid", "é" * (INDEXED_MAX_BYTES // 2)),
        ({"pageid": 42}, "pageid", "42"),
        ({"pageid": None}, "pageid", None),
        ({"pageid": ""}, "pageid", ""),
        ({"shortcode": 7}, "shortcode", "7"),
        ({"question_ref": -7}, "question_ref", "-7"),
        ({"timestamp": 0}, "timestamp", 0),
        ({"timestamp": 1.7e12}, "timestamp", 1_700_000_000_000),
        ({"timestamp": TIMESTAMP_MAX_MS}, "timestamp", TIMESTAMP_MAX_MS),
        ({"direction": "bot"}, "direction", Direction.BOT),
        ({"surveyid": ""}, "surveyid", None),
        ({"surveyid": None}, "surveyid", None),
        (
            {"surveyid": "0F5F4B6E-6F0A-4B60-9C3D-1F2A3B4C5D6E"},
            "surveyid",
            "0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e",
        ),
        (
            {"surveyid": "{0f5f4b6e6f0a4b609c3d1f2a3b4c5d6e}"},
            "surveyid",
            "0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e",
        ),
        ({"message_type": "quick_reply"}, "message_type", "quick_reply"),
        ({"raw_payload": [1, "x", None]}, "raw_payload", [1, "x", None]),
        ({"raw_payload": "text"}, "raw_payload", "text"),
        ({"metadata": {}}, "metadata", {}),
        ({"metadata": False}, "metadata", False),
        ({"metadata": {"a\0": "\0"}}, "metadata", {"a\ufffd": "\ufffd"}),
        ({"added_later": {"by": "another version"}}, "content", "hi"),
    ],
)
def test_what_any_producer_may_write(changes: dict[str, Any], field: str, expected: Any) -> None:
    assert values(decode_entry(record(**changes)))[field] == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"userid": ABSENT}, Reason.MISSING_FIELD),
        ({"userid": None}, Reason.MISSING_FIELD),
        ({"userid": ""}, Reason.MISSING_FIELD),
        ({"userid": True}, Reason.WRONG_TYPE),
        ({"userid": 1.0}, Reason.WRONG_TYPE),
        ({"userid": ["U1"]}, Reason.WRONG_TYPE),
        ({"userid": 99999999999999999999}, Reason.WRONG_TYPE),
        ({"userid": "x" * (INDEXED_MAX_BYTES + 1)}, Reason.TOO_LARGE),
        ({"userid": "é" * (INDEXED_MAX_BYTES // 2 + 1)}, Reason.TOO_LARGE),
        ({"shortcode": "😀" * (INDEXED_MAX_BYTES // 4 + 1)}, Reason.TOO_LARGE),
        ({"shortcode": False}, Reason.WRONG_TYPE),
        ({"pageid": {}}, Reason.WRONG_TYPE),
        ({"question_ref": 1.5}, Reason.WRONG_TYPE),
        ({"timestamp": ABSENT}, Reason.MISSING_FIELD),
        ({"timestamp": None}, Reason.MISSING_FIELD),
        ({"timestamp": "1700000000000"}, Reason.WRONG_TYPE),
        ({"timestamp": "2023-11-14T22:13:20.000Z"}, Reason.WRONG_TYPE),
        ({"timestamp": 1.5}, Reason.WRONG_TYPE),
        ({"timestamp": True}, Reason.WRONG_TYPE),
        ({"timestamp": -1}, Reason.TIMESTAMP_OUT_OF_RANGE),
        ({"timestamp": TIMESTAMP_MAX_MS + 1}, Reason.TIMESTAMP_OUT_OF_RANGE),
        ({"timestamp": 1e300}, Reason.TIMESTAMP_OUT_OF_RANGE),
        ({"direction": ABSENT}, Reason.MISSING_FIELD),
        ({"direction": ""}, Reason.UNKNOWN_VALUE),
        ({"direction": "Bot"}, Reason.UNKNOWN_VALUE),
        ({"direction": 1}, Reason.WRONG_TYPE),
        ({"content": ABSENT}, Reason.MISSING_FIELD),
        ({"content": None}, Reason.MISSING_FIELD),
        ({"content": 123}, Reason.WRONG_TYPE),
        ({"content": True}, Reason.WRONG_TYPE),
        ({"surveyid": "not-a-uuid"}, Reason.BAD_UUID),
        ({"surveyid": "0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e\n"}, Reason.BAD_UUID),
        ({"surveyid": "0f5f4b6e_6f0a_4b60_9c3d_1f2a3b4c5d6e"}, Reason.BAD_UUID),
        ({"surveyid": "{0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e"}, Reason.BAD_UUID),
        ({"surveyid": "\u0660" * 32}, Reason.BAD_UUID),
        ({"surveyid": 5}, Reason.WRONG_TYPE),
        ({"message_type": 5}, Reason.WRONG_TYPE),
    ],
)
def test_what_can_never_be_a_row_is_refused_by_the_name_of_its_field(
    changes: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_entry(record(**changes))
    assert refused.value.reason is reason
    assert refused.value.detail.startswith(f"{next(iter(changes))}: ")


@pytest.mark.parametrize("raw", [None, b"", b"[]", b"nonsense"])
def test_what_is_no_object_is_refused(raw: bytes | None) -> None:
    with pytest.raises(BadRecord):
        decode_entry(raw)


def test_every_event_that_can_be_read_can_be_read_inside_an_entry() -> None:
    inside = record(raw_payload=orjson.loads(nested(MAX_DEPTH)))
    again = encode_entry(decode_entry(inside))
    assert values(decode_entry(again)) == values(decode_entry(inside))
    with pytest.raises(BadRecord) as refused:
        decode_entry(record(raw_payload=orjson.loads(nested(MAX_DEPTH + 1))))
    assert refused.value.reason is Reason.TOO_DEEP


@given(
    st.fixed_dictionaries(
        {},
        optional={name: st.sampled_from([LEAST.get(name), "", 1, None]) | any_json for name in COLUMNS},
    )
)
def test_any_object_is_an_entry_or_a_bad_record(value: dict[str, Any]) -> None:
    with suppress(BadRecord):
        entry = decode_entry(as_bytes(value))
        assert values(decode_entry(encode_entry(entry))) == values(entry)


UNTEXTUAL = (
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\x00",
    b"\t",
    b"\x7f",
    b"\xe2\x80\xa8",
)
ESCAPES = (rb"\u0000", rb"\\u0000", rb"\ud83d", rb"\ud83d\ude00", rb"\x", rb"\u12", b"\\")
NUMBERS = (b"1e5", b"1E+400", b"01", b"-", b"-0", b"1.", b".5", b"NaN", b"1e", b"12345678901234567890123")
MARKS = (b'"', b"}", b"]", b"{}", b",", b":", b"nul", b" ")


@given(entries, st.integers(0), st.sampled_from([*UNTEXTUAL, *ESCAPES, *NUMBERS, *MARKS]))
def test_a_record_with_anything_in_it_is_stored_clean_or_refused(
    entry: ChatLogEntry, place: int, odd: bytes
) -> None:
    raw = encode_entry(entry)
    place %= len(raw) + 1
    broken = raw[:place] + odd + raw[place:]
    try:
        decoded = decode_entry(broken)
    except BadRecord:
        return
    stored = encode_entries([decoded])
    assert rb"\u0000" not in stored.replace(rb"\\", b"")
    (found,) = json.loads(stored.decode())
    said = cleaned(json.loads(broken.decode()))
    assert isinstance(said, dict)
    # A hyphen more may be at a place where PostgreSQL allows one.
    said["surveyid"] = said.get("surveyid") and str(uuid.UUID(str(said["surveyid"])))
    assert {name: nearly(found[name]) for name in COLUMNS} == {
        name: nearly(said.get(name)) for name in COLUMNS
    }


def nearly(value: Any) -> Any:
    """The value with numbers beyond 64 bits as the nearest float, which they may have become."""
    if isinstance(value, dict):
        return {name: nearly(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [nearly(inner) for inner in value]
    return float(value) if type(value) is int and not -(2**63) <= value < 2**64 else value
