"""Finds words in all that somebody may read, the newest first or the best.

In windows from now back (`models.search_windows`), so that a page of a frequent word takes no longer than one
of a rare word. What one person or conversation said is looked through at once. Whoever shows what is given
here has noted it before, in `access_log` (`app.access.AccessLog`).
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.conversations.telling import tell_messages
from app.postgres.answers import answer_within
from app.reading.patience import LOOK_WITHIN_S, given_up_within
from app.search.found import After, FoundPage, Hit
from app.search.indexes import IndexLookup
from app.search.stems import same_stems
from models.access import DEFAULT_TENANT, THREADS, Action
from models.search import parse
from models.search_marks import marked
from models.search_windows import BEGINNING, END, Window, windows
from sinks.postgres.reading import reading_of
from sinks.postgres.searching import Order, Sought, find_in
from sinks.postgres.talks import find_talk
from sinks.postgres.unsent import find_unsent
from sinks.postgres.ways import ways_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    import asyncpg

    from models.access import Caller
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading
    from sinks.postgres.word_indexes import Indexes

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("search")
_ADVICE = "name a platform, a channel or a time, or look for longer words"
#: So many of the newest are put in order by how well they fit.
RANKED_MAX = 1_000
_NO_ID = UUID(int=0)
_MICROSECOND = timedelta(microseconds=1)


class Search:
    """Searches.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read messages, and whose surveys are whose.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._lookup = IndexLookup()

    async def find(
        self,
        caller: Caller,
        typed: str,
        wanted: MessageFilter,
        *,
        order: Order = Order.NEWEST,
        limit: int,
        after: After | None = None,
        conversation: UUID | None = None,
        action: Action = Action.READ_MESSAGES,
    ) -> FoundPage:
        """Return a page of the messages in which there is what somebody looks for.

        Args:
            caller: who asks.
            typed: what for (`models.search.parse`).
            wanted: among which messages.
            order: the newest first, or the best of the newest `RANKED_MAX`.
            limit: how many at most.
            after: where to go on.
            conversation: only in this one.
            action: what is done with them.

        Raises:
            CannotSearch: nobody can look for that.
            TookTooLong: it takes too long.
        """
        query = parse(typed)
        async with self._searching() as connection:
            reading = await reading_of(connection, caller, action)
            talk = None if conversation is None else await find_talk(connection, conversation)
            if reading.readable.is_nothing or (conversation is not None and talk is None):
                return FoundPage((), query)
            indexes = await self._lookup.indexes(connection)
            sought = Sought(
                reading,
                wanted,
                query,
                await find_unsent(connection),
                talk=talk,
                by_survey=not await self._is_wide(connection, reading, wanted),
            )
            ways = await ways_of(connection, sought, indexes)
            if order is Order.RANK:
                return await self._ranked(connection, ways, indexes, limit, after)
            return await self._newest(connection, ways, indexes, limit, after)

    async def _newest(
        self,
        connection: Connection,
        ways: Sequence[Sought],
        indexes: Indexes,
        limit: int,
        after: After | None,
    ) -> FoundPage:
        rows = await self._rows(connection, ways, indexes, limit + 1, after)
        shown = rows[:limit]
        last = After(*_place(shown[-1])) if len(rows) > limit else None
        return FoundPage(await _tell(connection, shown, ways), ways[0].words, last)

    async def _ranked(
        self,
        connection: Connection,
        ways: Sequence[Sought],
        indexes: Indexes,
        limit: int,
        after: After | None,
    ) -> FoundPage:
        skip = after.skip if after else 0
        # What was said since the first page stays out, or the pages would not fit together.
        top = None if after is None else After(after.moment + _MICROSECOND, _NO_ID)
        rows = await self._rows(connection, ways, indexes, RANKED_MAX + 1, top, ranked=True)
        if not rows:
            return FoundPage((), ways[0].words, ranked=0)
        newest = _place(rows[0])
        best = sorted(rows[:RANKED_MAX], key=lambda row: row["rank"], reverse=True)
        shown = best[skip : skip + limit]
        there = skip + limit
        return FoundPage(
            await _tell(connection, shown, ways),
            ways[0].words,
            After(*newest, there) if len(best) > there else None,
            ranked=len(best),
            has_more_unranked=len(rows) > RANKED_MAX,
        )

    async def _rows(
        self,
        connection: Connection,
        ways: Sequence[Sought],
        indexes: Indexes,
        limit: int,
        after: After | None,
        *,
        ranked: bool = False,
    ) -> list[asyncpg.Record]:
        """Return so many of the newest that are found in any of the ways, or all that there are."""
        wanted = ways[0].wanted
        since = max(wanted.since or BEGINNING, BEGINNING)
        until = min(wanted.until or END, END, after.moment + _MICROSECOND if after else END)
        if ways[0].talk is not None or wanted.person is not None:
            parts: Iterable[Window] = (Window(since, until),) if since < until else ()
        else:
            tenant = ways[0].reading.readable.tenant
            platform = wanted.platform if tenant == DEFAULT_TENANT else THREADS
            newest = await self._lookup.newest(connection, tenant, platform)
            parts = windows(since, until, newest, indexes.edges)
        found: list[asyncpg.Record] = []
        for window in parts:
            rows: dict[tuple[Any, ...], asyncpg.Record] = {}
            for way in ways:
                is_open = window.since >= indexes.closed
                sought = way._replace(
                    after=after and (after.moment, after.id), fragments=way.fragments if is_open else ()
                )
                query = find_in(sought, window, limit=limit - len(found), ranked=ranked)
                for row in await connection.fetch(*query.call):
                    rows.setdefault((row["platform"], row["id"], row["timestamp"]), row)
            found += sorted(rows.values(), key=_place, reverse=True)
            if len(found) >= limit:
                break
        return found[:limit]

    async def _is_wide(self, connection: Connection, reading: Reading, wanted: MessageFilter) -> bool:
        """Tell whether what may be found is of surveys, and so much that their index is no help."""
        ids = None
        if wanted.survey is not None:
            ids = reading.ids_of(wanted.survey, wanted.survey_owner)
        elif reading.readable.surveyids is not None:
            ids = reading.readable.surveyids
        return ids is not None and await self._lookup.is_wide(connection, ids)

    @asynccontextmanager
    async def _searching(self) -> AsyncIterator[Connection]:
        """Give a connection for one search, which is given up in time."""
        async with (
            given_up_within(LOOK_WITHIN_S, "search", _ADVICE),
            answer_within(2 * LOOK_WITHIN_S),
            self._pool.acquire() as connection,
            connection.transaction(readonly=True),
        ):
            await connection.execute(_SQL.search_each_by_its_plan)
            yield connection  # type: ignore[misc]  # a proxy of one


def _place(row: asyncpg.Record) -> tuple[datetime, UUID]:
    return row["timestamp"], row["id"] or _NO_ID


async def _tell(
    connection: Connection, rows: Sequence[asyncpg.Record], ways: Sequence[Sought]
) -> tuple[Hit, ...]:
    """Return messages as they are shown, with what was looked for marked."""
    query = ways[0].words
    said = await tell_messages(connection, rows, ways[0].reading)
    also = await same_stems(connection, said, ways)
    return tuple(Hit(message, marked(message.content, query, also)) for message in said)
