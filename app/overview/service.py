"""What was said lately, for whoever looks: by the hour from sums, and who talks now.

Each part is asked for side by side with the others, and one that cannot be had leaves its place empty.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from app.postgres.answers import answer_within
from models.access import Action
from sinks.errors import SinkError
from sinks.postgres.reading import reading_of
from sinks.postgres.talking import count_talking

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import asyncpg

    from app.figures.service import FiguresService
    from models.access import Caller

#: How far the page looks back, and who counts as talking now.
HOURS = 24
TALKING_FOR = timedelta(minutes=10)
#: Counting may take so long; then the page says that it took too long.
COUNTED_WITHIN_S = 2.0


class SaidLately(NamedTuple):
    """How much was said lately, as far as sums have it: some seconds behind.

    Attributes:
        today: how many messages since midnight of the reader's zone.
        hours: how many in each of the last hours, the present one last.
    """

    today: int
    hours: tuple[int, ...]


class Goings:
    """Tells what goes on.

    Args:
        pool: connections that may read messages.
        figures: knows sums.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], figures: FiguresService) -> None:
        self._pool = pool
        self._figures = figures

    async def lately(self, caller: Caller, zone: ZoneInfo) -> tuple[SaidLately | None, int | None]:
        """Return how much was said, and how many people talk now, as far as the caller may count it.

        What cannot be told now is None.
        """
        return await asyncio.gather(self._said(caller, zone), self._talking(caller))

    async def _said(self, caller: Caller, zone: ZoneInfo) -> SaidLately | None:
        try:
            async with asyncio.timeout(COUNTED_WITHIN_S):
                hours = await self._figures.last_hours(caller, HOURS)
        except (SinkError, TimeoutError):
            return None
        return SaidLately(sum(hours[-hours_of_today(datetime.now(UTC), zone) :]), tuple(hours))

    async def _talking(self, caller: Caller) -> int | None:
        since = datetime.now(UTC) - TALKING_FOR
        try:
            async with answer_within(COUNTED_WITHIN_S):
                reading = await reading_of(self._pool, caller, Action.SEE_FIGURES)
                return await count_talking(self._pool, reading, since)
        except SinkError:
            return None


def hours_of_today(now: datetime, zone: ZoneInfo) -> int:
    """Return in how many hours, the present one among them, the day of a zone has gone so far.

    In a zone that is not whole hours from UTC, what was said in the first hour's part before midnight counts.
    """
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    begun = midnight.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    whole = now.replace(minute=0, second=0, microsecond=0) - begun
    return min(HOURS, int(whole / timedelta(hours=1)) + 1)
