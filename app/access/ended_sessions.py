"""Sessions of the pages that ended before their time, remembered until they would be over by themselves.

A cookie cannot be taken back from whoever has a copy of it; so every replica looks here before a session
counts. So it is with a sign-in that comes back from the identity provider: it counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.postgres.answers import answer_within
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.access.openid import PendingSignIn
    from app.access.sessions import Session

#: How long the database may take, the wait for a free connection included: each page waits for it.
ANSWER_WITHIN_S = 5.0

_SQL = statements("sessions")
_ADD = _SQL.end_session
_FIND = _SQL.find_ended_session


class EndedSessions:
    """Knows which sessions ended before their time, and which sign-ins have come back.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read ended_sessions, and add and delete its rows.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def add(self, session: Session) -> None:
        """End a session; one that has ended stays so."""
        await self._value(_ADD, session.id, session.ends)

    async def use_up(self, pending: PendingSignIn) -> bool:
        """Note that a sign-in has come back from the identity provider; tell whether it is the first time."""
        return await self._value(_ADD, pending.state, pending.ends) is not None

    async def has(self, session: Session) -> bool:
        """Tell whether a session has ended."""
        return await self._value(_FIND, session.id) is not None

    async def _value(self, query: str, *arguments: object) -> object:
        async with answer_within(ANSWER_WITHIN_S):
            return await self._pool.fetchval(query, *arguments)
