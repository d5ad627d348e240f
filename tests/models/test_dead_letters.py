"""A dead letter keeps its source's bytes through the dead-letters topic."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.dead_letters import (
    DeadLetter,
    Header,
    came_at,
    from_record,
    remembered_state,
    remembering_state,
    remembering_when_it_came,
    to_record,
)
from models.errors import BadRecord
from models.states import State
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


# What it remembers


STATE: State = {"forms": ["f1"], "question": "q1", "md": {"pageid": "P1", "said": "a\ufffd"}}


@pytest.mark.parametrize("state", [STATE, {}])
def test_a_dead_letter_brings_the_state_it_was_joined_with_back(state: State) -> None:
    letter = remembering_state(LETTER, state, 10_000)
    assert letter.headers[: len(LETTER.headers)] == LETTER.headers
    put_back = from_record(*to_record(letter)).headers
    assert remembered_state(put_back) == state
    assert remembered_state(LETTER.headers) is None


def test_one_that_dies_again_remembers_the_state_once() -> None:
    once = remembering_state(LETTER, STATE, 10_000)
    assert remembering_state(once, STATE, 10_000) == once


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"md": 1e400}'])
def test_what_is_no_state_is_not_taken_for_one(value: bytes | None) -> None:
    assert remembered_state((("chatlog-state", value),)) is None


def test_a_state_that_does_not_fit_beside_the_record_is_left_out_and_the_detail_says_so() -> None:
    size_bytes = len(to_record(remembering_state(LETTER, STATE, 10_000))[2][-1][1] or b"")
    letter = remembering_state(LETTER, STATE, len(LETTER.value or b"") + size_bytes)
    assert letter.headers == LETTER.headers
    assert letter.detail.startswith(LETTER.detail)
    assert f"without the state that it was joined with, whose {size_bytes} bytes do not fit" in letter.detail


def test_a_record_that_was_put_back_came_when_it_came_first() -> None:
    once = remembering_when_it_came(LETTER, 1_700_000_000_000)
    assert came_at(once.headers, 1_800_000_000_000) == 1_700_000_000_000
    assert remembering_when_it_came(once, came_at(once.headers, 1_800_000_000_000)) == once
    assert came_at(LETTER.headers, 1_800_000_000_000) == 1_800_000_000_000


@pytest.mark.parametrize("value", [None, b"", b"soon", b"-1", b"9" * 5_000, "\u0661".encode()])
def test_what_is_no_time_is_not_taken_for_one(value: bytes | None) -> None:
    assert came_at((("chatlog-came", value),), 17) == 17
