"""Which conversations there are to which a filter applies, the one with the newest such message first.

Of a platform or a channel, the table of conversations tells. What else is looked for, messages have: they are
walked from the newest back, a day first and then four times as long, until a page is full. A room has so many
messages, all of one conversation, that rooms are asked one by one for their newest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from models.ids import conversation_key
from models.reading import MESSENGER, MessageFilter
from sinks.postgres.said import lately_in, newest_conversations, times_of
from sinks.postgres.talks import Talk
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.web.paging import Place
    from sinks.postgres.reading import Reading

    Connection = asyncpg.Connection[asyncpg.Record]

#: The first step back, and how much longer each next one is.
_FIRST_STEP, _LONGER = timedelta(days=1), 4
#: How many messages are read at once: those of a page of short conversations; then more.
_FIRST_BATCH = 2_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 12, 31, tzinfo=UTC)

_SQL = statements("conversations")


class Candidate(NamedTuple):
    """A conversation that was found.

    Attributes:
        id: which.
        matched: when its newest message was said to which the filter applies; None for its last one.
    """

    id: UUID
    matched: datetime | None


def is_plain(reading: Reading, wanted: MessageFilter) -> bool:
    """Tell whether the table of conversations knows enough: whole ones are looked for, by where they are."""
    return reading.readable.is_whole and wanted == MessageFilter(
        platform=wanted.platform, channel=wanted.channel
    )


async def find(
    connection: Connection, reading: Reading, wanted: MessageFilter, *, limit: int, after: Place | None
) -> list[Candidate]:
    """Return so many conversations, or fewer if there are no more.

    Args:
        connection: in a transaction with `plan_each_time`.
        reading: what may be read.
        wanted: what is looked for.
        limit: how many at most.
        after: the place of the one after which to go on.
    """
    if reading.readable.is_nothing:
        return []
    place = None if after is None else (after.moment, UUID(after.key))
    if is_plain(reading, wanted):
        rows = await connection.fetch(*newest_conversations(reading, wanted, limit=limit, after=place).call)
        return [Candidate(row["id"], None) for row in rows]
    found: dict[UUID, datetime] = {}
    for platform, has_others in await _platforms(connection, reading, wanted):
        look = _Walk(connection, reading, replace(wanted, platform=platform), place)
        if wanted.person is not None:
            found |= await look.at_all()
            continue
        if platform != MESSENGER:
            found |= await look.at_rooms()
        if has_others:
            found |= await look.back(limit)
    newest = sorted(((moment, talk) for talk, moment in found.items()), reverse=True)
    return [Candidate(talk, moment) for moment, talk in newest[:limit]]


class _Walk:
    """Looks for the conversations of one platform.

    Args:
        connection: as of `find`.
        reading: what may be read.
        wanted: what is looked for, of the platform.
        place: after which to go on.
    """

    def __init__(
        self,
        connection: Connection,
        reading: Reading,
        wanted: MessageFilter,
        place: tuple[datetime, UUID] | None,
    ) -> None:
        self._connection = connection
        self._reading = reading
        self._wanted = wanted
        self._platform = wanted.platform or ""
        self._place = place

    async def at_all(self) -> dict[UUID, datetime]:
        """Return what all messages tell that are looked for: there are not many, as those of one person."""
        pairs, _, _ = await self._lately(self._wanted, None)
        return self._after_place({talk.id: moment for talk, moment in pairs})

    async def at_rooms(self) -> dict[UUID, datetime]:
        """Return the rooms, each with its newest message that is looked for."""
        wanted = self._wanted
        rooms = await self._connection.fetch(
            _SQL.find_rooms, self._platform, wanted.channel, wanted.since or _BEGINNING, wanted.until or _END
        )
        talks = [Talk(row["id"], self._platform, row["channel"], "") for row in rooms]
        return self._after_place(await self._times(talks))

    async def back(self, limit: int) -> dict[UUID, datetime]:
        """Return so many conversations or more, found by walking messages from the newest back."""
        floor = self._wanted.since or _BEGINNING
        end = self._wanted.until
        if self._place is not None:
            end = min(end or _END, self._place[0] + timedelta(microseconds=1))
        begin, step = (end or datetime.now(UTC)) - _FIRST_STEP, _FIRST_STEP
        found: dict[UUID, datetime] = {}
        while True:
            begin = max(begin, floor)
            if await self._back_to(begin, end, limit, found) or begin == floor:
                return found
            step = min(step * _LONGER, begin - floor)
            begin, end = begin - step, begin

    async def _back_to(
        self, begin: datetime, end: datetime | None, limit: int, found: dict[UUID, datetime]
    ) -> bool:
        """Add what was said in a time to what was found; tell whether that is enough."""
        refused: set[UUID] = set()
        batch = _FIRST_BATCH
        while True:
            pairs, messages, oldest = await self._lately(replace(self._wanted, since=begin, until=end), batch)
            fresh = {
                talk: moment for talk, moment in pairs if talk.id not in found and talk.id not in refused
            }
            if self._place is None:
                added = {talk.id: moment for talk, moment in fresh.items()}
            else:
                # On a page before this one, if something newer was said there.
                added = self._after_place(await self._times(list(fresh)))
                refused |= {talk.id for talk in fresh} - added.keys()
            found |= added
            if messages < batch:
                return len(found) >= limit
            # Of the oldest moment there may be more.
            if sum(moment > oldest for moment in found.values()) >= limit:
                return True
            end, batch = oldest + timedelta(microseconds=1), batch * _LONGER

    async def _lately(
        self, wanted: MessageFilter, limit: int | None
    ) -> tuple[list[tuple[Talk, datetime]], int, datetime]:
        """Return conversations with the time of their newest message; how many messages; the oldest one's."""
        rows = await self._connection.fetch(*lately_in(self._reading, wanted, limit).call)
        pairs = [(self._talk_of(row), row["newest"]) for row in rows]
        return pairs, sum(row["messages"] for row in rows), min((row["oldest"] for row in rows), default=_END)

    async def _times(self, talks: list[Talk]) -> dict[UUID, datetime]:
        if not talks:
            return {}
        rows = await self._connection.fetch(
            *times_of(self._platform, talks, self._reading, self._wanted).call
        )
        return {row["talk"]: row["timestamp"] for row in rows}

    def _talk_of(self, row: asyncpg.Record) -> Talk:
        if self._platform != MESSENGER:
            return Talk(row["conversation_id"], self._platform, "", "")
        channel, person = row["channel"] or "", row["author_id"]
        return Talk(UUID(conversation_key(MESSENGER, channel, person)), MESSENGER, channel, person)

    def _after_place(self, found: dict[UUID, datetime]) -> dict[UUID, datetime]:
        place = self._place
        return {talk: moment for talk, moment in found.items() if place is None or (moment, talk) < place}


async def _platforms(
    connection: Connection, reading: Reading, wanted: MessageFilter
) -> list[tuple[str, bool]]:
    """Return where to look, and whether there are other conversations there than rooms."""
    # Nothing else is of a survey.
    of_surveys = None if wanted.survey is wanted.question is None else frozenset({MESSENGER})
    named = None if wanted.platform is None else frozenset({wanted.platform})
    rows = await connection.fetch(_SQL.find_platforms, reading.readable.tenant)
    return [
        (row["platform"], row["has_others"])
        for row in rows
        if all(
            only is None or row["platform"] in only
            for only in (reading.readable.platforms, of_surveys, named)
        )
    ]
