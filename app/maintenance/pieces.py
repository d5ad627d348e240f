"""Makes and drops the indexes that search goes by, leaf by leaf.

Which there are to be, `models.search_pieces` says. Each is made beside the writers (CREATE INDEX
CONCURRENTLY), on one core, one after the other, the newest first. Whatever ends this process leaves at most
one index that is of no use, and is made again by the next.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from models.search_pieces import (
    HOURS_FROM_ROWS,
    WHOLE,
    IndexPart,
    Leaf,
    hours_over,
    is_over,
    name_of,
    parts_over,
    superseded,
)
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]
    Say = Callable[[str], None]

_SQL = statements("maintain")


class WordIndex(NamedTuple):
    """An index of words that is there.

    Attributes:
        name: as SQL calls it.
        part: of which rows; None for all.
        is_valid: whether it can be used.
    """

    name: str
    part: IndexPart | None
    is_valid: bool


@dataclass(frozen=True, slots=True)
class IndexedTable:
    """A table that holds rows, as the catalog tells of it.

    Attributes:
        leaf: which.
        plain_name: without its schema.
        platform: whose rows it has; None where they may be any's.
        is_ours: whether the user may make indexes of it.
    """

    leaf: Leaf
    plain_name: str
    platform: str | None
    is_ours: bool


class Pieces:
    """Brings the indexes of words to what they are to be.

    Args:
        connection: of the tables' owner, outside any transaction, with a session of its own.
        now: what time it is.
        say: told of each index that was made or dropped, in a line.
    """

    def __init__(self, connection: Connection, now: datetime, say: Say) -> None:
        self._connection = connection
        self._now = now
        self._say = say
        self.changes = 0

    async def bring_up_to_date(self) -> None:
        """Make what is missing, mend what is broken, drop what serves nobody.

        Raises:
            asyncpg.PostgresError: the server refuses.
        """
        await self._connection.execute(_SQL.take_little)
        wanted, unspoken = await look(self._connection)
        for index in unspoken:
            await self._drop(index.name, "nobody says any more that its language is spoken there")
        for table, language, there in wanted:
            if table.is_ours:
                await self._bring(table, language, there)

    async def _bring(self, table: IndexedTable, language: str | None, there: Collection[WordIndex]) -> None:
        for broken in [index for index in there if not index.is_valid]:
            await self._drop(broken.name, "it was not finished")
        good = {index.part: index.name for index in there if index.is_valid}
        if WHOLE not in good:
            if is_over(table.leaf, self._now):
                if good or await self._rows(table.leaf, table.leaf.since, table.leaf.until, 1):
                    await self._make(table, WHOLE, language)
                    good[WHOLE] = ""
            else:
                await self._bring_parts(table, language, good)
        if WHOLE in good:
            for part in superseded([part for part in good if part is not None], WHOLE):
                await self._drop(good[part], "its month has one as a whole")

    async def _bring_parts(
        self, table: IndexedTable, language: str | None, good: dict[IndexPart | None, str]
    ) -> None:
        parts = [part for part in good if part is not None]
        for over in parts_over(table.leaf, self._now):
            if over not in good and await self._rows(table.leaf, over.since, over.until, 1):
                await self._make(table, over, language)
                for part in superseded(parts, over):
                    await self._drop(good[part], "there is one of more days")
        hours = hours_over(table.leaf, self._now, parts)
        if hours is not None:
            rows = await self._rows(table.leaf, hours.since, hours.until, HOURS_FROM_ROWS)
            if rows >= HOURS_FROM_ROWS:
                await self._make(table, hours, language)

    async def _rows(self, leaf: Leaf, since: datetime | None, until: datetime | None, most: int) -> int:
        return await count_rows(self._connection, leaf, since, until, most)

    async def _make(self, table: IndexedTable, part: IndexPart | None, language: str | None) -> None:
        name = name_of(table.plain_name, part, language)
        since, until = (None, None) if part is WHOLE else (part.since, part.until)
        statement = await self._connection.fetchval(
            _SQL.piece_statement, table.leaf.name, name, language, since, until
        )
        await self._connection.execute(statement)
        self.changes += 1
        self._say(f"Made {name}")

    async def _drop(self, name: str, why: str) -> None:
        await self._connection.execute(await self._connection.fetchval(_SQL.drop_statement, name))
        self.changes += 1
        self._say(f"Dropped {name}: {why}")


async def look(
    connection: Connection,
) -> tuple[list[tuple[IndexedTable, str | None, list[WordIndex]]], list[WordIndex]]:
    """Return the tables and languages of which there are to be indexes, with those there are; and others."""
    tables = [
        IndexedTable(
            Leaf(row["name"], row["since"], row["until"]), row["plain_name"], row["platform"], row["is_ours"]
        )
        for row in await connection.fetch(_SQL.find_leaves)
    ]
    there: dict[tuple[str, str | None], list[WordIndex]] = defaultdict(list)
    names = [table.leaf.name for table in tables]
    for row in await connection.fetch(_SQL.find_pieces, names):
        part = None if row["since"] is None else IndexPart(row["since"], row["until"])
        there[row["leaf"], row["language"]].append(WordIndex(row["name"], part, row["is_valid"]))
    spoken: dict[str, set[str]] = defaultdict(set)
    for row in await connection.fetch(_SQL.find_languages):
        spoken[row["platform"]].add(row["language"])
    # The words as they are first: every search asks for them.
    wanted: list[tuple[IndexedTable, str | None, list[WordIndex]]] = [
        (table, None, there.pop((table.leaf.name, None), [])) for table in tables
    ]
    wanted += [
        (table, language, there.pop((table.leaf.name, language), []))
        for table in tables
        for language in sorted(spoken[table.platform or ""])
    ]
    return wanted, [index for others in there.values() for index in others]


async def count_rows(
    connection: Connection, leaf: Leaf, since: datetime | None, until: datetime | None, most: int
) -> int:
    """Return how many rows a table has between two times, or of all times, and no more than `most`."""
    statement = await connection.fetchval(_SQL.rows_statement, leaf.name, since, until, most)
    found: int = await connection.fetchval(statement)
    return found
