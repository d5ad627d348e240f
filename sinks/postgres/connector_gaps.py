"""What connectors did not hear, as `connector_gaps` has it: for whoever shows it.

A channel's one row without an end says up to when it was heard. Only if that has not moved for a while is it
a gap that goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.sql import statements

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

_SQL = statements("connect")

#: A row without an end that has not moved for so long is of a channel that nobody hears.
SILENT_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class ConnectorGap:
    """A time in which a channel was not heard.

    Attributes:
        platform: whose channel it is.
        channel: as the platform's messages name it; of a Discord server its id, of VRChat `log`.
        began: up to when it was heard.
        ended: since when it is heard again; None while it is not.
        reason: why it was not.
        filled: when what was missed was fetched; None where it was not.
    """

    platform: str
    channel: str
    began: datetime
    ended: datetime | None
    reason: str
    filled: datetime | None


@dataclass(frozen=True, slots=True)
class MissedOfPlatform:
    """What is missing of a platform, and was not fetched.

    Attributes:
        platform: which.
        silent: how many channels are not heard now.
        silent_since: since when the first of them is not; None if there are none.
        gaps: how many gaps are over.
        lasted: how long these lasted together.
    """

    platform: str
    silent: int
    silent_since: datetime | None
    gaps: int
    lasted: timedelta


async def find_gaps(
    connection: asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record],
    platform: str | None,
    since: datetime,
    limit: int,
) -> list[ConnectorGap]:
    """Return the gaps that go on or ended since a time: the former first, then the newest first.

    Args:
        connection: of a user who may read them.
        platform: whose; None for all.
        since: what ended before is left out.
        limit: so many at most.
    """
    rows = await connection.fetch(_SQL.list_gaps, platform, since, SILENT_AFTER_S, limit)
    return [ConnectorGap(**row) for row in rows]


async def forget_channel(connection: asyncpg.Connection[asyncpg.Record], platform: str, channel: str) -> bool:
    """Have a channel that nobody means to hear any more be no gap; return whether it was ever heard.

    A connector that hears it all the same notes it anew.

    Args:
        connection: of a user with the rights of chatlog_writer.
        platform: whose.
        channel: as gaps name it.
    """
    return await connection.execute(_SQL.forget_channel, platform, channel) != "UPDATE 0"


async def sum_up_missed(
    connection: asyncpg.Connection[asyncpg.Record], since: datetime
) -> list[MissedOfPlatform]:
    """Return what is missing of each platform of which something is.

    Args:
        connection: of a user who may read the gaps.
        since: what ended before, and channels that were heard the last time before, are left out: nobody
            means to hear these any more.
    """
    rows = await connection.fetch(_SQL.sum_up_gaps, since, SILENT_AFTER_S)
    return [MissedOfPlatform(**row) for row in rows]
