"""What the bot knew about a person, and since when: the state topic's records, and a person's short history.

An event takes the newest state made strictly before it (an as-of join), so a history keeps several states, in
order. Histories are values: every function returns a new one and changes nothing it was given, nor may anyone
change a state that is in one. Where histories are stored and when states are read is not decided here.
"""

from bisect import bisect_left
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

import orjson

from models import JSON
from models.decoding import decode_object, json_type
from models.errors import BadRecord, Reason
from models.fields import optional_id, required_id, required_timestamp_ms

#: What counts of a state, each only where it is known: `forms` (a list), `question` (text), `md` (an object).
State: TypeAlias = dict[str, JSON]

#: A person's states with the time each was made (ms since 1970, UTC), oldest first, each time once.
History: TypeAlias = tuple[tuple[int, State], ...]

EMPTY_HISTORY: History = ()

#: States a history keeps although no event needs them: a late event still finds its own.
KEEP_STATES = 4

_updated = itemgetter(0)


@dataclass(frozen=True, slots=True)
class StateRecord:
    """One record of the state topic.

    Attributes:
        userid: the person; never empty.
        updated: when the state was made, in ms since 1970, UTC.
        state: what counts of it.
    """

    userid: str
    updated: int
    state: State


def decode_state(raw: bytes | None) -> StateRecord:
    """Decode a record of the state topic: `userid`, `updated` and `state_json`; the rest is ignored.

    `state_json` is an object, or a string that holds one as JSON.

    Raises:
        BadRecord: it cannot be used as a state; the detail names the field. A tombstone cannot either.
    """
    record = decode_object(raw)
    return StateRecord(
        required_id(record.get("userid"), "userid"),
        required_timestamp_ms(record.get("updated"), "updated"),
        _what_counts(_state_json(record.get("state_json"))),
    )


def insert(history: History, record: StateRecord) -> History:
    """Return the history with the record's state in its place; one made at the same time is replaced.

    Reading a record twice changes nothing, and the order of reading matters only between records of one time.
    """
    made = (record.updated, record.state)
    if not history or history[-1][0] < record.updated:
        return (*history, made)
    index = bisect_left(history, record.updated, key=_updated)
    after = index + 1 if history[index][0] == record.updated else index
    return (*history[:index], made, *history[after:])


def as_of(history: History, timestamp_ms: int) -> State:
    """Return the newest state made strictly before a time, {} if there is none."""
    index = bisect_left(history, timestamp_ms, key=_updated)
    return history[index - 1][1] if index else {}


def trim(history: History, needed_from_ms: float, keep: int = KEEP_STATES) -> History:
    """Return the history without its oldest states, as far as no event needs them.

    Args:
        history: the person's states.
        needed_from_ms: the earliest time that will be asked for; for it and any later one, `as_of` answers
            the same before and after. -inf forgets nothing; inf means that no event waits.
        keep: how many states stay in any case.
    """
    forgettable = len(history) - unforgettable(history, needed_from_ms)
    return history[min(forgettable, max(0, len(history) - keep)) :]


def unforgettable(history: History, needed_from_ms: float) -> int:
    """Return how many states `trim` may not drop, whatever `keep` is: the reason to stop reading ahead."""
    made_before = bisect_left(history, needed_from_ms, key=_updated)
    return len(history) - max(0, made_before - 1)


def encode_history(history: History) -> bytes:
    """Encode a history as JSON: `[[updated, state], ...]`."""
    return orjson.dumps(history)


def decode_history(raw: bytes) -> History:
    """Decode what `encode_history` wrote.

    Raises:
        BadRecord: it wasn't `encode_history`.
    """
    try:
        return tuple([(updated, state) for updated, state in orjson.loads(raw)])
    except (TypeError, ValueError):
        raise BadRecord(
            Reason.WRONG_TYPE, "not a history of states: expected [[updated, state], ...]"
        ) from None


def _state_json(value: JSON) -> dict[str, JSON]:
    if type(value) is dict:
        return value
    if type(value) is str:
        try:
            return decode_object(value.encode())
        except BadRecord as error:
            raise BadRecord(error.reason, f"state_json: {error.detail}") from None
    if value is None:
        raise BadRecord(Reason.MISSING_FIELD, "state_json: missing")
    raise BadRecord(Reason.WRONG_TYPE, f"state_json: expected an object, got {json_type(value)}")


def _what_counts(state: dict[str, JSON]) -> State:
    counts: State = {}
    forms, md = state.get("forms"), state.get("md")
    question = optional_id(state.get("question"), "state_json.question")
    if forms is not None:
        counts["forms"] = _expect(list, forms, "state_json.forms")
    if question is not None:
        counts["question"] = question
    if md is not None:
        counts["md"] = _expect(dict, md, "state_json.md")
    return counts


def _expect(expected: type, value: JSON, field: str) -> JSON:
    if type(value) is not expected:
        raise BadRecord(
            Reason.WRONG_TYPE, f"{field}: expected {json_type(expected())}, got {json_type(value)}"
        )
    return value
