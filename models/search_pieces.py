"""Which indexes of words there have to be: the rule by which `chatlog maintain` makes and drops them. Pure.

An index of words on what is being written to would cost a third of the speed of writing. So each month of a
table has one when it is over, as a whole. The month that goes on has one for each of its weeks that are over
(days 1 to 7 and so on) and of the days after these, which give way to that of the week, as weeks do to that
of the month: few, since each search of a rare word asks all of them. What comes late for a day that is over
goes into its index by itself. What is not over is read through: little, but on a busy day, of which the hours
that are over get one, too, when they hold `HOURS_FROM_ROWS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: When a day or a month counts as over: what was said in it has been written.
OVER_AFTER = timedelta(minutes=30)
#: Of so many rows in hours that are over, an index is made before their day is.
HOURS_FROM_ROWS = 100_000
_WEEK, _DAY, _HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A table that holds rows: a partition that has none itself.

    Attributes:
        name: as SQL calls it.
        since: from when on its rows are; None of a default partition, which has what no other does.
        until: before when they are; None of a default partition.
    """

    name: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class IndexPart:
    """Of which rows of a leaf an index is: those of some days or hours.

    Attributes:
        since: from when on.
        until: before when.
    """

    since: datetime
    until: datetime

    def has(self, other: IndexPart) -> bool:
        """Tell whether all of another part is in it."""
        return self.since <= other.since and other.until <= self.until


#: The index of all rows of a leaf.
WHOLE = None


def is_over(leaf: Leaf, now: datetime) -> bool:
    """Tell whether a leaf gets one index: its month is over, or it is a default partition."""
    return leaf.until is None or leaf.until + OVER_AFTER <= now


def parts_over(leaf: Leaf, now: datetime) -> Iterator[IndexPart]:
    """Yield the days, then the weeks of a leaf that are over, the newest first; none of one that is over."""
    if leaf.since is None or leaf.until is None:
        return
    end = min(leaf.until, (now - OVER_AFTER).replace(hour=0, minute=0, second=0, microsecond=0))
    weeks = max(0, (end - leaf.since) // _WEEK)
    while end - _DAY >= leaf.since + weeks * _WEEK:
        yield IndexPart(end - _DAY, end)
        end -= _DAY
    for number in reversed(range(weeks)):
        yield IndexPart(leaf.since + number * _WEEK, leaf.since + (number + 1) * _WEEK)


def hours_over(leaf: Leaf, now: datetime, there: Collection[IndexPart]) -> IndexPart | None:
    """Return the hours of the day that goes on which are over and of which no index is yet."""
    if leaf.since is None or leaf.until is None:
        return None
    last = (now - OVER_AFTER).replace(minute=0, second=0, microsecond=0)
    today = last.replace(hour=0)
    since = max([today, leaf.since, *(part.until for part in there if part.since >= today)])
    return IndexPart(since, last) if since + _HOUR <= last <= leaf.until else None


def superseded(there: Collection[IndexPart], made: IndexPart | None) -> list[IndexPart]:
    """Return the parts whose indexes serve nobody any more, now that there is one of `made` (or of all)."""
    return [part for part in there if made is WHOLE or (part != made and made.has(part))]


def name_of(leaf: str, part: IndexPart | None, language: str | None) -> str:
    """Return what an index is called: after the leaf, the language of stems, the days or the hours."""
    name = f"{leaf}_fts" + (f"_{language[:2]}{len(language)}" if language else "")
    if part is WHOLE:
        return name
    span = part.until - part.since
    if span < _DAY:
        return f"{name}_{part.since:%d_%H}_{part.until:%H}"
    last = part.until - _DAY
    return f"{name}_{part.since:%d}" + (f"_to_{last:%d}" if span > _DAY else "")
