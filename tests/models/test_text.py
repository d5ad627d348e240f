"""Sanitising replaces what PostgreSQL cannot hold, and nothing else."""

from typing import Any

import pytest
from hypothesis import given

from models.text import clean_json, clean_text, decode_text
from tests.models import strategies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a\x00b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("😀", "😀"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("\ufffd\ufffe\uffff\x01", "\ufffd\ufffe\uffff\x01"),
        (r"\u0000", r"\u0000"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert clean_text(text) == expected


@given(strategies.any_text)
def test_clean_text_is_storable_and_as_long_as_before(text: str) -> None:
    cleaned = clean_text(text)
    assert "\0" not in cleaned
    assert len(cleaned.encode().decode()) == len(text)
    assert clean_text(cleaned) == cleaned


@given(strategies.clean_json)
def test_clean_json_leaves_clean_values_alone(value: Any) -> None:
    assert clean_json(value) == value


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2**64 - 1, 2**64 - 1),
        (2**64, 2.0**64),
        (-(2**63), -(2**63)),
        (-(2**63) - 1, -(2.0**63)),
        (True, True),
    ],
)
def test_clean_json_has_no_whole_number_that_cannot_be_written(number: int, expected: float) -> None:
    cleaned: Any = clean_json({"n": [number]})
    assert repr(cleaned) == repr({"n": [expected]})


def test_clean_json_refuses_a_number_that_is_no_float() -> None:
    with pytest.raises(ValueError, match="too large"):
        clean_json([10**400])


def test_clean_json_reaches_every_key_and_value() -> None:
    unclean: Any = {"\0": ["\0", {"a\ud800": {"b": "\udfff"}}], "n": 1, "f": 0.5, "t": True, "none": None}
    assert clean_json(unclean) == {
        "\ufffd": ["\ufffd", {"a\ufffd": {"b": "\ufffd"}}],
        "n": 1,
        "f": 0.5,
        "t": True,
        "none": None,
    }


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ""),
        ("مرحبا 😀".encode(), "مرحبا 😀"),
        (b"a\x00b", "a\ufffdb"),
        (b"half \xed\xa0\xbd", "half \ufffd"),
        (b"\xff and \xed\xa0\xbd", "\ufffd and \ufffd\ufffd\ufffd"),
    ],
)
def test_bytes_are_text_whatever_they_are(raw: bytes, expected: str) -> None:
    assert decode_text(raw) == expected
