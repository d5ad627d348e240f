"""Sessions as they are read back by whoever logs them. That they do is noted before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from app.errors import NotFound
from app.postgres.answers import answer_within
from app.turns.rows import KnownSession, KnownTurn, SessionSums
from app.web.paging import Place
from models.access import APP_ENDS, ASSISTANT, DEFAULT_TENANT, Action, may
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.turns.names import SessionName
    from models.access import Caller

_SQL = statements("turns")

Row = TypeVar("Row")


class NoSuchSession(NotFound):
    """There is no such session, or it is another app's."""

    def __init__(self) -> None:
        super().__init__("There is no such session among yours; what was just logged is there in a moment.")


class _Reach(NamedTuple):
    """Which sessions somebody may read: all, those with a name, those whose names begin with one of some."""

    everything: bool
    names: list[str]
    beginnings: list[str]


class LoggedSessions:
    """Finds sessions and their turns.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read messages, conversations and sessions.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def turns(
        self, caller: Caller, session: SessionName, *, after: Place | None, newest_first: bool, limit: int
    ) -> tuple[list[KnownTurn], Place | None]:
        """Return turns of a session in order of time, and where the next ones are.

        Args:
            caller: who asks.
            session: which.
            after: the place that the last ones ended at; None to begin.
            newest_first: whether to begin at the end.
            limit: how many at most.

        Raises:
            NoSuchSession: there is none, or not for them.
        """
        _require(caller, session)
        moment, key = (None, None) if after is None else (after.moment, after.key)
        async with answer_within():
            rows = await self._pool.fetch(
                _SQL.find_turns, session.conversation_id, moment, key, newest_first, limit + 1
            )
            if not rows and after is None:
                await self._find(session)
        found = [KnownTurn.of(row) for row in rows]
        return _part(found, [Place(turn.timestamp, turn.id) for turn in found], limit)

    async def sums(self, caller: Caller, session: SessionName) -> SessionSums:
        """Return what a session comes to.

        Raises:
            NoSuchSession: there is none, or not for them.
        """
        _require(caller, session)
        async with answer_within():
            return SessionSums.of(await self._find(session), session.app)

    async def find(
        self, caller: Caller, app: str | None, *, person: str | None, after: Place | None, limit: int
    ) -> tuple[list[KnownSession], Place | None]:
        """Return sessions, the last used first, and where the next ones are.

        Args:
            caller: who asks.
            app: only its sessions; None for all that are the caller's.
            person: only theirs.
            after: the place that the last ones ended at; None to begin.
            limit: how many at most.
        """
        reach = _reach_of(caller, app)
        if reach is None:
            return [], None
        moment, key = (None, None) if after is None else (after.moment, after.key)
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_sessions, *reach, moment, key, person, limit + 1)
        found = [KnownSession.of(row, app) for row in rows]
        return _part(found, [Place(row["last_at"], str(row["id"])) for row in rows], limit)

    async def _find(self, session: SessionName) -> asyncpg.Record:
        row = await self._pool.fetchrow(_SQL.find_session, session.conversation_id)
        if row is None:
            raise NoSuchSession
        return row


def _require(caller: Caller, session: SessionName) -> None:
    if not may(caller, Action.LOG_TURNS, session.thing):
        raise NoSuchSession


def _reach_of(caller: Caller, app: str | None) -> _Reach | None:
    """Return which sessions, of an app if one is named, are the caller's; None for none.

    `models.access.may` says the same of each session: a test holds the two together.
    """
    if caller.tenant != DEFAULT_TENANT:
        return None
    begins = [] if app is None else [f"{app}{APP_ENDS}"]
    if not caller.scope or f"platform:{ASSISTANT}" in caller.scope:
        return _Reach(everything=not begins, names=[], beginnings=begins)
    apps, channels = caller.within("app") or frozenset(), caller.within("channel") or frozenset()
    names = [name for each in channels if (name := each.removeprefix(f"{ASSISTANT}/")) != each]
    if app is not None:
        names = [name for name in names if name.startswith(begins[0])]
        apps &= {app}
    return _Reach(everything=False, names=names, beginnings=[f"{each}{APP_ENDS}" for each in apps])


def _part(found: list[Row], places: Sequence[Place], limit: int) -> tuple[list[Row], Place | None]:
    return found[:limit], places[limit - 1] if len(found) > limit else None
