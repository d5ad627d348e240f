"""Where the pages of conversations lead, and what of a filter is set. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from app.conversations.moments import local_day
from app.conversations.naming import ROLES, platform_name
from app.reading.filters import query_of
from app.web import addresses

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from models.reading import MessageFilter

#: What is said of each part of a filter.
_LABELS = {
    "platform": "Platform",
    "channel": "Channel",
    "survey": "Survey",
    "survey_owner": "of",
    "person": "Person",
    "question": "Question",
    "message_type": "Type",
    "role": "Who spoke",
    "since": "From",
    "until": "Before",
}
#: Those that the bar shows always; the others are under "More".
_IN_SIGHT = frozenset({"platform", "person"})
#: How many of the last days are a click away.
_DAYS = 7


class Chip(NamedTuple):
    """A part of a filter that is set.

    Attributes:
        label: what it is about.
        value: what is looked for.
        without: the address of the list without it.
    """

    label: str
    value: str
    without: str


def with_query(path: str, query: dict[str, str]) -> str:
    """Return an address."""
    return f"{path}?{urlencode(query)}" if query else path


def conversation(conversation_id: UUID, query: dict[str, str] | None = None) -> str:
    """Return the address of a conversation, beside the list that the query is about."""
    return with_query(f"{addresses.CONVERSATIONS}/{conversation_id}", query or {})


def person(platform: str, person_id: str) -> str:
    """Return the address of the page of a person, whose id may hold anything."""
    return f"/people/{quote(platform, safe='')}/{quote(person_id, safe='')}"


def chips_of(wanted: MessageFilter, zone: ZoneInfo) -> list[Chip]:
    """Return what is set of a filter."""
    return [
        Chip(
            label,
            _value(name, getattr(wanted, name), zone),
            with_query(addresses.CONVERSATIONS, query_of(replace(wanted, **{name: None}))),
        )
        for name, label in _LABELS.items()
        if getattr(wanted, name) is not None
    ]


def set_under_more(wanted: MessageFilter) -> int:
    """Return how many parts of a filter are set that the bar does not show."""
    return sum(getattr(wanted, name) is not None for name in _LABELS if name not in _IN_SIGHT)


def days_of(wanted: MessageFilter, zone: ZoneInfo, today: date) -> list[tuple[str, str]]:
    """Return the last days, and the address of what was said on each."""
    days = [today - timedelta(days=back) for back in range(_DAYS)]
    return [(_day_name(day, today), _on(wanted, zone, day)) for day in days]


def day_value(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return the day of a moment as `<input type=date>` has it; empty for none."""
    return "" if moment is None else local_day(moment, zone).isoformat()


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins for the reader."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _on(wanted: MessageFilter, zone: ZoneInfo, day: date) -> str:
    of_day = replace(wanted, since=beginning_of(day, zone), until=beginning_of(day + timedelta(days=1), zone))
    return with_query(addresses.CONVERSATIONS, query_of(of_day))


def _day_name(day: date, today: date) -> str:
    return {0: "Today", 1: "Yesterday"}.get((today - day).days, f"{day:%A}")


def _value(name: str, value: str | datetime, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        local = value.astimezone(zone)
        day = f"{local.day} {local:%b} {local.year}"
        return day if local.time() == time() else f"{day}, {local:%H:%M}"
    if name == "platform":
        return platform_name(value)
    return ROLES.get(value, value) if name == "role" else value
