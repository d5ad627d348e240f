"""Times as platforms and bots write them: what is plausible is one time, anything else none."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRecord, Reason
from models.fields import SECONDS_MAX, SECONDS_MIN, TIMESTAMP_MAX_MS, required_moment_ms
from models.platforms.messenger import extract_chat_log_entry
from models.states import decode_state
from tests.models.platforms.messenger_events import text
from tests.models.strategies import any_json, as_bytes

#: What is written, and the time in ms that it is.
TIMES: list[tuple[Any, int]] = [
    # ms, as ever
    (1_527_459_824_123, 1_527_459_824_123),
    (1.527459824123e12, 1_527_459_824_123),
    ("1527459824123", 1_527_459_824_123),
    (0, 0),
    ("0", 0),
    (SECONDS_MIN - 1, SECONDS_MIN - 1),
    (SECONDS_MAX + 1, SECONDS_MAX + 1),
    (TIMESTAMP_MAX_MS, TIMESTAMP_MAX_MS),
    # Seconds: the test button of the platform, programs in Python
    ("1527459824", 1_527_459_824_000),
    (1_527_459_824, 1_527_459_824_000),
    (1_527_459_824.0, 1_527_459_824_000),
    (1_527_459_824.123, 1_527_459_824_123),
    (SECONDS_MIN, SECONDS_MIN * 1000),
    (SECONDS_MAX, SECONDS_MAX * 1000),
    # ISO 8601, which says itself what it means
    ("2018-05-27T22:23:44.123Z", 1_527_459_824_123),
    ("2018-05-28T00:23:44.1239+02:00", 1_527_459_824_123),
    ("2018-05-27 22:23:44Z", 1_527_459_824_000),
    ("1970-02-01T00:00:00Z", 2_678_400_000),
    ("9999-12-31T23:59:59.999Z", TIMESTAMP_MAX_MS),
]

#: What nobody can tell the time of.
NO_TIMES: list[tuple[Any, Reason]] = [
    (None, Reason.MISSING_FIELD),
    ("", Reason.WRONG_TYPE),
    ("soon", Reason.WRONG_TYPE),
    ("-5", Reason.WRONG_TYPE),
    ("1527459824.123", Reason.WRONG_TYPE),
    (" 1527459824", Reason.WRONG_TYPE),
    ("1e9", Reason.WRONG_TYPE),
    ("\u0661\u0665", Reason.WRONG_TYPE),
    ("9" * 5_000, Reason.WRONG_TYPE),
    ("2018-05-27", Reason.WRONG_TYPE),
    ("2018-05-27T22:23:44", Reason.WRONG_TYPE),
    ("2018-13-27T22:23:44Z", Reason.WRONG_TYPE),
    ("1969-12-31T23:59:59Z", Reason.TIMESTAMP_OUT_OF_RANGE),
    (1.5, Reason.WRONG_TYPE),
    (1_527_459_824_123.5, Reason.WRONG_TYPE),
    (True, Reason.WRONG_TYPE),
    ({}, Reason.WRONG_TYPE),
    ([1_527_459_824], Reason.WRONG_TYPE),
    (-1, Reason.TIMESTAMP_OUT_OF_RANGE),
    (-1_527_459_824, Reason.TIMESTAMP_OUT_OF_RANGE),
    (TIMESTAMP_MAX_MS + 1, Reason.TIMESTAMP_OUT_OF_RANGE),
    (1_527_459_824_123_456, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("1527459824123456", Reason.TIMESTAMP_OUT_OF_RANGE),
    (1_527_459_824_123_456_789, Reason.TIMESTAMP_OUT_OF_RANGE),
    ("1527459824123456789", Reason.TIMESTAMP_OUT_OF_RANGE),
    (1e300, Reason.TIMESTAMP_OUT_OF_RANGE),
]


@pytest.mark.parametrize(("written", "ms"), TIMES)
def test_a_plausible_time_is_told_however_it_is_written(written: Any, ms: int) -> None:
    event = text("hi") | {"timestamp": written}
    entry = extract_chat_log_entry(event, {})
    assert entry is not None
    assert entry.timestamp == ms
    assert entry.raw_payload == event
    state = as_bytes({"userid": "u", "updated": written, "state_json": {}})
    assert decode_state(state).updated == ms


@pytest.mark.parametrize(("written", "reason"), NO_TIMES)
def test_what_is_no_plausible_time_is_refused(written: Any, reason: Reason) -> None:
    for refusing in (
        lambda: extract_chat_log_entry(text("hi") | {"timestamp": written}, {}),
        lambda: decode_state(as_bytes({"userid": "u", "updated": written, "state_json": {}})),
    ):
        with pytest.raises(BadRecord) as refused:
            refusing()
        assert refused.value.reason is reason


@given(any_json | st.text("0123456789-:T.Z+ ", max_size=30))
def test_any_value_is_a_time_or_a_bad_record(value: Any) -> None:
    with suppress(BadRecord):
        assert 0 <= required_moment_ms(value, "timestamp") <= TIMESTAMP_MAX_MS
