"""Which exports somebody has to look at: they failed, are made anew again and again, or nobody makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from app.exports.rows import ExportRow
from app.exports.service import scope_of
from app.postgres.answers import answer_within
from models.access import Action, Thing, everybodys_list, may
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from models.access import Caller

#: What changed before is nobody's trouble any more.
LATELY = timedelta(days=3)
#: How long nobody may work on an export before that is told: workers take one within seconds.
WAITS_AFTER = timedelta(minutes=10)

_FIND = statements("exports").find_troubled_exports


class ExportTrouble(StrEnum):
    """What is wrong with an export; in the words of the statement."""

    FAILED = "failed"
    AGAIN = "again"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class TroubledExports:
    """The exports in one kind of trouble.

    Attributes:
        trouble: which.
        latest: the one that changed last.
        attempts: how many times a worker began that one.
        many: how many there are.
        are_everybodys: whether exports of all were looked at, and not the caller's alone.
    """

    trouble: ExportTrouble
    latest: ExportRow
    attempts: int
    many: int
    are_everybodys: bool


class ExportTroubles:
    """Finds exports in trouble.

    Args:
        pool: connections that may read export_status.
        now: what time it is.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._now = now

    async def find(self, caller: Caller) -> list[TroubledExports]:
        """Return what is wrong with the exports that the caller may see.

        Raises:
            ServiceDown: the database is down.
        """
        everybodys = may(caller, Action.SEE_EXPORT, everybodys_list(caller))
        own = Thing(caller.email, caller.tenant, within=caller.scope)
        if not (everybodys or may(caller, Action.SEE_EXPORT, own)):
            return []
        user, now = None if everybodys else caller.email, self._now()
        async with answer_within():
            rows = await self._pool.fetch(
                _FIND, user, scope_of(caller), now - LATELY, now - WAITS_AFTER, caller.tenant
            )
        return [
            TroubledExports(
                ExportTrouble(row["trouble"]), ExportRow.of(row), row["attempt"], row["many"], everybodys
            )
            for row in rows
        ]
