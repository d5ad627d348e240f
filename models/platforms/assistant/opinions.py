"""What people think of an answer: a number."""

from models import JSON
from models.decoding import json_type
from models.errors import BadRecord, Reason

#: Far more than any scale has; the column takes it, and digits beyond the sixth are noise.
_MAX = 1e9
_DIGITS = 6


def opinion_value(value: JSON, field: str) -> float:
    """Return how good it is: more is better. True is 1, false 0.

    Raises:
        BadRecord: it is no number, or a number that no scale has.
    """
    if type(value) is bool:
        return float(value)
    if type(value) is not int and type(value) is not float:
        reason = Reason.MISSING_FIELD if value is None else Reason.WRONG_TYPE
        raise BadRecord(reason, f"{field}: expected a number, got {json_type(value)}")
    if not -_MAX <= value <= _MAX:
        raise BadRecord(Reason.TOO_LARGE, f"{field}: not within {-_MAX:.0f} and {_MAX:.0f}")
    return round(float(value), _DIGITS)
