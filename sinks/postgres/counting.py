"""Counts people of days that are over: how many spoke, and how many of earlier weeks spoke again.

Sums of people count some twice, so they are counted anew, from what was said: of each UTC day that is over,
and again when more of it came later (`sinks.postgres.settling` opens it). Of a day whose messages have gone
nobody is counted any more. It is run by the owner of the tables, in `chatlog maintain`; two at once share the
days, and each day is a transaction that a death in it undoes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinks.postgres.message_changes import Connection

_SQL = statements("counting")
#: A day begins to be counted so long after its end: what was said last is written, and its sums are folded.
AFTER = timedelta(minutes=10)


def _now() -> datetime:
    return datetime.now(UTC)


async def count_people(connection: Connection, *, now: Callable[[], datetime] = _now) -> int:
    """Count people of all days that are over and have news; return how many days that were.

    Args:
        connection: as the owner of the tables, and in no transaction.
        now: what time it is.

    Raises:
        SinkError: the database is down, or refuses. What was counted stays.
    """
    counted = 0
    try:
        while await _count_a_day(connection, now()):
            counted += 1
    except DRIVER_ERRORS as error:
        raise classify(error) from None  # the chain could quote a row
    return counted


async def _count_a_day(connection: Connection, now: datetime) -> bool:
    """Count people of the next day, in one transaction; return whether there was one."""
    async with connection.transaction():
        found = await connection.fetchrow(_SQL.find_open_day, (now - AFTER).date())
        if found is None:
            return False
        platform, day = found
        if await connection.fetchval(_SQL.close_day, platform, day):
            await connection.execute(_SQL.forget_people, platform, day)
            await connection.execute(_SQL.count_people, platform, day)
            await connection.execute(_SQL.count_weeks, platform, day)
        return True
