"""How much was said in the last hours, and by how many, as far as a caller may know: for the first page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.reading import EVERYTHING
from sinks.postgres.reading import Conditions

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from sinks.postgres.reading import Reading

_HOURS = (
    "SELECT ((extract(epoch FROM timestamp) - $1::float8) / 3600)::int AS hour, count(*) AS messages "
    "FROM all_messages WHERE {conditions} GROUP BY 1"
)
_TALKING = (
    "SELECT count(DISTINCT (platform, author_id)) AS people FROM all_messages "
    "WHERE {conditions} AND role = 'user'::varchar AND author_id IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class LastHours:
    """How much was said lately.

    Attributes:
        hours: how many messages in each hour, the oldest first.
        talking: how many people said something a moment ago.
    """

    hours: tuple[int, ...]
    talking: int


async def look_back(
    connection: asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record],
    reading: Reading,
    *,
    first_hour: datetime,
    hours: int,
    talking_since: datetime,
) -> LastHours:
    """Count what was said.

    Args:
        connection: may read messages.
        reading: which of them the caller may count.
        first_hour: where the first hour begins.
        hours: how many there are.
        talking_since: who said something since then is talking now.
    """
    if reading.readable.is_nothing:
        return LastHours((0,) * hours, 0)
    # Half an hour before, as casting to int rounds to the nearest.
    said = Conditions(first_hour.timestamp() + 1800)
    said.keep_to(reading, replace(EVERYTHING, since=first_hour))
    rows = await connection.fetch(_HOURS.format(conditions=said.sql), *said.arguments)
    by_hour = {row["hour"]: row["messages"] for row in rows}
    now = Conditions()
    now.keep_to(reading, replace(EVERYTHING, since=talking_since))
    talking = await connection.fetchval(_TALKING.format(conditions=now.sql), *now.arguments)
    return LastHours(tuple(by_hour.get(hour, 0) for hour in range(hours)), talking)
