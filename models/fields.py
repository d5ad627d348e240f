"""The rules for single values, shared by entries, states and platforms.

Each function takes a value as JSON gave it and the field's name for the message, and returns it as it is
stored, or raises `BadRecord`. Which fields a record has is the record's own module's matter.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from models import JSON
from models.decoding import json_type
from models.errors import BadRecord, Reason

#: 9999-12-31T23:59:59.999Z, the last millisecond that every reader of the table can write as a date.
TIMESTAMP_MAX_MS = 253_402_300_799_999

#: A number within these is a time in seconds, from 2001 to 5138: as ms it would be one between January 1970
#: and March 1973, when nobody sent messages. Any other number is ms.
SECONDS_MIN, SECONDS_MAX = 10**9, 10**11 - 1

#: As many as a time in nanoseconds takes, so that it is refused as what it is.
_TIME_MAX_DIGITS = 19
#: So begins a time in ISO 8601; a number does not.
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d[T ]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: PostgreSQL refuses an index row of more than about 2,700 bytes. Two texts of this size and a timestamp fit.
INDEXED_MAX_BYTES = 512
#: Characters that fit into them for certain, as none takes more than four bytes: the usual identifier need
#: not be encoded to be measured.
SURELY_FITS = INDEXED_MAX_BYTES // 4

# As PostgreSQL reads a UUID: hyphens are optional between groups of four digits, and so are braces.
_UUID = re.compile(r"(\{)?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(?(1)\})")
_UUID_MAX_LENGTH = 41
#: As PostgreSQL writes one.
CANONICAL_UUID = r"\A[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"


def optional_id(value: JSON, field: str) -> str | None:
    """Return an identifier as text. One that came as a whole number becomes its digits.

    Raises:
        BadRecord: `wrong_type`, for anything but text, a whole number or null.
    """
    if value is None or type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    raise BadRecord(
        Reason.WRONG_TYPE, f"{field}: expected a string or a whole number, got {json_type(value)}"
    )


def required_id(value: JSON, field: str) -> str:
    """Return an identifier that must be there and is part of an index.

    Raises:
        BadRecord: `missing_field` for null and '', `wrong_type`, `too_large`.
    """
    if type(value) is str and 0 < len(value) <= SURELY_FITS:
        return value
    identifier = optional_indexed_id(value, field)
    if not identifier:
        raise BadRecord(Reason.MISSING_FIELD, f"{field}: missing or empty")
    return identifier


def optional_indexed_id(value: JSON, field: str) -> str | None:
    """Return an identifier that may be absent and is part of an index.

    Raises:
        BadRecord: `wrong_type`, `too_large`.
    """
    identifier = value if type(value) is str else optional_id(value, field)
    if identifier is not None and not fits_index(identifier):
        raise BadRecord(Reason.TOO_LARGE, f"{field}: longer than {INDEXED_MAX_BYTES} bytes")
    return identifier


def fits_index(text: str) -> bool:
    """Tell whether the text is small enough for the table's indexes."""
    return len(text) <= SURELY_FITS or len(text.encode()) <= INDEXED_MAX_BYTES


def optional_text(value: JSON, field: str) -> str | None:
    """Return text or None, as it is.

    Raises:
        BadRecord: `wrong_type`.
    """
    if value is None or type(value) is str:
        return value
    raise BadRecord(Reason.WRONG_TYPE, f"{field}: expected a string, got {json_type(value)}")


def required_text(value: JSON, field: str) -> str:
    """Return text that must be there but may be empty.

    Raises:
        BadRecord: `missing_field` for null, `wrong_type`.
    """
    text = optional_text(value, field)
    if text is None:
        raise BadRecord(Reason.MISSING_FIELD, f"{field}: missing")
    return text


def required_timestamp_ms(value: JSON, field: str) -> int:
    """Return a time in whole ms since 1970, UTC. `1.7e12` is whole; a number in a string is no number.

    Raises:
        BadRecord: `missing_field` for null, `wrong_type`, `timestamp_out_of_range`.
    """
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        if value is None:
            raise BadRecord(Reason.MISSING_FIELD, f"{field}: missing")
        raise BadRecord(
            Reason.WRONG_TYPE, f"{field}: expected whole milliseconds as a number, got {_describe(value)}"
        )
    if not 0 <= value <= TIMESTAMP_MAX_MS:
        raise BadRecord(
            Reason.TIMESTAMP_OUT_OF_RANGE, f"{field}: not within 1970-01-01 and 9999-12-31 in milliseconds"
        )
    return value


def required_moment_ms(value: JSON, field: str) -> int:
    """Return a time as platforms and bots write it, in whole ms since 1970, UTC.

    Most write ms as a number. Some write seconds, with a fraction or not, told by what is plausible
    (`SECONDS_MIN`); some write whole numbers of either in a string, or ISO 8601 with an offset. Microseconds
    are beyond any time, and refused with all the rest that is not plausible.

    Raises:
        BadRecord: `missing_field` for null, `wrong_type`, `timestamp_out_of_range`.
    """
    if type(value) is int and SECONDS_MAX < value <= TIMESTAMP_MAX_MS:
        return value
    if type(value) is str:
        if (moment_ms := _iso_8601_ms(value)) is not None:
            return required_timestamp_ms(moment_ms, field)
        value = _number_in(value)
    if (type(value) is int or type(value) is float) and SECONDS_MIN <= value <= SECONDS_MAX:
        value = round(value * 1000)
    return required_timestamp_ms(value, field)


def _number_in(text: str) -> JSON:
    """Return the number that digits write; any other text as it is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _TIME_MAX_DIGITS else text


def _iso_8601_ms(text: str) -> int | None:
    """Return the time that a text says; None without an offset, as then nobody knows which time it was."""
    if not _ISO_8601.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def optional_uuid(value: JSON, field: str) -> str | None:
    """Return a UUID in its canonical form: lower case with hyphens. Null and '' are no UUID, hence None.

    Text and not `uuid.UUID`: orjson writes both as text, and reading one back costs nothing.

    Raises:
        BadRecord: `bad_uuid` for text that is none, `wrong_type` for what isn't text.
    """
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise BadRecord(Reason.WRONG_TYPE, f"{field}: expected a string, got {json_type(value)}")
    if len(value) <= _UUID_MAX_LENGTH and (canonical := _canonical_uuid(value)):
        return canonical
    raise BadRecord(Reason.BAD_UUID, f"{field}: not a UUID")


# Every message of a survey brings the same one.
@lru_cache(maxsize=1024)
def _canonical_uuid(value: str) -> str | None:
    return str(uuid.UUID(value)) if _UUID.fullmatch(value) else None


def _describe(value: JSON) -> str:
    return "a number with a fraction" if type(value) is float else json_type(value)
