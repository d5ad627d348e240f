"""Figures and times as people read them. Pure; the same words as the script of the pages uses."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_AGES = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_SIZES = ("kB", "MB", "GB", "TB")


def number(value: int) -> str:
    """Say a number with thousands set apart: `12,345`."""
    return f"{value:,}"


def capped(value: int, cap: int) -> str:
    """Say a number that was only counted up to a cap: `10,000+`."""
    return f"{cap:,}+" if value >= cap else number(value)


def size(size_bytes: int) -> str:
    """Say a size as file managers do, in powers of ten: `812 bytes`, `1.4 MB`."""
    if size_bytes < 1000:
        return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
    value = float(size_bytes)
    for unit in _SIZES:
        value /= 1000
        # What would be rounded up to a thousand belongs to the next unit.
        if value < 999.5 or unit == _SIZES[-1]:
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    raise AssertionError("the last unit takes any size")


def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was: `just now`, `1 minute ago`, `3 days ago`."""
    seconds = (now - moment).total_seconds()
    for unit, length in _AGES:
        if count := int(seconds // length) if seconds > 0 else 0:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def exactly(moment: datetime) -> str:
    """Say a moment to the second: `3 November 2026, 12:04:05 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B} {moment.year}, {moment:%H:%M:%S} UTC"


def machine_readable(moment: datetime) -> str:
    """Write a moment for `<time datetime>`: `2026-11-03T12:04:05Z`."""
    # Beyond the calendar's ends by its offset, it stays as it was written.
    with suppress(OverflowError):
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(length: timedelta) -> str:
    """Say how long something took: `less than a second`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = int(length.total_seconds())
    if seconds < 1:
        return "less than a second"
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
