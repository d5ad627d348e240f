"""From when to when figures are: the time that is asked for, and the days and weeks that it has. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from models.reading import MessageFilter

#: What is shown where no time is asked for.
USUAL = timedelta(days=90)
#: Nothing is looked for before or after.
BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Period(NamedTuple):
    """A time, in UTC."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, wanted: MessageFilter, now: datetime, usual: timedelta = USUAL) -> Self:
        """Return the time that is asked for: up to now, and from 90 days before, where nothing else is."""
        until = now if wanted.until is None else min(max(wanted.until, BEGINNING + usual), END)
        since = until - usual if wanted.since is None else max(wanted.since, BEGINNING)
        return cls(min(since, until), until)

    @staticmethod
    def of_time(at: date) -> datetime:
        """Return when an hour, or a day in UTC, begins."""
        return at if isinstance(at, datetime) else datetime.combine(at, time(), UTC)

    @property
    def first_day(self) -> date:
        """The UTC day in which it begins."""
        return self.since.astimezone(UTC).date()

    @property
    def end_day(self) -> date:
        """The first UTC day that is all behind it."""
        end = self.until.astimezone(UTC)
        return end.date() if end.time() == time() else end.date() + timedelta(days=1)

    @property
    def first_week(self) -> date:
        """The Monday of the week in which it begins."""
        return monday_of(self.first_day)


def monday_of(day: date) -> date:
    """Return the Monday on which the week of a day begins."""
    return day - timedelta(days=day.weekday())
