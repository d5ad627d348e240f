"""Any bytes become a clean JSON object or a `BadRecord`."""

import json
import math
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decoding import MAX_DEPTH, decode_leniently, decode_object, storable
from models.errors import BadRecord, Reason
from tests.models.strategies import any_json, any_text, as_bytes, nested


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b" ", Reason.NOT_JSON),
        (b"hello", Reason.NOT_JSON),
        (b'{"a": 1', Reason.NOT_JSON),
        (b'{"a": 1,}', Reason.NOT_JSON),
        (b'{"a": 1} {}', Reason.NOT_JSON),
        (b'{"a": NaN}', Reason.NOT_JSON),
        (b'{"a": Infinity}', Reason.NOT_JSON),
        (b'{"a": -Infinity}', Reason.NOT_JSON),
        (b'{"a": 1e400}', Reason.NOT_JSON),
        (b'{"a": ' + b"9" * 5000 + b"}", Reason.NOT_JSON),
        (b'{"a": "\x00"}', Reason.NOT_JSON),
        (b'{"a": "\xff"}', Reason.NOT_JSON),
        (b'{"a": "\xed\xa0\x80"}', Reason.NOT_JSON),
        ('\ufeff{"a": 1}'.encode(), Reason.NOT_JSON),
        ('{"a": 1}'.encode("utf-16"), Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b'"{}"', Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"1.5", Reason.NOT_AN_OBJECT),
        (b"true", Reason.NOT_AN_OBJECT),
        (nested(MAX_DEPTH + 1), Reason.TOO_DEEP),
        # The shortest records of that depth: only objects, and hardly any.
        (b'{"":' * MAX_DEPTH + b"{}" + b"}" * MAX_DEPTH, Reason.TOO_DEEP),
        (b'{"":' + b"[" * (MAX_DEPTH - 1) + b"[]" + b"]" * (MAX_DEPTH - 1) + b"}", Reason.TOO_DEEP),
        (nested(254), Reason.TOO_DEEP),
        (nested(1_024), Reason.TOO_DEEP),
        (nested(1_025), Reason.TOO_DEEP),
        (nested(100_000), Reason.TOO_DEEP),
        (b'{"a":' * 100_000, Reason.TOO_DEEP),
        (b'{"a":' + nested(MAX_DEPTH, b"[", b"]") + b"}", Reason.TOO_DEEP),
        (b'{"s":"\\ud800","a":' + nested(MAX_DEPTH, b"[", b"]") + b"}", Reason.TOO_DEEP),
    ],
)
def test_what_is_no_usable_object_is_refused_with_a_reason(raw: bytes | None, reason: Reason) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_object(raw)
    assert refused.value.reason is reason


def test_the_deepest_accepted_object_can_be_encoded_again_inside_an_entry_inside_a_batch() -> None:
    deepest = decode_object(nested(MAX_DEPTH))
    assert orjson.dumps([{"raw_payload": deepest}])


def test_many_brackets_are_not_depth() -> None:
    assert decode_object(b'{"a": "' + b"[{" * 5000 + b'"}') == {"a": "[{" * 5000}
    assert decode_object(as_bytes({"a": [{}] * 500})) == {"a": [{}] * 500}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a": "x\\u0000y"}', {"a": "x\ufffdy"}),
        (b'{"a\\u0000": [{"b": "\\u0000"}]}', {"a\ufffd": [{"b": "\ufffd"}]}),
        (b'{"a": "\\ud83d"}', {"a": "\ufffd"}),
        (b'{"a": "\\ude00\\ud83d"}', {"a": "\ufffd\ufffd"}),
        (b'{"\\uDFFF": ["\\uD800x"]}', {"\ufffd": ["\ufffdx"]}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a": "😀 مرحبا"}'.encode(), {"a": "😀 مرحبا"}),
        (b'{"a": "typed \\\\u0000 and \\\\ud800"}', {"a": "typed \\u0000 and \\ud800"}),
        (b'{"a": "\\\\\\u0000"}', {"a": "\\\ufffd"}),
        (b'{"a": "\\u0001\\u001f"}', {"a": "\x01\x1f"}),
        (b'{"a\\u0000": 1, "a\\ud800": 2}', {"a\ufffd": 2}),
    ],
)
def test_only_what_no_text_column_can_hold_is_replaced(raw: bytes, expected: Any) -> None:
    assert decode_object(raw) == expected


@pytest.mark.parametrize("surrogate", ["", ', "s": "\\ud800"'], ids=["by orjson", "by json"])
@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854775808", -9223372036854775808),
        ("18446744073709551616", 18446744073709551616.0),
        ("-9223372036854775809", -9223372036854775808.0),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("1e3", 1000.0),
        ("-0", 0),
    ],
)
def test_numbers_become_what_can_be_encoded_again(digits: str, expected: float, surrogate: str) -> None:
    number = decode_object(f'{{"a": {digits}{surrogate}}}'.encode())["a"]
    assert number == expected
    assert type(number) is type(expected)
    assert orjson.loads(orjson.dumps(number)) == expected


def test_a_refusal_says_nothing_of_what_was_in_the_record() -> None:
    for raw in (
        b'{"text": "secret" oops',
        b'{"text": "secret\xff"}',
        b'"secret"',
        b'{"a": 5e999, "b": "secret"}',
    ):
        with pytest.raises(BadRecord) as refused:
            decode_object(raw)
        assert "secret" not in str(refused.value)


@given(st.binary())
def test_any_bytes_are_an_object_or_a_bad_record(raw: bytes) -> None:
    with suppress(BadRecord):
        assert isinstance(decode_object(raw), dict)


@given(st.dictionaries(any_text, any_json, max_size=4))
def test_any_json_object_comes_out_clean_and_encodable(value: dict[str, Any]) -> None:
    decoded = decode_object(as_bytes(value))
    assert orjson.loads(orjson.dumps(decoded)) == decoded
    # Without the backslashes that someone typed, which are doubled.
    written = json.dumps(decoded, ensure_ascii=False).replace("\\\\", "")
    assert not any(unstorable in written for unstorable in ("\\u0000", "\0"))


@given(st.dictionaries(st.text(max_size=5), st.floats() | st.integers(), max_size=3))
def test_numbers_that_are_not_json_never_come_through(value: dict[str, float]) -> None:
    try:
        decoded = decode_object(as_bytes(value))
    except BadRecord:
        assert any(not math.isfinite(number) for number in value.values())
    else:
        assert all(isinstance(number, int | float) and math.isfinite(number) for number in decoded.values())


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (None, []),
        (b"", []),
        (b"{", []),
        (b"[]", []),
        (b'"\xff"', []),
        (b'{"a": 1, "b": 1e400, "c": NaN}', ["a", "b", "c"]),
        (b'{"a": ' + b"9" * 5000 + b"}", ["a"]),
        (nested(900), ["a"]),
        (nested(100_000), []),
        ('{"a": 1}', ["a"]),
    ],
)
def test_what_can_be_read_leniently(raw: bytes | str | None, names: list[str]) -> None:
    assert list(decode_leniently(raw)) == names


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, "x", None]}, {"a": [1, "x", None]}),
        (math.inf, None),
        ({"a": math.nan, "b": 1}, {"a": None, "b": 1}),
        ({"a\0": "\ud83d"}, {"a\ufffd": "\ufffd"}),
        (orjson.loads(nested(MAX_DEPTH - 1)), orjson.loads(nested(MAX_DEPTH - 1))),
        (orjson.loads(nested(MAX_DEPTH)), None),
        (orjson.loads(nested(900)), None),
    ],
)
def test_what_cannot_be_stored_is_null(value: Any, expected: Any) -> None:
    assert storable(value) == expected


@given(any_json)
def test_whatever_can_be_decoded_is_storable_as_it_is(value: Any) -> None:
    raw = as_bytes({"value": value})
    assert storable(decode_leniently(raw)["value"]) == decode_object(raw)["value"]
