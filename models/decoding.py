r"""Bytes from Kafka to a JSON object that can be stored: the first step of every record, so the leanest one.

What comes out can be encoded by orjson again and written to PostgreSQL as it is: text is clean
(`models.text`), numbers fit 64 bits, nesting is bounded. It doesn't know what the object means.

orjson reads nearly everything. It refuses lone surrogates (`"\ud83d"`), which are valid JSON and do come
from real clients, so what it refuses is tried again with the standard library. Numbers follow orjson in both:
a whole number beyond 64 bits becomes the nearest float (orjson could not write it again); one beyond the
floats is refused, as are NaN and Infinity, which are not JSON.
"""

import json
import math
from typing import Any, NoReturn, cast

import orjson

from models import JSON
from models.errors import BadRecord, Reason
from models.text import clean_json

#: Levels of objects and lists a record may have. orjson reads 1,024 but writes only 254, and an entry puts an
#: event one level deeper, a batch of entries another; 128 leaves room for all of that and for code that walks
#: a value by recursion (Python allows 1,000 frames in all). Real events have about six.
MAX_DEPTH = 128

_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_BACKSLASH, _BRACKET = ord("\\"), ord("[")


def decode_object(raw: bytes | None, *, max_depth: int = MAX_DEPTH) -> dict[str, JSON]:
    """Decode the JSON object that a record's value holds.

    Args:
        raw: the value, UTF-8; None is Kafka's tombstone.
        max_depth: how many levels of objects and lists are accepted, the outermost being the first.

    Raises:
        BadRecord: empty, not JSON, not an object, or too deep. Nothing else, whatever the bytes are.
    """
    if not raw:
        raise BadRecord(Reason.EMPTY, "the record has no value")
    try:
        value = orjson.loads(raw)
        # U+0000 can only be written in this one way. Most records have no backslash. To look for one byte by
        # its number, and for several by `find`, takes a fraction of `b"..." in raw`.
        may_be_unclean = _BACKSLASH in raw and raw.find(b"\\u0000") >= 0
    except orjson.JSONDecodeError:
        value = _decode_with_json(raw)
        may_be_unclean = True
    if type(value) is not dict:
        raise BadRecord(Reason.NOT_AN_OBJECT, f"expected a JSON object, got {json_type(value)}")
    # A level takes two bytes at least if it is a list (`[]`), five if it is an object in objects (`{"":}`).
    if (
        len(raw) > (2 if _BRACKET in raw else 5) * max_depth
        and raw.count(b"{") + raw.count(b"[") > max_depth
        and is_deeper_than(max_depth, value)
    ):
        raise _too_deep(max_depth)
    if may_be_unclean:
        return cast("dict[str, JSON]", clean_json(value))
    return value


def decode_value(raw: bytes) -> JSON:
    """Decode JSON of any kind, which need not be an object, however deep; texts in it may be unclean.

    Raises:
        BadRecord: not JSON, or deeper than Python goes. Nothing else, whatever the bytes are.
    """
    try:
        return cast("JSON", orjson.loads(raw))
    except orjson.JSONDecodeError:
        return _decode_with_json(raw)


def decode_leniently(raw: bytes | str | None) -> dict[str, JSON]:
    """Decode what `decode_object` refuses, as far as that goes; {} where there is no object in it.

    What comes out may be too deep to be stored, have numbers that JSON does not, or text that is not clean:
    `storable` tells, value by value.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw or ""
        value = json.loads(text, parse_int=_any_whole_number)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or deeper than Python goes
        return {}
    return value if type(value) is dict else {}


def storable(value: JSON) -> JSON:
    """Return a value of `decode_leniently` as it can be stored: null if it cannot be at all.

    Of a number that JSON does not have (1e400, NaN), only the number is null.
    """
    try:
        return decode_object(orjson.dumps({"value": clean_json(value)}))["value"]
    except (BadRecord, orjson.JSONEncodeError, RecursionError):
        return None


def json_type(value: JSON) -> str:
    """Name the type of a value in JSON's words, for messages that must not hold the value itself."""
    return _TYPE_NAMES[type(value)]


_TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def _decode_with_json(raw: bytes) -> JSON:
    try:
        return cast(
            "JSON",
            json.loads(
                raw.decode(),
                parse_int=_whole_number,
                parse_float=_finite_number,
                parse_constant=_refuse_constant,
            ),
        )
    except RecursionError:
        raise _too_deep(MAX_DEPTH) from None
    except UnicodeDecodeError as error:
        raise BadRecord(Reason.NOT_JSON, f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadRecord(Reason.NOT_JSON, f"not JSON at character {error.pos}: {error.msg}") from None
    except OverflowError as error:
        raise BadRecord(Reason.NOT_JSON, str(error)) from None


def _whole_number(digits: str) -> int | float:
    if len(digits) > 20:
        return _finite_number(digits)
    number = int(digits)
    return number if _INT_MIN <= number <= _INT_MAX else float(number)


def _any_whole_number(digits: str) -> int | float:
    return float(digits) if len(digits) > 20 else _whole_number(digits)


def _finite_number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise OverflowError("a number is too large for a 64-bit float")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise OverflowError(f"{name} is not JSON")


def is_deeper_than(limit: int, value: dict[str, Any]) -> bool:
    """Tell whether an object has more levels than that, itself being the first."""
    # Level by level, so that its depth costs no stack.
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _too_deep(limit: int) -> BadRecord:
    return BadRecord(Reason.TOO_DEEP, f"objects and lists are nested more than {limit} levels deep")
