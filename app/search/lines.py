"""A line at random, of a channel or of a person: each of them as likely as any other."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from app.conversations.telling import tell_messages
from app.errors import NotFound
from app.postgres.answers import answer_within
from models.errors import ChatlogError, MustAct
from sinks.postgres.reading import reading_of
from sinks.postgres.searching import count_said, said_at
from sinks.postgres.unsent import find_unsent
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.conversations.rows import SaidMessage
    from models.access import Caller
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading
    from sinks.postgres.unsent import Unsent

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("search")
#: How often a day is drawn that has fewer messages for the caller than it was drawn for.
DRAWS = 20
_ONE_DAY = timedelta(days=1)


class SayWhose(ChatlogError):
    """A line of everybody is asked for; the message says of whom there can be one."""

    must_act = MustAct.CALLER

    def __init__(self) -> None:
        super().__init__("Say of which platform, and of which channel or person of it.")


class NoLine(NotFound):
    """Nothing was said there, or nothing that the caller may read."""

    def __init__(self) -> None:
        super().__init__("There is nothing there for you to read.")


class Lines:
    """Draws lines.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read messages and their sums, and whose surveys are whose.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def draw(self, caller: Caller, wanted: MessageFilter) -> SaidMessage:
        """Return one of the messages of a channel or a person, by chance.

        Args:
            caller: who asks.
            wanted: whose: a platform, and a channel or a person.

        Raises:
            SayWhose: it names none.
            NoLine: there is none that they may read.
        """
        if wanted.platform is None or (wanted.channel is None and wanted.person is None):
            raise SayWhose
        async with (
            answer_within(),
            self._pool.acquire() as pooled,
            pooled.transaction(isolation="repeatable_read", readonly=True),
        ):
            connection: Connection = pooled  # type: ignore[assignment]  # a proxy of one
            await connection.execute(_SQL.search_each_by_its_plan)
            reading = await reading_of(connection, caller)
            if reading.readable.is_nothing:
                raise NoLine
            drawing = _Drawing(connection, reading, wanted, await find_unsent(connection))
            row = await drawing.of_person() if wanted.person is not None else await drawing.of_channel()
            if row is None:
                raise NoLine
            (said,) = await tell_messages(connection, [row], reading)
            return said


class _Drawing:
    def __init__(
        self, connection: Connection, reading: Reading, wanted: MessageFilter, unsent: Unsent
    ) -> None:
        self._connection = connection
        self._reading = reading
        self._wanted = wanted
        self._unsent = unsent

    async def of_person(self) -> asyncpg.Record | None:
        """Draw from all: nobody says so much that they could not be counted."""
        return await self._one_of(self._wanted)

    async def of_channel(self) -> asyncpg.Record | None:
        """Draw a day by how many messages are counted of it, then one of its messages.

        A day has no more of them than are counted, and may have fewer for the caller: then the draw is as if
        it had been of one that is not theirs, and is repeated. So each of theirs is as likely as any other.
        """
        rows = await self._connection.fetch(_SQL.count_days, self._wanted.platform, self._wanted.channel)
        days = [row for row in rows if self._is_asked(row["day"])]
        sums = list(accumulate(row["messages"] for row in days))
        for _ in range(DRAWS if days else 0):
            drawn = secrets.randbelow(sums[-1])
            number = bisect_right(sums, drawn)
            place = drawn - (sums[number - 1] if number else 0)
            row = await self._at(self._of_day(days[number]["day"]), place)
            if row is not None:
                return row
        return await self._one_of(self._wanted)

    def _is_asked(self, day: datetime) -> bool:
        since, until = self._wanted.since, self._wanted.until
        begin = datetime.combine(day, time(), UTC)
        return (since is None or begin + _ONE_DAY > since) and (until is None or begin < until)

    def _of_day(self, day: datetime) -> MessageFilter:
        begin = datetime.combine(day, time(), UTC)
        end = begin + _ONE_DAY
        return replace(
            self._wanted,
            since=max(begin, self._wanted.since or begin),
            until=min(end, self._wanted.until or end),
        )

    async def _one_of(self, wanted: MessageFilter) -> asyncpg.Record | None:
        many: int = await self._connection.fetchval(*count_said(self._reading, wanted, self._unsent).call)
        return await self._at(wanted, secrets.randbelow(many)) if many else None

    async def _at(self, wanted: MessageFilter, place: int) -> asyncpg.Record | None:
        return await self._connection.fetchrow(*said_at(self._reading, wanted, self._unsent, place).call)
