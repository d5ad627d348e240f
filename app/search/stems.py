"""Which words of what was found are of the stems that were looked for: those are marked, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.search_marks import words_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.conversations.rows import SaidMessage
    from sinks.postgres.searching import Sought

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("search")


async def same_stems(
    connection: Connection, said: Sequence[SaidMessage], ways: Sequence[Sought]
) -> frozenset[str]:
    """Return which words of these messages are of the stems that were looked for."""
    spoken = [way.spoken for way in ways if way.spoken is not None]
    if not spoken:
        return frozenset()
    words = {word.lower for message in said for word in words_of(message.content)}
    asked = " | ".join(f"({term.tsquery})" for term in ways[0].words.wanted)
    also: set[str] = set()
    for each in spoken:
        rows = await connection.fetch(_SQL.find_same_stem, each.language, sorted(words), asked)
        also |= {row["word"] for row in rows}
    return frozenset(also)
