"""What there is to search by: the indexes of words, as the catalog tells."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.search_windows import BEGINNING
from sinks.sql import statements

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

_FIND_EDGES = statements("search").find_edges


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes of words that there are.

    Attributes:
        edges: where pieces of them begin and end, in order: no statement may look across one.
        closed: until when they are; what is later is read through.
        languages: platform and language of those by stems that are complete.
    """

    edges: tuple[datetime, ...]
    closed: datetime
    languages: frozenset[tuple[str, str]]


async def find_indexes(connection: Connection) -> Indexes:
    """Return what there is to search by."""
    return _indexes_of(await connection.fetch(_FIND_EDGES))


def _indexes_of(rows: list[asyncpg.Record]) -> Indexes:
    edges: set[datetime] = set()
    counts: dict[tuple[str, str | None], dict[tuple[datetime, datetime], int]] = defaultdict(dict)
    for row in rows:
        if row["since"] is not None:
            edges |= {row["since"], row["until"]}
        counts[row["platform"], row["language"]][row["since"], row["until"]] = row["indexes"]
    ready = {
        (platform, language)
        for (platform, language), there in counts.items()
        if language is not None
        and all(there.get(part, 0) >= many for part, many in counts[platform, None].items())
    }
    return Indexes(tuple(sorted(edges)), max(edges, default=BEGINNING), frozenset(ready))
