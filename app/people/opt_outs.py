"""Who opted out, and what that takes away. Each asks `models.access.may`.

From when on somebody is not recorded any more is a time like that of a rule: 10 s after it was said, when
every worker knows. What they said before stays, unless the past goes too: then nothing of them is taken from
any topic again, whenever it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from app.access import NotAllowed
from app.errors import NotFound
from app.postgres.answers import answer_within
from models.access import Action, Thing, may
from models.errors import ChatlogError, MustAct
from models.fields import fits_index
from models.platforms import OF_MESSAGES
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    import asyncpg

    from models.access import Caller

_SQL = statements("people")


class NoSuchPerson(ChatlogError):
    """There can be no such person; the message says why."""

    must_act = MustAct.CALLER


class NotOptedOut(NotFound):
    """They have not opted out, so there is nothing to end."""

    def __init__(self) -> None:
        super().__init__("Nobody of this id has opted out on this platform.")


@dataclass(frozen=True, slots=True)
class OptOut:
    """That somebody is not recorded.

    Attributes:
        platform: where.
        person_id: the platform's id of them.
        name: how they were called there last, where that is still known.
        since: from when on; None for whatever they ever said.
        until: up to when; None while it lasts.
    """

    platform: str
    person_id: str
    name: str | None
    since: datetime | None
    until: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read what a statement says of one."""
        # asyncpg makes the first datetime there is of -infinity.
        since = None if row["since"].year == 1 else row["since"]
        return cls(row["platform"], row["person_id"], row["name"], since, row["until"])


class OptOuts:
    """Lists, begins and ends opt-outs, and deletes what was recorded before.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections as the maintainer role.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, caller: Caller, platform: str | None = None) -> list[OptOut]:
        """Return who opted out and may be known to the caller, those of the past too."""
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_opt_outs, platform)
        found = [OptOut.of(row) for row in rows]
        return [one for one in found if may(caller, Action.OPT_OUT_PEOPLE, _thing(one.platform))]

    async def opt_out(self, caller: Caller, platform: str, person_id: str, *, past: bool) -> None:
        """Have nothing recorded of somebody: from 10 s after now on, or whenever it was said.

        Of the past, what was recorded is still there afterwards: `delete_past` takes it away. Doing it again
        changes nothing.

        Raises:
            NoSuchPerson: there is no such platform, or no such id.
            NotAllowed: the platform lies beyond the caller's scope.
        """
        self._let(caller, platform, person_id)
        async with answer_within():
            await self._pool.execute(_SQL.opt_out, platform, person_id, past)

    async def opt_in(self, caller: Caller, platform: str, person_id: str) -> None:
        """Have what somebody says recorded again, from 10 s after now on; not what they said meanwhile.

        Raises:
            NotOptedOut: they have not opted out.
            NoSuchPerson, NotAllowed: as `opt_out` does.
        """
        self._let(caller, platform, person_id)
        async with answer_within():
            status = await self._pool.execute(_SQL.end_opt_outs, platform, person_id)
        if status == "UPDATE 0":
            raise NotOptedOut

    async def delete_past(self, caller: Caller, platform: str, person_id: str) -> AsyncIterator[int]:
        """Delete what was recorded of somebody, a month at a time, each in a transaction of its own.

        May be done again, and goes on where it was broken off.

        Yields:
            How many messages were deleted with each.

        Raises:
            NoSuchPerson, NotAllowed: as `opt_out` does.
        """
        self._let(caller, platform, person_id)
        try:
            for (month,) in await self._pool.fetch(_SQL.find_months_of_person, platform, person_id):
                yield await self._pool.fetchval(_SQL.delete_month_of_person, platform, person_id, month)
            await self._pool.execute(_SQL.delete_traces_of_person, platform, person_id)
        except DRIVER_ERRORS as error:
            raise classify(error) from error

    def _let(self, caller: Caller, platform: str, person_id: str) -> None:
        if platform not in OF_MESSAGES:
            raise NoSuchPerson(f"People can opt out on {', '.join(OF_MESSAGES)}.")
        if not person_id or "\0" in person_id or not fits_index(person_id):
            raise NoSuchPerson("A person is known by the platform's id of them, of at most 512 bytes.")
        if not may(caller, Action.OPT_OUT_PEOPLE, _thing(platform)):
            raise NotAllowed(f"{platform} lies beyond what your token is narrowed to.")


def _thing(platform: str) -> Thing:
    return Thing(within=frozenset({f"platform:{platform}"}))
