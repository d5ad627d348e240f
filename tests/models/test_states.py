"""The state topic's records, and the history that answers which state came before an event."""

import math
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decoding import MAX_DEPTH
from models.errors import BadRecord, Reason
from models.fields import TIMESTAMP_MAX_MS
from models.states import (
    EMPTY_HISTORY,
    KEEP_STATES,
    History,
    State,
    StateRecord,
    as_of,
    decode_history,
    decode_state,
    encode_history,
    insert,
    merge,
    salvage_state,
    states_in,
    trim,
    unforgettable,
)
from tests.models.strategies import any_json, as_bytes, clean_json, clean_text, nested

STATE: State = {"forms": ["intro", "baseline"], "question": "q7", "md": {"pageid": "P1", "seed": 12345}}
RECORD: dict[str, Any] = {
    "userid": "U1",
    "pageid": "P1",
    "updated": 1_700_000_000_000,
    "current_state": "QOUT",
    "state_json": {"state": "QOUT", "qa": [["q1", "yes"]], **STATE},
}


def history_of(*times: int) -> History:
    history = EMPTY_HISTORY
    for time in times:
        history = insert(history, made_at(time))
    return history


def made_at(updated: int, state: dict[str, Any] | None = None) -> StateRecord:
    return StateRecord("U1", updated, {"question": f"q{updated}"} if state is None else state)


times = st.integers(0, 30)
histories = st.lists(times, unique=True, max_size=12).map(lambda ts: history_of(*ts))


# The records


def test_a_record_gives_what_counts_of_the_state() -> None:
    assert decode_state(as_bytes(RECORD)) == StateRecord("U1", 1_700_000_000_000, STATE)


def test_the_state_may_be_json_in_a_string() -> None:
    in_a_string = RECORD | {"state_json": orjson.dumps(RECORD["state_json"]).decode()}
    assert decode_state(as_bytes(in_a_string)) == StateRecord("U1", 1_700_000_000_000, STATE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state_json": {}}, {}),
        ({"state_json": {"forms": None, "question": None, "md": None}}, {}),
        ({"state_json": {"forms": [], "question": "", "md": {}}}, {"forms": [], "question": "", "md": {}}),
        ({"state_json": {"question": 7}}, {"question": "7"}),
        ({"state_json": {"forms": ["a", 7]}}, {"forms": ["a", 7]}),
        ({"state_json": '{"question": "a\\u0000b\\ud800"}'}, {"question": "a\ufffdb\ufffd"}),
        ({"state_json": {"md": {"name\0": "\ud83d"}}}, {"md": {"name\ufffd": "\ufffd"}}),
    ],
)
def test_what_a_state_may_look_like(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert decode_state(as_bytes(RECORD | changes)).state == expected


def test_a_number_for_an_id_becomes_text() -> None:
    assert decode_state(as_bytes(RECORD | {"userid": 1800244896727776})).userid == "1800244896727776"


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"userid": None}, Reason.MISSING_FIELD, "userid"),
        ({"userid": ""}, Reason.MISSING_FIELD, "userid"),
        ({"userid": "x" * 600}, Reason.TOO_LARGE, "userid"),
        ({"updated": None}, Reason.MISSING_FIELD, "updated"),
        ({"updated": "yesterday"}, Reason.WRONG_TYPE, "updated"),
        ({"updated": -5}, Reason.TIMESTAMP_OUT_OF_RANGE, "updated"),
        ({"state_json": None}, Reason.MISSING_FIELD, "state_json"),
        ({"state_json": []}, Reason.WRONG_TYPE, "state_json"),
        ({"state_json": ""}, Reason.EMPTY, "state_json"),
        ({"state_json": "QOUT"}, Reason.NOT_JSON, "state_json"),
        ({"state_json": "[]"}, Reason.NOT_AN_OBJECT, "state_json"),
        ({"state_json": nested(MAX_DEPTH + 1).decode()}, Reason.TOO_DEEP, "state_json"),
        ({"state_json": {"forms": "baseline"}}, Reason.WRONG_TYPE, "state_json.forms"),
        ({"state_json": {"forms": {}}}, Reason.WRONG_TYPE, "state_json.forms"),
        ({"state_json": {"question": {}}}, Reason.WRONG_TYPE, "state_json.question"),
        ({"state_json": {"md": []}}, Reason.WRONG_TYPE, "state_json.md"),
        ({"state_json": {"md": "x"}}, Reason.WRONG_TYPE, "state_json.md"),
    ],
)
def test_a_malformed_state_is_refused_by_the_name_of_its_field(
    changes: dict[str, Any], reason: Reason, field: str
) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_state(as_bytes(RECORD | changes))
    assert refused.value.reason is reason
    assert refused.value.detail.startswith(f"{field}: ")


@pytest.mark.parametrize("raw", [None, b"", b"[]", b"{"])
def test_a_tombstone_or_no_object_is_refused(raw: bytes | None) -> None:
    with pytest.raises(BadRecord):
        decode_state(raw)


@given(
    st.fixed_dictionaries(
        {"userid": st.just("U1") | any_json, "updated": st.integers(0, TIMESTAMP_MAX_MS) | any_json},
        optional={
            "state_json": any_json
            | any_json.map(lambda value: as_bytes(value).decode())
            | st.fixed_dictionaries({}, optional={"forms": any_json, "question": any_json, "md": any_json})
        },
    )
)
def test_any_object_is_a_state_or_a_bad_record(value: dict[str, Any]) -> None:
    with suppress(BadRecord):
        record = decode_state(as_bytes(value))
        assert record.state.keys() <= {"forms", "question", "md"}
        history = insert(EMPTY_HISTORY, record)
        assert decode_history(encode_history(history)) == history


# What is left of a record that is refused


CAME_MS = 1_700_000_000_777
_MADE_MS = RECORD["updated"]


def of_state(**fields: Any) -> dict[str, Any]:
    return {"state_json": STATE | fields}


def deep(levels: int) -> Any:
    return orjson.loads(nested(levels))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(of_state(forms="f2"), {"question": "q7", "md": STATE["md"]}, id="forms a string"),
        pytest.param(of_state(forms={}), {"question": "q7", "md": STATE["md"]}, id="forms an object"),
        pytest.param(
            of_state(question={}), {"forms": STATE["forms"], "md": STATE["md"]}, id="question an object"
        ),
        pytest.param(of_state(question=1.5, md=[]), {"forms": STATE["forms"]}, id="two at once"),
        pytest.param(of_state(md="x"), {"forms": STATE["forms"], "question": "q7"}, id="md a string"),
        pytest.param(
            of_state(md=deep(150)), {"forms": STATE["forms"], "question": "q7"}, id="md 150 levels deep"
        ),
        pytest.param(of_state(md=deep(900), question=[]), {"forms": STATE["forms"]}, id="md 900 levels deep"),
        pytest.param(of_state(qa=deep(150)), STATE, id="what does not count is too deep"),
        pytest.param({"another": deep(150)}, STATE, id="something beside the state is too deep"),
        pytest.param({"state_json": None}, {}, id="no state"),
        pytest.param({"state_json": []}, {}, id="the state a list"),
        pytest.param({"state_json": "QOUT"}, {}, id="the state not JSON"),
        pytest.param({"state_json": "[]"}, {}, id="the state a list in a string"),
        pytest.param({"state_json": '{"question": "q8", "md": []}'}, {"question": "q8"}, id="in a string"),
        pytest.param({"state_json": '{"question": "q8"'}, {}, id="cut off in a string"),
    ],
)
def test_what_can_be_used_of_a_refused_state_counts_and_the_rest_is_unknown(
    changes: dict[str, Any], expected: State
) -> None:
    raw = as_bytes(RECORD | changes)
    with pytest.raises(BadRecord):
        decode_state(raw)
    assert salvage_state(raw, b"U2", CAME_MS, 1_000) == StateRecord("U1", _MADE_MS, expected)


def test_of_a_number_that_json_does_not_have_only_the_number_is_null() -> None:
    raw = as_bytes(RECORD).replace(b"12345", b"1e400")
    with pytest.raises(BadRecord):
        decode_state(raw)
    assert salvage_state(raw, None, CAME_MS, 1_000) == StateRecord(
        "U1", _MADE_MS, STATE | {"md": {"pageid": "P1", "seed": None}}
    )


@pytest.mark.parametrize(
    ("raw", "key", "expected"),
    [
        pytest.param(None, b"U2", StateRecord("U2", CAME_MS, {}), id="a tombstone"),
        pytest.param(b"", b"U2", StateRecord("U2", CAME_MS, {}), id="no bytes"),
        pytest.param(b'{"userid": "U1"', b"U2", StateRecord("U2", CAME_MS, {}), id="cut off"),
        pytest.param(b"[]", b"U2", StateRecord("U2", CAME_MS, {}), id="a list"),
        pytest.param(b'"\xff"', b"U2", StateRecord("U2", CAME_MS, {}), id="not UTF-8"),
        pytest.param('{"userid": "U1"}'.encode("utf-16"), b"U2", StateRecord("U2", CAME_MS, {}), id="UTF-16"),
        pytest.param(b'{"a":' * 100_000, b"U2", StateRecord("U2", CAME_MS, {}), id="deeper than Python goes"),
        pytest.param(
            as_bytes(RECORD | {"userid": None}), b"U2", StateRecord("U2", _MADE_MS, STATE), id="no userid"
        ),
        pytest.param(
            as_bytes(RECORD | {"userid": {}}),
            b"U2",
            StateRecord("U2", _MADE_MS, STATE),
            id="a userid of none",
        ),
        pytest.param(
            as_bytes(RECORD | {"updated": None}), b"U2", StateRecord("U1", CAME_MS, STATE), id="no time"
        ),
        pytest.param(
            as_bytes(RECORD | {"updated": "soon"}),
            None,
            StateRecord("U1", CAME_MS, STATE),
            id="a time of none",
        ),
        pytest.param(None, None, None, id="a tombstone of nobody"),
        pytest.param(None, b"", None, id="an empty key"),
        pytest.param(None, b"\xff", None, id="a key that is no text"),
        pytest.param(None, b"x" * 600, None, id="a key too long"),
        pytest.param(as_bytes(RECORD | {"userid": "x" * 600}), b"x" * 600, None, id="a userid too long"),
    ],
)
def test_whose_refused_state_it_is_and_from_when_on(
    raw: bytes | None, key: bytes | None, expected: StateRecord | None
) -> None:
    assert salvage_state(raw, key, CAME_MS, 1_000) == expected


def test_without_any_time_a_refused_state_has_no_place_in_a_history() -> None:
    assert salvage_state(None, b"U1", -1, 1_000) is None
    assert salvage_state(as_bytes(RECORD | {"state_json": None}), None, -1, 1_000) == StateRecord(
        "U1", _MADE_MS, {}
    )


@pytest.mark.parametrize(
    ("max_bytes", "kept"),
    [(1_000, ["forms", "question", "md"]), (100, ["forms", "question"]), (50, ["forms"]), (20, [])],
)
def test_of_a_state_that_is_too_large_the_fields_that_fit_count(max_bytes: int, kept: list[str]) -> None:
    state = STATE | {"md": {"notes": "x" * 200}}
    salvaged = salvage_state(as_bytes(RECORD | {"state_json": state}), None, CAME_MS, max_bytes)
    assert salvaged is not None
    assert salvaged.state == {name: state[name] for name in kept}
    assert len(encode_history(insert(EMPTY_HISTORY, salvaged))) <= max_bytes


@given(
    st.binary(max_size=40)
    | st.fixed_dictionaries(
        {},
        optional={
            "userid": any_json,
            "updated": st.integers(0, TIMESTAMP_MAX_MS) | any_json,
            "state_json": any_json
            | any_json.map(lambda value: as_bytes(value).decode())
            | st.fixed_dictionaries({}, optional={"forms": any_json, "question": any_json, "md": any_json}),
        },
    ).map(as_bytes),
    st.none() | st.binary(max_size=8),
)
def test_whatever_comes_is_salvaged_as_it_can_be_stored(raw: bytes, key: bytes | None) -> None:
    salvaged = salvage_state(raw, key, CAME_MS, 1_000)
    if salvaged is not None:
        history = insert(EMPTY_HISTORY, salvaged)
        assert decode_history(encode_history(history)) == history
    with suppress(BadRecord):
        assert salvage_state(raw, key, CAME_MS, 100_000) == decode_state(raw)


# The history


@pytest.mark.parametrize(
    ("timestamp_ms", "expected"),
    [
        (9, {}),
        (10, {}),
        (11, {"question": "q10"}),
        (20, {"question": "q10"}),
        (21, {"question": "q20"}),
        (1000, {"question": "q20"}),
    ],
)
def test_an_event_takes_the_newest_state_made_strictly_before_it(
    timestamp_ms: int, expected: dict[str, Any]
) -> None:
    assert as_of(history_of(10, 20), timestamp_ms) == expected


def test_a_person_without_states_has_the_empty_one() -> None:
    assert as_of(EMPTY_HISTORY, 10) == {}


def test_a_state_read_late_takes_its_place() -> None:
    assert [updated for updated, _ in states_in(history_of(20, 40, 10, 30))] == [10, 20, 30, 40]


@pytest.mark.parametrize("time", [10, 20, 30])
def test_a_state_of_the_same_time_replaces_the_one_read_before(time: int) -> None:
    replaced = insert(history_of(10, 20, 30), made_at(time, {"question": "new"}))
    assert [updated for updated, _ in states_in(replaced)] == [10, 20, 30]
    assert as_of(replaced, time + 1) == {"question": "new"}


@given(histories, times)
def test_reading_a_state_twice_changes_nothing(history: History, time: int) -> None:
    once = insert(history, made_at(time))
    assert insert(once, made_at(time)) == once


@given(st.lists(times, unique=True).flatmap(lambda ts: st.tuples(st.just(ts), st.permutations(ts))))
def test_the_order_of_reading_does_not_matter(orders: tuple[list[int], list[int]]) -> None:
    one, other = orders
    assert history_of(*one) == history_of(*other)


@given(histories, times)
def test_inserting_changes_nothing_it_was_given(history: History, time: int) -> None:
    before = encode_history(history)
    insert(history, made_at(time))
    assert encode_history(history) == before


@pytest.mark.parametrize(
    ("needed_from_ms", "keep", "left"),
    [
        (-math.inf, 1, [10, 20, 30, 40, 50]),
        (20, 1, [10, 20, 30, 40, 50]),
        (21, 1, [20, 30, 40, 50]),
        (31, 1, [30, 40, 50]),
        (31, 4, [20, 30, 40, 50]),
        (31, 9, [10, 20, 30, 40, 50]),
        (math.inf, 4, [20, 30, 40, 50]),
        (math.inf, 1, [50]),
        (math.inf, 0, [50]),
    ],
)
def test_what_trimming_leaves(needed_from_ms: float, keep: int, left: list[int]) -> None:
    assert [made for made, _ in states_in(trim(history_of(10, 20, 30, 40, 50), needed_from_ms, keep))] == left


needed_from = times | st.sampled_from([-math.inf, math.inf])


@given(histories, needed_from, st.integers(0, 5))
def test_trimming_loses_no_answer_that_is_still_needed(history: History, needed: float, keep: int) -> None:
    trimmed = trim(history, needed, keep)
    for time in range(32):
        if time >= needed:
            assert as_of(trimmed, time) == as_of(history, time)


@given(histories, needed_from, st.integers(0, 5))
def test_trimming_keeps_the_newest_and_stops_at_the_limit_or_at_what_is_needed(
    history: History, needed: float, keep: int
) -> None:
    trimmed = trim(history, needed, keep)
    assert trimmed == history[len(history) - len(trimmed) :]
    assert len(trimmed) == max(min(keep, len(history)), unforgettable(history, needed))
    assert trim(trimmed, needed, keep) == trimmed
    assert unforgettable(trimmed, needed) == unforgettable(history, needed)


@pytest.mark.parametrize(
    ("needed_from_ms", "expected"),
    [(-math.inf, 3), (10, 3), (20, 3), (21, 2), (30, 2), (31, 1), (math.inf, 1)],
)
def test_how_many_states_cannot_be_forgotten(needed_from_ms: float, expected: int) -> None:
    assert unforgettable(history_of(10, 20, 30), needed_from_ms) == expected
    assert unforgettable(EMPTY_HISTORY, needed_from_ms) == 0


def test_a_history_keeps_some_states_for_late_events() -> None:
    assert len(trim(history_of(*range(10)), math.inf)) == KEEP_STATES


@given(
    st.lists(
        st.tuples(st.integers(0, TIMESTAMP_MAX_MS), st.dictionaries(clean_text, clean_json)),
        min_size=1,
        max_size=5,
    )
)
def test_a_history_comes_back_as_it_was(states: list[tuple[int, dict[str, Any]]]) -> None:
    history = EMPTY_HISTORY
    for updated, state in states:
        history = insert(history, made_at(updated, state))
    assert decode_history(encode_history(history)) == history
    assert dict(states_in(history)) == dict(states)


@pytest.mark.parametrize(
    ("kept", "read", "merged"),
    [
        pytest.param([], [10], [10], id="the first"),
        pytest.param([10, 20], [10, 20, 30], [10, 20, 30], id="one that knows more"),
        pytest.param([10, 20, 30], [20, 30, 40], [20, 30, 40], id="one that has forgotten"),
        pytest.param([20, 30, 40], [10, 20], [10, 20, 30, 40], id="one written late by a worker given up on"),
        pytest.param([10, 30], [10, 20], [10, 20, 30], id="each knows what the other does not"),
    ],
)
def test_a_history_read_back_loses_nothing_to_one_written_late(
    kept: list[int], read: list[int], merged: list[int]
) -> None:
    assert merge(history_of(*kept), history_of(*read)) == history_of(*merged)


def test_of_two_states_of_one_time_the_one_read_later_counts() -> None:
    newer = insert(EMPTY_HISTORY, made_at(10, {"question": "newer"}))
    assert merge(history_of(10), newer) == newer


def test_the_deepest_state_fits_into_a_history() -> None:
    record = decode_state(as_bytes(RECORD | {"state_json": '{"md":' + nested(MAX_DEPTH - 1).decode() + "}"}))
    history = insert(EMPTY_HISTORY, record)
    assert decode_history(encode_history(history)) == history
