"""Days as people name them, in the zone that they live in. Pure, but for Python's table of zones."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeGuard
from zoneinfo import ZoneInfo

#: What is accepted for a zone, for messages.
ZONE_FORM = "the name of a zone such as Africa/Lagos or UTC"
#: Files of this machine beside the zones, which no database has: its own zone, and those with leap seconds.
_NOT_ZONES = re.compile(r"localtime|posixrules|right/.*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of a name (IANA): `Africa/Lagos`.

    Raises:
        ValueError: there is none.
    """
    unknown = ValueError(f"{name!r} is no time zone; accepted: {ZONE_FORM}")
    if _NOT_ZONES.fullmatch(name):
        raise unknown
    try:
        return ZoneInfo(name)
    # It reads a file of that name, and there may be a directory, or something else.
    except (KeyError, ValueError, OSError):
        raise unknown from None


def is_day(value: object) -> TypeGuard[str]:
    """Tell whether a value is a day as text: `2026-11-24`, and no time of it."""
    return isinstance(value, str) and _DAY.fullmatch(value.strip()) is not None


def begin_of(day: str, zone: ZoneInfo, *, days_later: int = 0) -> datetime:
    """Return when a day of a zone begins, or one that many days later.

    Raises:
        ValueError: the calendar has no such day.
    """
    try:
        begin = datetime.combine(date.fromisoformat(day.strip()) + timedelta(days_later), time(), zone)
        return begin.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{day!r} is no day; accepted: such as 2026-11-24") from None


def days_of(since: datetime | None, until: datetime | None, zone: ZoneInfo) -> tuple[str | None, str | None]:
    """Return the first and the last day that a span of time has something of, in a zone."""
    first = since.astimezone(zone).date().isoformat() if since else None
    last = (until - timedelta(microseconds=1)).astimezone(zone).date().isoformat() if until else None
    return first, last
