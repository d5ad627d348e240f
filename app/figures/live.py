"""Figures of now: what the workers that store messages told in the last seconds, added up."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from app.figures.asking import Asking, refuse_unsummed
from app.figures.errors import NoSuchFigures
from app.figures.rows import LiveMinute, LiveNow
from models.figures import percentile, response_of_bucket
from sinks.postgres.sums import counted_people, people_query
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from models.access import Caller
    from models.reading import MessageFilter

_SQL = statements("figures")
#: Minutes that are shown, and those that are now.
_HOUR, _NOW = 60, 5
_MINUTE = timedelta(minutes=1)
#: A worker that told nothing for so long is not there any more.
_TOLD_WITHIN = 2 * _MINUTE


class LiveFigures(Asking):
    """Finds figures of now."""

    async def live(self, caller: Caller, wanted: MessageFilter) -> LiveNow:
        """Return what happens now; times that are looked for do not matter.

        Raises:
            NoSuchFigures: it is not counted of what is looked for.
        """
        refuse_unsummed(wanted)
        reading, now = await self._reading(caller), self._now()
        counted = counted_people(reading, wanted)
        if counted is None:
            raise NoSuchFigures(
                "What is said now is counted of platforms, of channels and of surveys, each by itself: "
                "leave the channel of a survey out, and roles."
            )
        asked = people_query(_SQL.live_minutes, counted, now - _HOUR * _MINUTE)
        rows = await self._fetch(reading, asked)
        found = added_up(rows, now)
        notes = ["About: what a worker stores again after trouble counts again."]
        if not counted.is_exact:
            notes.append("Whoever spoke in two of the surveys or channels counts in each.")
        if not found.workers:
            notes.append("No worker told anything in the last minutes: none runs, or nothing was said.")
        if any(not row["is_whole"] for row in rows):
            notes.append("There is more than a worker could remember: people are more than these.")
        return found.model_copy(update={"notes": notes})


def added_up(rows: Sequence[Mapping[str, Any]], now: datetime) -> LiveNow:
    """Return what rows of `live_figures` tell together."""
    this_minute = now.replace(second=0, microsecond=0)
    messages: Counter[datetime] = Counter()
    responses: Counter[int] = Counter()
    people: defaultdict[str, Counter[datetime]] = defaultdict(Counter)
    for row in rows:
        messages[row["minute"]] += row["messages"]
        people[row["worker"]][row["minute"]] += row["people"]
        if row["minute"] > this_minute - _NOW * _MINUTE:
            responses.update({int(bucket): many for bucket, many in orjson.loads(row["responses"]).items()})
    minutes = [this_minute - number * _MINUTE for number in range(_HOUR - 1, 0, -1)]
    told = {worker: max(by_minute) for worker, by_minute in people.items()}
    here = [worker for worker, latest in told.items() if latest >= this_minute - _TOLD_WITHIN]
    counts = [(response_of_bucket(bucket), many) for bucket, many in sorted(responses.items())]
    return LiveNow(
        at=now,
        minutes=[LiveMinute(minute=minute, messages=messages[minute]) for minute in minutes],
        per_minute=sum(messages[minute] for minute in minutes[-_NOW:]) / _NOW,
        people=sum(people[worker][told[worker]] for worker in here),
        p50_ms=percentile(counts, 0.5),
        p95_ms=percentile(counts, 0.95),
        workers=len(here),
        notes=[],
    )
