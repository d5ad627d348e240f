"""What the bot knew about a person, and since when: the state topic's records, and a person's short history.

An event takes the newest state made strictly before it (an as-of join), so a history keeps several states,
in order. Histories are values: every function returns a new one and changes nothing it was given. Where
histories are stored and when states are read is not decided here.

A history is kept as it is stored, a line of text for each state: when it was made, in digits of a fixed
number, and the state as JSON. So lines are in order when the times are, and of all the states only the one
that an event takes is ever parsed; decoding whole histories was a third of what capture cost.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import NamedTuple, TypeAlias, cast

import orjson

from models import JSON
from models.decoding import decode_leniently, decode_object, json_type, storable
from models.errors import BadRecord, Reason
from models.fields import TIMESTAMP_MAX_MS, optional_id, required_id, required_moment_ms
from models.text import clean_text

#: What counts of a state, each only where it is known: `forms` (a list), `question` (text), `md` (an object).
State: TypeAlias = dict[str, JSON]

#: A person's states, oldest first, each time once. A line each: `%015d` of when it was made (ms since 1970,
#: UTC), a space, and the state as JSON.
History: TypeAlias = tuple[bytes, ...]

EMPTY_HISTORY: History = ()

#: States a history keeps although no event needs them: a late event still finds its own.
KEEP_STATES = 4

#: The longest time that a record may have takes as many digits.
_TIME_DIGITS = len(str(TIMESTAMP_MAX_MS))


class StateRecord(NamedTuple):
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
        BadRecord: not all of it can be used; the detail names the field. Of a tombstone nothing can. What is
            left is what `salvage_state` returns.
    """
    record = decode_object(raw)
    return StateRecord(
        required_id(record.get("userid"), "userid"),
        required_moment_ms(record.get("updated"), "updated"),
        _what_counts(_state_json(record.get("state_json"))),
    )


def salvage_state(raw: bytes | None, key: bytes | None, came_ms: int, max_bytes: int) -> StateRecord | None:
    """Return what a record that cannot be used as a state says all the same; None if not even whose it is.

    Whatever it was to say, the bot knew something else from then on: the state before it no longer counts.
    So a field that can be used counts, one that cannot is unknown, and if all are, nothing is known from then
    on.

    Args:
        raw: the value, which `decode_state` refuses, or which is too large.
        key: says whose state it is where the value does not.
        came_ms: when Kafka got it (-1: not known). Counts where the value does not say when it was made.
        max_bytes: the most that the line of a state may take.
    """
    record = decode_leniently(raw)
    userid = _userid(record.get("userid"), key)
    updated = _updated(record.get("updated"), came_ms)
    if userid is None or updated is None:
        return None
    stated = record.get("state_json")
    fields = stated if type(stated) is dict else decode_leniently(stated if type(stated) is str else None)
    state: State = {}
    for name in ("forms", "question", "md"):
        with suppress(BadRecord):
            more = state | _what_counts({name: storable(fields.get(name))})
            if len(orjson.dumps(more)) + _TIME_DIGITS + 1 <= max_bytes:
                state = more
    return StateRecord(userid, updated, state)


def insert(history: History, record: StateRecord) -> History:
    """Return the history with the record's state in its place; one made at the same time is replaced.

    Reading a record twice changes nothing, and the order of reading matters only between records of one time.
    """
    time = _time(record.updated)
    made = b"%s %s" % (time, orjson.dumps(record.state))
    if not history or history[-1] < time:
        return (*history, made)
    index = bisect_left(history, time)
    after = index + 1 if history[index].startswith(time) else index
    return (*history[:index], made, *history[after:])


def as_of(history: History, timestamp_ms: int, decode_line: Callable[[bytes], State] | None = None) -> State:
    """Return the newest state made strictly before a time, {} if there is none."""
    index = bisect_left(history, _time(timestamp_ms))
    return (decode_line or _state)(history[index - 1]) if index else {}


def states_at_once(stored_of: Callable[[bytes], bytes | None]) -> Callable[[bytes, int], State]:
    """Return `as_of` for the events of one moment, by a person's key: no history or state is decoded twice.

    Args:
        stored_of: gives what `encode_history` made of a person's history, None where there is none. It must
            not change its mind while the answer is in use.
    """
    decode_line = cache(_state)

    @cache
    def history_of(key: bytes) -> History:
        stored = stored_of(key)
        return decode_history(stored) if stored else EMPTY_HISTORY

    return lambda key, timestamp_ms: as_of(history_of(key), timestamp_ms, decode_line)


def trim(history: History, needed_from_ms: float, keep: int = KEEP_STATES) -> History:
    """Return the history without its oldest states, as far as no event needs them.

    Args:
        history: the person's states.
        needed_from_ms: the earliest time that will be asked for; for it and any later one, `as_of` answers
            with or without what is forgotten alike. -inf forgets nothing; inf means that no event waits.
        keep: how many states stay in any case.
    """
    if len(history) <= keep:
        return history
    forgettable = len(history) - unforgettable(history, needed_from_ms)
    return history[min(forgettable, max(0, len(history) - keep)) :]


def unforgettable(history: History, needed_from_ms: float) -> int:
    """Return how many states `trim` may not drop, whatever `keep` is: the reason to stop reading ahead."""
    made_before = bisect_left(history, _time(min(max(needed_from_ms, 0), TIMESTAMP_MAX_MS + 1)))
    return len(history) - max(0, made_before - 1)


def merge(kept: History, read: History) -> History:
    """Return a history that was read back, with what one read before it knows and it does not.

    Usually the one read later knows all. But a worker that was given up on may write once more what it knew,
    after its successor. What is older than the one read later was forgotten on purpose.
    """
    if not kept:
        return read
    lines = {line[:_TIME_DIGITS]: line for line in kept if line >= read[0][:_TIME_DIGITS]}
    lines |= {line[:_TIME_DIGITS]: line for line in read}
    return tuple(lines[time] for time in sorted(lines))


def states_in(history: History) -> Iterator[tuple[int, State]]:
    """Return the states with the time each was made, for people to look at."""
    return ((int(line[:_TIME_DIGITS]), _state(line)) for line in history)


def encode_history(history: History) -> bytes:
    """Encode a history, which is not empty, as text: its lines."""
    return b"\n".join(history)


def decode_history(raw: bytes) -> History:
    """Decode what `encode_history` wrote; anything else is an error when it is used."""
    return tuple(raw.split(b"\n"))


def _time(ms: float) -> bytes:
    """Return what the line of a state made at a time begins with. Lines sort as these do."""
    return b"%015d" % ms


def _state(line: bytes) -> State:
    return cast("State", orjson.loads(line[_TIME_DIGITS + 1 :]))


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
    forms, question, md = state.get("forms"), state.get("question"), state.get("md")
    if type(forms) is list and type(question) is str and type(md) is dict:  # as most are
        return {"forms": forms, "question": question, "md": md}
    counts: State = {}
    question = optional_id(question, "state_json.question")
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


def _userid(value: JSON, key: bytes | None) -> str | None:
    with suppress(BadRecord):
        return required_id(storable(value), "userid")
    with suppress(BadRecord, UnicodeDecodeError):
        return required_id(clean_text((key or b"").decode()), "userid")
    return None


def _updated(value: JSON, came_ms: int) -> int | None:
    for claimed in (storable(value), came_ms):
        with suppress(BadRecord):
            return required_moment_ms(claimed, "updated")
    return None
