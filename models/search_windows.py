"""In which parts of time a search looks, the newest first. Pure.

A page of the newest is mostly found in the last day; looking there alone takes some milliseconds, where all
of two years takes seconds for a frequent word. So a search goes back in windows, each longer than the one
before. A window lies within one piece of the indexes (`models.search_pieces`): for two of them at once the
planner knows of no index, and reads it all.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST = timedelta(days=1)
#: How much longer each window is: 24 months are 6 windows.
GROWTH = 4
#: What is before a window of this is looked through at once.
LONGEST = timedelta(days=400)
#: Before and after all that was ever said: Python has no other times.
BEGINNING, END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


class Window(NamedTuple):
    """A part of time, from `since` up to but not with `until`."""

    since: datetime
    until: datetime


def windows(
    since: datetime, until: datetime, newest: datetime, edges: Sequence[datetime]
) -> Iterator[Window]:
    """Yield the windows from `until` back to `since`.

    Args:
        since: where to end.
        until: where to begin.
        newest: when about the last message was said: what is later, as clocks that are wrong tell it, is in
            the first window, as far as edges allow.
        edges: where pieces of indexes begin and end, in order; no window goes over one of them.
    """
    end, span = until, FIRST
    while end > since:
        last = newest if end > newest + FIRST else end
        begin = since if span > LONGEST else last - min(span, last - BEGINNING)
        number = bisect_left(edges, end) - 1
        if number >= 0:
            begin = max(begin, edges[number])
        begin = max(begin, since)
        yield Window(begin, end)
        # Of what was covered: after a month of days, the next is no longer than one day's next.
        span = min(span, max(FIRST, last - begin)) * GROWTH
        end = begin
