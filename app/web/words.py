"""Figures, sizes and times as people read them: on pages, in the views of workers, in terminals. Pure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

#: Units of an age, in seconds. The script of the pages is given them: ages grow while a page is looked at.
AGES = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_DURATIONS = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))
_SIZES = ("kB", "MB", "GB", "TB")


def number(value: float | None) -> str:
    """Say a number with thousands set apart: `12,345`, `7.2`; with a fraction if small; a dash for None."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) < 100 and value % 1 else f"{value:,.0f}"


def short(value: float) -> str:
    """Say a number in at most four signs: `999`, `1.2k`, `12k`, `3.4M`."""
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if value >= size * 0.9995:
            return f"{value / size:.1f}{sign}" if value < size * 9.95 else f"{value / size:.0f}{sign}"
    return f"{value:.0f}"


def counted(count: int, noun: str) -> str:
    """Say how many of something there are: `1 row`, `12,345 rows`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def size(size_bytes: int) -> str:
    """Say a size as file managers do, in powers of ten: `812 bytes`, `1.4 MB`."""
    if size_bytes < 1000:
        return counted(size_bytes, "byte")
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
    for unit, length in AGES:
        if count := int(seconds // length) if seconds > 0 else 0:
            return f"{counted(count, unit)} ago"
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


def duration(seconds: float | None) -> str:
    """Say how long something took or lasts, in its two largest units.

    `unknown`, `0 s`, `3.4 ms`, `440 ms`, `3.2 s`, `12 s`, `3 min 20 s`, `5 h 7 min`, `2 d 3 h`.

    Args:
        seconds: not negative; None if that is not known.
    """
    if seconds is None:
        return "unknown"
    if 0 < seconds < 0.9995:
        return f"{number(seconds * 1000)} ms"
    # What would be rounded up to the next unit belongs to it.
    if seconds < 9.95:
        return f"{number(round(seconds, 1))} s"
    whole = round(seconds)
    for unit, length, smaller, smaller_length in _DURATIONS:
        if whole >= length:
            rest = whole % length // smaller_length
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
