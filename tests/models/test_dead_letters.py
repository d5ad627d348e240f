"""A dead letter keeps its source's bytes through the dead-letters topic."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.dead_letters import DeadLetter, Header, from_record, to_record
from models.errors import BadRecord
from tests.models.strategies import clean_text

OUR_NAMES = [
    "chatlog-reason",
    "chatlog-detail",
    "chatlog-topic",
    "chatlog-partition",
    "chatlog-offset",
    "chatlog-timestamp",
]

LETTER = DeadLetter(
    reason="missing_field",
    detail="sender.id: missing or empty",
    topic="vlab-local-chat-events",
    partition=3,
    offset=12345,
    key=b"U1",
    value=b'{"message": {"text": "hi"}}',
    headers=(("trace", b"1"), ("trace", None), ("chatlog-reason", b"an older one")),
    timestamp_ms=1_700_000_000_000,
)

dead_letters = st.builds(
    DeadLetter,
    reason=clean_text,
    detail=clean_text,
    topic=clean_text,
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(st.sampled_from(OUR_NAMES) | clean_text, st.none() | st.binary()), max_size=8
    ).map(tuple),
    timestamp_ms=st.none() | st.integers(-1, 2**62),
)


@given(dead_letters)
def test_a_dead_letter_comes_back_as_it_was(letter: DeadLetter) -> None:
    assert from_record(*to_record(letter)) == letter


@given(dead_letters)
def test_a_dead_letter_that_dies_again_still_holds_the_first(letter: DeadLetter) -> None:
    key, value, headers = to_record(letter)
    again = DeadLetter("later", "", "dead-letters", 0, 0, key, value, tuple(headers), None)
    assert from_record(*to_record(again)) == again
    assert from_record(again.key, again.value, again.headers) == letter


def test_key_and_value_are_untouched_and_our_headers_come_first() -> None:
    assert to_record(LETTER) == (
        b"U1",
        b'{"message": {"text": "hi"}}',
        [
            ("chatlog-reason", b"missing_field"),
            ("chatlog-detail", b"sender.id: missing or empty"),
            ("chatlog-topic", b"vlab-local-chat-events"),
            ("chatlog-partition", b"3"),
            ("chatlog-offset", b"12345"),
            ("chatlog-timestamp", b"1700000000000"),
            ("trace", b"1"),
            ("trace", None),
            ("chatlog-reason", b"an older one"),
        ],
    )


def test_a_tombstone_stays_one() -> None:
    key, value, headers = to_record(replace(LETTER, key=None, value=None))
    assert (key, value) == (None, None)
    assert from_record(key, value, headers).value is None


def test_a_detail_that_no_database_can_hold_does_not_lose_the_record() -> None:
    unclean = replace(LETTER, detail="bad \0 byte and half an emoji \ud83d")
    assert from_record(*to_record(unclean)) == replace(
        LETTER, detail="bad \ufffd byte and half an emoji \ufffd"
    )


GOOD = to_record(LETTER)[2]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("trace", b"1")],
        GOOD[:5],
        [*reversed(GOOD[:6])],
        [("trace", b"1"), *GOOD],
        [*GOOD[:3], ("chatlog-partition", b"three"), *GOOD[4:]],
        [*GOOD[:3], ("chatlog-partition", None), *GOOD[4:]],
        [*GOOD[:4], ("chatlog-offset", b"1_0"), *GOOD[5:]],
        [*GOOD[:4], ("chatlog-offset", b"9" * 5000), *GOOD[5:]],
        [*GOOD[:5], ("chatlog-timestamp", b"1.5"), *GOOD[6:]],
        [("chatlog-reason", b"\xff"), *GOOD[1:]],
    ],
)
def test_a_record_that_is_no_dead_letter_is_refused(headers: list[Header]) -> None:
    with pytest.raises(BadRecord):
        from_record(b"key", b"value", headers)


@given(st.lists(st.tuples(st.sampled_from(OUR_NAMES) | st.text(), st.none() | st.binary()), max_size=8))
def test_any_headers_are_a_dead_letter_or_a_bad_record(headers: list[Header]) -> None:
    with suppress(BadRecord):
        assert from_record(None, None, headers).headers == tuple(headers[6:])
