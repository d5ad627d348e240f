"""What all figures are asked with: a pool, a clock, what the caller may see, and what sums do not know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.figures.errors import NoSuchFigures
from app.postgres.answers import answer_within
from models.access import Action
from models.figures import margin
from sinks.postgres.reading import reading_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import asyncpg

    from app.figures.rows import Estimated
    from models.access import Caller
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading
    from sinks.postgres.sums import SumsQuery


class Asking:
    """Asks the database for figures. Whatever is asked raises ServiceDown while it is down.

    Args:
        pool: connections that may read sums and messages.
        now: what time it is.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._now = now

    async def _reading(self, caller: Caller, action: Action = Action.SEE_FIGURES) -> Reading:
        async with answer_within():
            return await reading_of(self._pool, caller, action)

    async def _fetch(self, reading: Reading, asked: SumsQuery) -> list[dict[str, Any]]:
        if reading.readable.is_nothing:
            return []
        async with answer_within():
            return [dict(row) for row in await self._pool.fetch(asked.sql, *asked.arguments)]


def refuse_unsummed(wanted: MessageFilter) -> None:
    """Make sure that sums know what is looked for.

    Raises:
        NoSuchFigures: they do not.
    """
    unknown = [name for name in ("person", "question", "message_type") if getattr(wanted, name) is not None]
    if unknown:
        raise NoSuchFigures(
            f"Sums know no {unknown[0].replace('_', ' ')}: ask by platform, channel, survey, role and time."
        )


def estimated(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row tells of how many messages there were, in the words of `Estimated`."""
    return {
        "messages": row["messages"],
        "estimate": row["weight"],
        "margin": margin(row["weight"], row["squares"]),
    }


def notes_of_sample(items: Sequence[Estimated]) -> list[str]:
    """Return what is to be said of figures that a sample tells."""
    if any(item.margin > 0 for item in items):
        return [
            "Of channels that are sampled, figures are estimates: off by at most the margin, 19 times in 20."
        ]
    return []
