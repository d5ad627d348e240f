"""What goes on, for whoever looks: what was said lately, what is wrong, what is under way.

Each part is asked for side by side with the others, and one that cannot be had leaves its place empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from app.postgres.answers import answer_within
from models.access import Action
from sinks.errors import SinkError
from sinks.postgres.last_hours import look_back
from sinks.postgres.reading import reading_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import asyncpg

    from models.access import Caller

#: How far the page looks back, and who counts as talking now.
HOURS = 24
TALKING_FOR = timedelta(minutes=10)
#: Counting may take so long; then the page says that it took too long.
COUNTED_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class SaidLately:
    """What was said lately.

    Attributes:
        today: how many messages since midnight of the reader's zone.
        hours: how many in each of the last hours, the present one last.
        talking: how many people said something in the last minutes.
    """

    today: int
    hours: tuple[int, ...]
    talking: int


class Goings:
    """Tells what goes on.

    Args:
        pool: connections that may read messages.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def said(self, caller: Caller, zone: ZoneInfo) -> SaidLately | None:
        """Return what was said lately, as far as the caller may count it; None if it cannot be told now."""
        now = datetime.now(UTC)
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        try:
            async with answer_within(COUNTED_WITHIN_S), self._pool.acquire() as connection:
                lately = await look_back(
                    connection,
                    await reading_of(self._pool, caller, Action.SEE_FIGURES),
                    first_hour=this_hour - timedelta(hours=HOURS - 1),
                    hours=HOURS,
                    talking_since=now - TALKING_FOR,
                )
        except SinkError:
            return None
        return SaidLately(sum(lately.hours[-hours_of_today(now, zone) :]), lately.hours, lately.talking)


def hours_of_today(now: datetime, zone: ZoneInfo) -> int:
    """Return in how many hours, the present one among them, the day of a zone has gone so far.

    In a zone that is not whole hours from UTC, what was said in the first hour's part before midnight counts.
    """
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    begun = midnight.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    whole = now.replace(minute=0, second=0, microsecond=0) - begun
    return min(HOURS, int(whole / timedelta(hours=1)) + 1)
