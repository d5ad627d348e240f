"""Rows of audits and leads, however they came, as `models.audits` has them. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from models import JSON
from models.audits import Audit, AuditLead
from models.errors import BadRecord, Reason
from models.fields import INDEXED_MAX_BYTES, fits_index, required_timestamp_ms
from models.text import clean_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
#: 20261130 is a date in ISO 8601; no time that can be kept has so many digits as the other.
_DATE_DIGITS, _TOO_MANY_DIGITS = 8, 20


def audit_of(values: Mapping[str, JSON]) -> Audit:
    """Read an audit out of the values of its fields.

    Raises:
        BadRecord: it has no id or time, or one that cannot be kept.
    """
    return Audit(
        _required_id(values.get("id"), "id"),
        _id_or_none(values.get("lead_id"), "lead_id"),
        _text_or_none(values.get("actor"), "actor") or "",
        _text_or_none(values.get("action"), "action"),
        moment_ms(values.get("created_at"), "created_at"),
        values.get("payload"),
    )


def lead_of(values: Mapping[str, JSON]) -> AuditLead:
    """Read a lead out of the values of its fields.

    Raises:
        BadRecord: it has no id, or something that cannot be kept.
    """
    created = values.get("created_at")
    return AuditLead(
        _required_id(values.get("id"), "id"),
        _id_or_none(values.get("customer_id"), "customer_id"),
        _id_or_none(values.get("channel"), "channel"),
        _id_or_none(values.get("messenger_psid"), "messenger_psid"),
        _id_or_none(values.get("phone"), "phone"),
        _text_or_none(values.get("stage"), "stage"),
        moment_ms(created, "created_at") if created not in (None, "") else None,
    )


def moment_ms(value: JSON, field: str) -> int:
    """Return a time in ms since 1970: of ISO 8601, or of a number of ms, which may be text.

    What names no offset is UTC: so Prisma keeps times. Eight digits are a date.

    Raises:
        BadRecord: there is none, or it cannot be kept.
    """
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) != _DATE_DIGITS:
        value = int(value) if len(value) < _TOO_MANY_DIGITS else -1
    if isinstance(value, str) and value:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise BadRecord(Reason.WRONG_TYPE, f"{field}: no time in ISO 8601") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        try:
            value = (moment - _EPOCH) // _MILLISECOND
        except OverflowError:
            value = -1
    return required_timestamp_ms(None if value == "" else value, field)


def _required_id(value: JSON, field: str) -> str:
    found = _id_or_none(value, field)
    if found is None:
        raise BadRecord(Reason.MISSING_FIELD, f"{field}: missing or empty")
    return found


def _id_or_none(value: JSON, field: str) -> str | None:
    found = _text_or_none(value, field)
    if found is not None and not fits_index(found):
        raise BadRecord(Reason.TOO_LARGE, f"{field}: longer than {INDEXED_MAX_BYTES} bytes")
    return found


def _text_or_none(value: JSON, field: str) -> str | None:
    """Return a text or a whole number as text that can be kept; None for nothing.

    Raises:
        BadRecord: it is something else.
    """
    # So are nearly all, and have nothing in them that could not be kept.
    if type(value) is str and value and value.isprintable():
        return value
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecord(Reason.WRONG_TYPE, f"{field}: expected text or a whole number")
    return clean_text(str(value))
