"""What can be chosen on the page of figures: a time, what one figure is of, how they are told apart. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

from app.figures.periods import BEGINNING, Period
from app.figures.rows import Every, Split
from app.reading.filters import query_of

if TYPE_CHECKING:
    from models.reading import MessageFilter

#: Times that are chosen by a click: by their days, and what they are called.
RANGES = (
    ("1", "24 hours"),
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "A year"),
    ("all", "All"),
)
_USUAL = "30"
#: What one figure is of, where nothing else is chosen; by the days that are shown.
EVERY_BY_DAYS = {"1": Every.HOUR, "7": Every.DAY, "30": Every.DAY, "90": Every.DAY, "365": Every.WEEK}
#: Of a time that is chosen by dates, more days than these are shown by the week.
_DAYS_MAX = 120
#: Months are counted for so long a time that weeks were too many.
_WEEKS_MAX = 2 * 365


class FiguresPart(NamedTuple):
    """A part of the page.

    Attributes:
        key: by which it is asked for.
        title: over it.
        route: of the API, which has the same as a file.
        of_words: whether it shows what was said, or people.
        of_survey: whether it is about a survey.
    """

    key: str
    title: str
    route: str
    of_words: bool = False
    of_survey: bool = False


PARTS = (
    FiguresPart("live", "Now", "live"),
    FiguresPart("messages", "Messages and people", "messages"),
    FiguresPart("questions", "Questions of the survey", "questions", of_survey=True),
    FiguresPart("responses", "Response times", "responses"),
    FiguresPart("weekdays", "Hours of the week", "weekdays"),
    FiguresPart("retention", "Who comes back", "retention"),
    FiguresPart("sessions", "Sessions", "sessions"),
    FiguresPart("texts", "Said most often", "texts", of_words=True),
    FiguresPart("activity", "Who says the most", "activity", of_words=True),
)


@dataclass(frozen=True, slots=True)
class FiguresWanted:
    """What the page looks for.

    Attributes:
        wanted: of what; with the times that are shown.
        days: the time that was chosen by a click; empty where it was chosen by dates.
        every: what one figure is of.
        by: by what figures are told apart; None for not at all.
        chosen: what was chosen otherwise than it is by default, as a query.
    """

    wanted: MessageFilter
    days: str
    every: Every
    by: Split | None
    chosen: dict[str, str]

    @classmethod
    def of(cls, wanted: MessageFilter, now: datetime, *, days: str, every: str, by: str) -> Self:
        """Return what is looked for: 30 days, where no time is."""
        if wanted.since is not None or wanted.until is not None:
            days = ""
        elif days not in {each for each, _ in RANGES}:
            days = _USUAL
        timed = _with_times(wanted, days, now)
        span = Period.of(timed, now)
        sensible = EVERY_BY_DAYS.get(days) or _sensible(span)
        chosen = Every(every) if every in set(Every) else sensible
        split = Split(by) if by in set(Split) else None
        query = query_of(wanted) | ({"days": days} if days and days != _USUAL else {})
        query |= {"every": chosen.value} if chosen is not sensible else {}
        query |= {"by": split.value} if split else {}
        return cls(timed, days, chosen, split, query)

    @property
    def query(self) -> dict[str, str]:
        """By what the same is looked for again."""
        return self.chosen

    @property
    def first_day(self) -> str:
        """The first day that is shown, as a form has it."""
        return "" if self.days or self.wanted.since is None else self.wanted.since.date().isoformat()

    @property
    def end_day(self) -> str:
        """The day before which it ends."""
        return "" if self.days or self.wanted.until is None else self.wanted.until.date().isoformat()

    def query_for(self, days: str) -> dict[str, str]:
        """Return by what the same is looked for in another time."""
        rest = {
            key: value for key, value in self.chosen.items() if key not in {"since", "until", "days", "every"}
        }
        return rest | {"days": days}

    def query_of_api(self, part: FiguresPart) -> dict[str, str]:
        """Return by what the API is asked for the same."""
        query = query_of(self.wanted)
        if part.key in {"messages", "responses"}:
            query["every"] = self.every.value
        if part.key == "messages" and self.by:
            query["by"] = self.by.value
        return query


def _with_times(wanted: MessageFilter, days: str, now: datetime) -> MessageFilter:
    if not days:
        return wanted
    if days == "all":
        return replace(wanted, since=BEGINNING)
    if days == "1":
        return replace(wanted, since=now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23))
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return replace(wanted, since=today - timedelta(days=int(days) - 1))


def _sensible(span: Period) -> Every:
    days = (span.end_day - span.first_day).days
    if days <= 2:
        return Every.HOUR
    if days <= _DAYS_MAX:
        return Every.DAY
    return Every.WEEK if days <= _WEEKS_MAX else Every.MONTH
