"""What becomes of messages that are rows: texts, deletions and clears, applied within a transaction.

Whatever order they come in, and however often, the rows end up the same, as none of this adds to what a row
says: it is worked out anew from all versions of the message, which are kept first, while its row is locked.
What is taken back stays so, by the earliest time and the strictest rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from models.ids import source_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, TypeAlias

    import asyncpg

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[Any]

_SQL = statements("messages")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: How far back a clear of a whole channel reaches.
CLEARED_BACK = timedelta(days=1)
#: The strictest rule of what becomes of what is deleted.
BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Cleared:
    """A clear, as it is applied.

    Attributes:
        channel: where.
        author_id: whose messages; empty for everybody's.
        cleared: when.
        deletion: what becomes of the messages.
    """

    channel: str
    author_id: str
    cleared: datetime
    deletion: str

    @property
    def reaches_back_to(self) -> datetime:
        """Since when messages are taken back by it."""
        return _EPOCH if self.author_id else self.cleared - CLEARED_BACK


async def bring_up_to_date(connection: Connection, platform: str, messages: Mapping[str, str | None]) -> None:
    """Have the rows of messages as all of their versions say, and no text of those that are to be blank.

    Args:
        connection: in a transaction.
        platform: of the messages.
        messages: the ids of their rows, by source; None where it is not known. Those that have no row wait.
    """
    ids = [row for row in messages.values() if row is not None]
    found: list[str] = []
    if ids:
        span = span_of(ids)
        await connection.execute(_SQL.plan_for_one_platform)
        found = [str(row["id"]) for row in await connection.fetch(_SQL.lock_messages, platform, ids, *span)]
    blank: list[str] = []
    if found:
        span = span_of(found)
        await connection.execute(_SQL.keep_first_texts, platform, found, *span)
        told = await connection.fetch(_SQL.apply_versions, platform, found, *span)
        blank = [source_of(str(row["id"])) for row in told if row["deletion"] == BLANK]
        await connection.execute(_SQL.note_applied, platform, found, *span)
    waiting = messages.keys() - {source_of(row) for row in found}
    if blank or waiting:
        await connection.execute(_SQL.blank_versions, blank, list(waiting))


async def apply_clear(
    connection: Connection, platform: str, clear: Cleared, *, since: datetime, at_most: int
) -> int:
    """Take back messages that a clear is about; return how many it took back now.

    Args:
        connection: in a transaction.
        platform: of the channel.
        clear: that is kept already.
        since: of earlier messages nothing is done.
        at_most: how many messages are changed.
    """
    since = max(since, clear.reaches_back_to)
    await connection.execute(_SQL.plan_for_one_platform)
    if clear.author_id:
        found = await connection.fetch(
            _SQL.find_said_by,
            *(platform, clear.channel, clear.author_id, since, clear.cleared, clear.deletion, at_most),
        )
    else:
        found = await connection.fetch(
            _SQL.find_said_in, platform, clear.channel, since, clear.cleared, clear.deletion, at_most
        )
    ids = [str(row["id"]) for row in found]
    await _take_back(connection, platform, ids, [clear.cleared] * len(ids), [clear.deletion] * len(ids))
    return len(ids)


async def apply_earlier_clears(connection: Connection, platform: str, ids: Collection[str]) -> None:
    """Take back messages that were cleared before their rows came."""
    if not ids:
        return
    await connection.execute(_SQL.plan_for_one_platform)
    late = await connection.fetch(_SQL.find_late, platform, list(ids), *span_of(ids))
    await _take_back(
        connection,
        platform,
        [str(row["id"]) for row in late],
        [row["cleared"] for row in late],
        [row["deletion"] for row in late],
    )


async def _take_back(
    connection: Connection,
    platform: str,
    ids: Sequence[str],
    cleared: Sequence[datetime],
    deletions: Sequence[str],
) -> None:
    if not ids:
        return
    await connection.execute(_SQL.take_back, platform, ids, *span_of(ids), cleared, deletions)
    if blanked := [each for each, deletion in zip(ids, deletions, strict=True) if deletion == BLANK]:
        await bring_up_to_date(connection, platform, {source_of(each): each for each in blanked})


def moment(timestamp_ms: int) -> datetime:
    """Return a time as PostgreSQL's driver takes it."""
    return _EPOCH + timedelta(milliseconds=timestamp_ms)


def time_of(message: str) -> int:
    """Return when the message with an id was said, in ms since 1970."""
    return int(message[:8] + message[9:13], 16)


def span_of(ids: Collection[str]) -> tuple[datetime, datetime]:
    """Return when the first and the last of these were said: other months are left alone."""
    return moment(time_of(min(ids))), moment(time_of(max(ids)))
