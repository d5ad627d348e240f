"""Moments as threads and lists show them: in the reader's zone, in short and exactly. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Say the time of a day: `14:04`."""
    return f"{_in(moment, zone):%H:%M}"


def exactly(moment: datetime, zone: ZoneInfo) -> str:
    """Say a moment to the ms, with its zone: `Tuesday, 24 November 2026, 14:04:20.123 (EAT)`."""
    local = _in(moment, zone)
    return f"{_day(local.date())}, {local:%H:%M:%S}.{local.microsecond // 1000:03} ({local.tzname()})"


def day_of(moment: datetime, zone: ZoneInfo, today: date) -> str:
    """Say the day of a moment: `Today, 30 November 2026`, `Tuesday, 24 November 2026`."""
    day = _in(moment, zone).date()
    near = {0: "Today", 1: "Yesterday"}.get((today - day).days)
    return f"{near}, {day.day} {day:%B} {day.year}" if near else _day(day)


def briefly(moment: datetime, zone: ZoneInfo, today: date) -> str:
    """Say a moment where there is little room: `14:04` today, `24 Nov` this year, else `24 Nov 2025`."""
    local = _in(moment, zone)
    day = local.date()
    if day == today:
        return f"{local:%H:%M}"
    return f"{day.day} {day:%b}" + ("" if day.year == today.year else f" {day.year}")


def to_the_minute(moment: datetime, zone: ZoneInfo) -> str:
    """Say a moment for a table: `24 Nov 2026, 14:04`."""
    local = _in(moment, zone)
    return f"{local.day} {local:%b} {local.year}, {local:%H:%M}"


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day on which a moment is for the reader."""
    return _in(moment, zone).date()


def _day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def _in(moment: datetime, zone: ZoneInfo) -> datetime:
    # Beyond the calendar's ends by its offset, it stays in UTC.
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)
