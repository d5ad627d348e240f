"""What a plot shows, as the script of the page draws it: a line for each key over times or numbers. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from app.figures.periods import monday_of
from app.figures.rows import Every

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.figures.periods import Period
    from app.figures.rows import CurvePoint, MessagesAt, ResponsesAt

#: More lines than these nobody tells apart; the others are one.
LINES_MAX = 5
OTHERS = "all others"
#: A plot is a few thousand pixels wide; 27 years have so many days.
PLACES_MAX = 10_000
#: How long what a figure is of lasts, at least.
_LASTS = {
    Every.HOUR: timedelta(hours=1),
    Every.DAY: timedelta(days=1),
    Every.WEEK: timedelta(weeks=1),
    Every.MONTH: timedelta(days=28),
}


class Line(TypedDict):
    """A line of a plot: its name, and a value (or none) at each place."""

    label: str
    values: list[float | None]


class Plot(TypedDict):
    """A plot.

    Attributes:
        x: the places: seconds since 1970 in UTC, or numbers.
        is_time: whether they are times.
        is_of_hours: whether they are hours; else a time is told by its day.
        unit: of the values, as it is said after them.
        lines: what is drawn.
    """

    x: list[float]
    is_time: bool
    is_of_hours: bool
    unit: str
    lines: list[Line]


def plot_of_messages(
    items: Sequence[MessagesAt], span: Period, every: Every, *, people: bool = False
) -> Plot:
    """Return how much was said (or how many spoke) over time; where nothing was said, that is nought."""
    places = _places(span, every, [item.at for item in items])
    totals: defaultdict[str, float] = defaultdict(float)
    for item in items:
        totals[_label(item)] += item.estimate
    drawn = sorted(totals, key=lambda label: -totals[label])[:LINES_MAX]
    values: dict[str, dict[float, float]] = {label: {} for label in drawn}
    for item in items:
        value = item.people if people else item.estimate
        if value is None or (people and _label(item) not in values):
            continue
        of_it = values.setdefault(_label(item) if _label(item) in drawn else OTHERS, {})
        at = _seconds(item.at)
        of_it[at] = of_it.get(at, 0) + value
    missing = None if people else 0
    lines = [
        Line(
            label=label or ("People" if people else "Messages"),
            values=[of_it.get(at, missing) for at in places],
        )
        for label, of_it in values.items()
    ]
    return Plot(
        x=places,
        is_time=True,
        is_of_hours=every is Every.HOUR,
        unit="people" if people else "messages",
        lines=lines,
    )


def plot_of_responses(items: Sequence[ResponsesAt], span: Period, every: Every) -> Plot:
    """Return how long answers took over time, in seconds; nothing where nobody was answered."""
    places = _places(span, every, [item.at for item in items])

    def line(label: str, value_of: Callable[[ResponsesAt], float]) -> Line:
        known = {_seconds(item.at): value_of(item) / 1000 for item in items}
        return Line(label=label, values=[known.get(at) for at in places])

    lines = [
        line("Half of them (p50)", lambda item: item.p50_ms),
        line("95 % of them (p95)", lambda item: item.p95_ms),
    ]
    return Plot(x=places, is_time=True, is_of_hours=every is Every.HOUR, unit="s", lines=lines)


def plot_of_curve(points: Sequence[CurvePoint]) -> Plot:
    """Return which part of the people came back so many weeks later, in percent."""
    values: list[float | None] = [
        round(100 * point.returned / point.people, 2) if point.people else None for point in points
    ]
    return Plot(
        x=[point.weeks for point in points],
        is_time=False,
        is_of_hours=False,
        unit="%",
        lines=[Line(label="Spoke again", values=values)],
    )


def _label(item: MessagesAt) -> str:
    return OTHERS if item.key is None else (item.name if item.name is not None else item.key)


def _seconds(at: date | datetime) -> float:
    moment = at if isinstance(at, datetime) else datetime.combine(at, time(), UTC)
    return moment.timestamp()


def _places(span: Period, every: Every, seen: Iterable[Any]) -> list[float]:
    """Return all hours, days, weeks or months of a span; of too many, those of which there are figures."""
    if span.until - span.since > PLACES_MAX * _LASTS[every]:
        return sorted({_seconds(at) for at in seen})
    at: Any = span.first_day
    end: Any = span.end_day
    if every is Every.HOUR:
        at, end = span.since.astimezone(UTC).replace(minute=0, second=0, microsecond=0), span.until
    elif every is Every.WEEK:
        at = monday_of(at)
    elif every is Every.MONTH:
        at = at.replace(day=1)
    places: list[float] = []
    while at < end:
        places.append(_seconds(at))
        at = _after(at, every)
    return places


def _after(at: Any, every: Every) -> Any:
    if every is Every.MONTH:
        return (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return at + _LASTS[every]
