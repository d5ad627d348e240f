"""How many people talk now, as far as a caller may know: for the first page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.reading import EVERYTHING
from sinks.postgres.reading import Conditions

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from sinks.postgres.reading import Reading

_TALKING = (
    "SELECT count(DISTINCT (platform, author_id)) AS people FROM all_messages "
    "WHERE {conditions} AND role = 'user'::varchar AND author_id IS NOT NULL"
)


async def count_talking(pool: asyncpg.Pool[asyncpg.Record], reading: Reading, since: datetime) -> int:
    """Return how many people said something since a time that is minutes ago.

    Args:
        pool: connections that may read messages.
        reading: which of them the caller may count.
        since: from when on.
    """
    if reading.readable.is_nothing:
        return 0
    conditions = Conditions()
    # Some minutes of all there is are few; all there is of some surveys may be much.
    conditions.keep_to(reading, replace(EVERYTHING, since=since), by_survey=False)
    people: int = await pool.fetchval(_TALKING.format(conditions=conditions.sql), *conditions.arguments)
    return people
