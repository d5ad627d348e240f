"""Which exports somebody looks for, over all surveys, in which order: page by page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.exports.rows import ExportRow
from app.exports.service import check_may_see, scope_of
from app.postgres.answers import answer_within, is_storable
from models.access import Thing, everybodys_list
from sinks.sql import statements

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from app.surveys.rows import SurveyKey
    from models.access import Caller
    from models.exports import Source, State

_SQL = statements("exports")
_FROM = "SELECT {what} FROM ({found}) AS found"
_ALL = _FROM.format(what="*", found=_SQL.look_for_exports)
_COUNT = _FROM.format(what="count(*)", found=_SQL.look_for_exports)


class SortBy(StrEnum):
    """By what exports are in order; in addresses."""

    ASKED = "asked"
    WHAT = "what"
    STATE = "state"
    ROWS = "rows"
    SIZE = "size"
    WHO = "who"


_COLUMNS = {
    SortBy.ASKED: "created",
    SortBy.WHAT: "lower(survey_id)",
    SortBy.STATE: "state",
    SortBy.ROWS: "rows_done",
    SortBy.SIZE: "bytes_done",
    SortBy.WHO: "lower(user_id)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedFor:
    """Which exports: those to which all that is given applies.

    Attributes:
        source: of this kind.
        state: in this state.
        name: with this in their survey's name.
        since: asked for since then.
        until: asked for before.
        survey: of this survey.
        by: in the order of this.
        descending: the largest or newest first.
    """

    source: Source | None = None
    state: State | None = None
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    survey: SurveyKey | None = None
    by: SortBy = SortBy.ASKED
    descending: bool = True

    @property
    def is_everything(self) -> bool:
        """Whether all exports are looked for."""
        return (self.source, self.state, self.name, self.since, self.until) == (None, None, "", None, None)


def parameters_of(looked_for: LookedFor) -> tuple[object, ...]:
    """Return the parameters of `look_for_exports` after those that say whose they are."""
    return (
        [looked_for.source.value] if looked_for.source else None,
        [looked_for.state.value] if looked_for.state else None,
        looked_for.name or None,
        looked_for.since,
        looked_for.until,
        *(looked_for.survey or (None, None)),
    )


def order_of(looked_for: LookedFor) -> str:
    """Return an order, as SQL, of what `look_for_exports` finds: put together from fixed pieces."""
    direction = "DESC" if looked_for.descending else "ASC"
    return f"{_COLUMNS[looked_for.by]} {direction}, created DESC, id DESC"


class ExportList:
    """Finds exports.

    Args:
        pool: connections that may read export_status.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def page(
        self, caller: Caller, user: str | None, looked_for: LookedFor, *, size: int, number: int
    ) -> list[ExportRow]:
        """Return a page of the exports that are looked for, in their order; the first page is 1.

        Args:
            caller: who looks.
            user: whose; None for everybody's.
            looked_for: which, and in which order.
            size: how many are on a page.
            number: which page.

        Raises:
            NotAllowed: the caller may not see what others asked for.
        """
        found = self._found(caller, user, looked_for)
        if found is None:
            return []
        place = f"LIMIT ${len(found) + 1} OFFSET ${len(found) + 2}"
        sql = f"{_ALL} ORDER BY {order_of(looked_for)} {place}"
        async with answer_within():
            rows = await self._pool.fetch(sql, *found, size, (number - 1) * size)
        return [ExportRow.of(row) for row in rows]

    async def count(self, caller: Caller, user: str | None, looked_for: LookedFor) -> int:
        """Return how many exports `page` has on all its pages.

        Raises:
            NotAllowed: as of `page`.
        """
        found = self._found(caller, user, looked_for)
        if found is None:
            return 0
        async with answer_within():
            many: int = await self._pool.fetchval(_COUNT, *found)
        return many

    def _found(self, caller: Caller, user: str | None, looked_for: LookedFor) -> tuple[object, ...] | None:
        """Return the parameters by which exports are looked for; None if there can be none."""
        whose = everybodys_list(caller) if user is None else Thing(user, caller.tenant, within=caller.scope)
        check_may_see(caller, whose)
        texts = (looked_for.name, *(looked_for.survey or ()))
        if not is_storable("".join(texts)):
            return None
        return (user, scope_of(caller), *parameters_of(looked_for), caller.tenant)
