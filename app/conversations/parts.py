"""Parts of a conversation: before a place, after one, or about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sinks.postgres.said import Side, messages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.web.paging import Place
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading
    from sinks.postgres.talks import Talk

    Connection = asyncpg.Connection[asyncpg.Record]


class PartCut(NamedTuple):
    """Some messages out of a conversation.

    Attributes:
        rows: the oldest first.
        has_before: whether there are earlier ones.
        has_after: whether there are later ones.
    """

    rows: Sequence[asyncpg.Record]
    has_before: bool
    has_after: bool


class Parts:
    """Reads parts of one conversation.

    Args:
        connection: where.
        reading: what may be read.
        talk: which conversation.
        wanted: which of its messages.
    """

    def __init__(self, connection: Connection, reading: Reading, talk: Talk, wanted: MessageFilter) -> None:
        self._connection = connection
        self._reading = reading
        self._talk = talk
        self._wanted = wanted

    async def before(self, place: Place | None, limit: int) -> PartCut:
        """Return what was said before a place, up to it; without one, what was said last."""
        rows = await self._read(Side.BEFORE, place, limit)
        has_after = place is not None and bool(await self._read(Side.FROM, place, 0))
        return PartCut(rows[:limit][::-1], len(rows) > limit, has_after)

    async def after(self, place: Place, limit: int) -> PartCut:
        """Return what was said after a place, from it on."""
        rows = await self._read(Side.AFTER, place, limit)
        has_before = bool(await self._read(Side.UP_TO, place, 0))
        return PartCut(rows[:limit], has_before, len(rows) > limit)

    async def around(self, place: Place, limit: int) -> PartCut:
        """Return what was said about a place; near an end, what is missing there is had on the other side."""
        earlier = await self._read(Side.BEFORE, place, limit)
        later = await self._read(Side.FROM, place, limit)
        after = min(len(later), max(limit - limit // 2, limit - len(earlier)))
        before = min(len(earlier), limit - after)
        rows = [*earlier[:before][::-1], *later[:after]]
        return PartCut(rows, len(earlier) > before, len(later) > after)

    async def _read(self, where: Side, place: Place | None, limit: int) -> list[asyncpg.Record]:
        """Return so many and one more, going away from the place."""
        at = None if place is None else (place.moment, UUID(place.key))
        query = messages_of(self._talk, self._reading, self._wanted, where=where, place=at, limit=limit + 1)
        return await self._connection.fetch(*query.call)
