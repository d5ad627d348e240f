"""Whether search has the indexes of words that it goes by; `chatlog maintain` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

_WITHOUT = statements("doctor").find_without_pieces
#: The revision that makes what they are indexes of.
_SINCE = "0025"
_NAMED = 3


async def check_search(connection: asyncpg.Connection[asyncpg.Record], revision: str) -> list[Finding]:
    """Say which tables have no index of words.

    Args:
        connection: to the database.
        revision: that it is at.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    if revision < _SINCE:
        return []
    lacking = [row["name"] for row in await connection.fetch(_WITHOUT)]
    if not lacking:
        return [Finding("search", Level.OK, "what is over has its indexes of words")]
    others = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    what = f"no index of words is of {', '.join(lacking[:_NAMED])}{others}: search reads them as a whole"
    return [Finding("search", Level.NOTE, what, "chatlog maintain, now and again")]
