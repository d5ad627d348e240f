"""Figures from sums, which outlive what was said. Days and weeks are those of UTC."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from app.figures.asking import Asking, estimated, notes_of_sample, refuse_unsummed
from app.figures.errors import NoSuchFigures
from app.figures.joining import joined
from app.figures.periods import Period, monday_of
from app.figures.rows import (
    AtHour,
    CohortOf,
    CurvePoint,
    Every,
    Figures,
    MessagesAt,
    ResponsesAt,
    Retention,
    Split,
)
from app.postgres.answers import answer_within
from models.figures import RESPONSE_ERROR, cohorts_of, curve_of, percentile
from models.reading import EVERYTHING
from sinks.postgres.sums import counted_people, people_query, sums_query, without_times
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from models.access import Caller
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading

_SQL = statements("figures")
#: As many series as anybody tells apart; the rest is one.
KEYS_MAX = 12
#: Of surveys, all versions come, and become one each.
_ALL_KEYS = 100_000
#: Hours are shown of so long a time, at most.
HOURS_MAX = timedelta(days=31)
#: Who came back is shown of so long a time, where none is asked for.
_HALF_A_YEAR = timedelta(weeks=26)


class SumFigures(Asking):
    """Finds figures in sums."""

    async def messages(
        self, caller: Caller, wanted: MessageFilter, every: Every = Every.DAY, split: Split | None = None
    ) -> Figures[MessagesAt]:
        """Return how much was said over time, and by how many people.

        Raises:
            NoSuchFigures: sums do not know what is looked for, or the time is too long for hours.
        """
        refuse_unsummed(wanted)
        span, by_hour = Period.of(wanted, self._now()), every is Every.HOUR
        if by_hour and span.until - span.since > HOURS_MAX:
            raise NoSuchFigures(f"Figures by the hour are of {HOURS_MAX.days} days at most: ask for fewer.")
        reading = await self._reading(caller)
        statement = _SQL.messages_by_hour if by_hour else _SQL.messages_by_day
        begin, end = (span.since, span.until) if by_hour else (span.first_day, span.end_day)
        # Copies are left out of what is summed over channels.
        with_copies = split is Split.CHANNEL or wanted.channel is not None
        # Versions of a survey become one below.
        keys = _ALL_KEYS if split is Split.SURVEY else KEYS_MAX
        asked = sums_query(
            statement, reading, without_times(wanted), begin, end, every.value, split, with_copies, keys
        )
        rows = await self._fetch(reading, asked)
        people, notes = await self._people(reading, wanted, span, every, split)
        names = await self._names(split, reading, rows)
        items = joined(rows, people, names)
        notes += notes_of_sample(items)
        if not by_hour:
            notes.append("Days, weeks and months are those of UTC.")
        return Figures(since=span.since, until=span.until, items=items, notes=notes)

    async def last_hours(self, caller: Caller, hours: int = 24) -> list[int]:
        """Return how much was said in each of the last hours, this one the last; estimates, of samples."""
        reading = await self._reading(caller)
        now = self._now()
        first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
        asked = sums_query(
            _SQL.messages_by_hour, reading, EVERYTHING, *(first, now, Every.HOUR.value, None, False, 1)
        )
        counts = {row["at"]: round(row["weight"]) for row in await self._fetch(reading, asked)}
        return [counts.get(first + timedelta(hours=number), 0) for number in range(hours)]

    async def responses(
        self, caller: Caller, wanted: MessageFilter, every: Every = Every.DAY
    ) -> Figures[ResponsesAt]:
        """Return how long answers took over time.

        Raises:
            NoSuchFigures: as `messages` does; there are none by the hour.
        """
        refuse_unsummed(wanted)
        if every is Every.HOUR:
            raise NoSuchFigures("Response times are told by the day, week or month.")
        span, reading = Period.of(wanted, self._now()), await self._reading(caller)
        asked = sums_query(
            _SQL.responses_by_day, reading, without_times(wanted), span.first_day, span.end_day, every.value
        )
        counts: dict[date, list[tuple[float, int]]] = {}
        for row in await self._fetch(reading, asked):
            counts.setdefault(row["at"], []).append((row["ms"], row["responses"]))
        items = [
            ResponsesAt(
                at=at,
                responses=sum(count for _, count in of_it),
                p50_ms=percentile(of_it, 0.5) or 0,
                p95_ms=percentile(of_it, 0.95) or 0,
            )
            for at, of_it in counts.items()
        ]
        notes = [
            (
                f"Response times are told within {RESPONSE_ERROR:.0%}, of answers whose platform tells them; "
                "Messenger does not."
            )
        ]
        return Figures(since=span.since, until=span.until, items=items, notes=notes)

    async def by_weekday(self, caller: Caller, wanted: MessageFilter, zone: str) -> Figures[AtHour]:
        """Return how much was said in which hour of which day of the week, in a zone (IANA).

        Raises:
            NoSuchFigures: as `messages` does.
        """
        refuse_unsummed(wanted)
        span, reading = Period.of(wanted, self._now()), await self._reading(caller)
        asked = sums_query(
            _SQL.messages_by_weekday,
            reading,
            without_times(wanted),
            *(span.since, span.until, zone, wanted.channel is not None),
        )
        items = [
            AtHour(weekday=row["weekday"], hour=row["hour"], **estimated(row))
            for row in await self._fetch(reading, asked)
        ]
        notes = [f"Hours are those of {zone}.", *notes_of_sample(items)]
        offset = span.until.astimezone(ZoneInfo(zone)).utcoffset()
        if offset is not None and offset.seconds % 3600:
            notes.append("Sums are of whole hours in UTC, so each hour here is of up to an hour later.")
        return Figures(since=span.since, until=span.until, items=items, notes=notes)

    async def retention(self, caller: Caller, wanted: MessageFilter) -> Retention:
        """Return how many of those who first spoke in a week came back in later ones.

        Raises:
            NoSuchFigures: as `messages` does; or people are not counted of what is looked for.
        """
        refuse_unsummed(wanted)
        span, reading = Period.of(wanted, self._now(), _HALF_A_YEAR), await self._reading(caller)
        counted = counted_people(reading, wanted)
        if counted is None:
            raise NoSuchFigures(
                "People are counted of platforms, of channels and of surveys, each by itself: "
                "leave the channel of a survey out, and roles."
            )
        end = monday_of(min(self._now().date(), span.end_day))
        asked = people_query(_SQL.retention, counted, span.first_week, end)
        rows = await self._fetch(reading, asked)
        counts = [(row["first_week"], row["week"], row["people"]) for row in rows]
        cohorts = cohorts_of(counts, end - timedelta(weeks=1))
        notes = ["Weeks begin on Monday in UTC; those that are over are counted."]
        if not counted.is_exact:
            notes.append("Whoever spoke in two of the surveys or channels counts in each.")
        notes += await self._uncounted(span)
        return Retention(
            since=span.since,
            until=span.until,
            curve=[
                CurvePoint(weeks=number, people=people, returned=returned)
                for number, (people, returned) in enumerate(curve_of(cohorts))
                if cohorts
            ],
            items=[
                CohortOf(first_week=one.first_week, people=one.people, returned=list(one.returned))
                for one in cohorts
            ],
            notes=notes,
        )

    async def _people(
        self, reading: Reading, wanted: MessageFilter, span: Period, every: Every, split: Split | None
    ) -> tuple[dict[tuple[object, object], int], list[str]]:
        """Return how many people spoke, by time and key; and what to say of that."""
        counted = counted_people(reading, wanted, split)
        if counted is None or every in {Every.HOUR, Every.MONTH}:
            return {}, ["People are counted by the day and by the week."] if counted else []
        if every is Every.DAY:
            asked = people_query(_SQL.people_by_day, counted, span.first_day, span.end_day, split)
        else:
            asked = people_query(_SQL.people_by_week, counted, span.first_week, span.end_day, split)
        rows = await self._fetch(reading, asked)
        notes = (
            [] if counted.is_exact else ["Whoever spoke in two of the surveys or channels counts in each."]
        )
        notes += await self._uncounted(span)
        return {(row["at"], row["key"]): row["people"] for row in rows}, notes

    async def _uncounted(self, span: Period) -> list[str]:
        async with answer_within():
            days = await self._pool.fetchval(_SQL.uncounted_days, span.first_day, self._now().date())
        said = ["People of a day are counted when it is over."]
        return (
            [*said, f"Those of {days:,} days are still to be counted (chatlog maintain)."] if days else said
        )

    async def _names(
        self, split: Split | None, reading: Reading, rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, tuple[str, str]]:
        """Return what keys of rows become: those of one survey the same; and what each is called."""
        if split is Split.SURVEY:
            return {
                version.id: (f"{version.owner}/{version.name}", version.name) for version in reading.surveys
            } | {"": ("", "no survey")}
        keys = sorted({row["key"] for row in rows if row["key"]})
        if split is not Split.CHANNEL or not keys:
            return {}
        places = [key.partition("/") for key in keys]
        async with answer_within():
            found = await self._pool.fetch(
                _SQL.find_channel_names, [place[0] for place in places], [place[2] for place in places]
            )
        names = {f"{row['platform']}/{row['channel']}": row["name"] for row in found}
        return {key: (key, names.get(key) or key.rstrip("/")) for key in keys}
