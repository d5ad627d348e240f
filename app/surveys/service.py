"""Surveys as those know them who may see them, and with whom their owners share them.

Of each survey `models.access.may` is asked. Statements that find many keep to the rule by themselves: one's
own and those that are shared with one, of the names that the scope leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from app.access import NotAllowed
from app.errors import NotFound
from app.postgres.answers import answer_within, is_storable
from app.surveys.rows import Counts, Share, Survey, SurveyKey
from models.access import Action, may, own_list, survey_thing
from models.errors import BadRecord, ChatlogError, MustAct
from models.owners import ADDRESS_MAX, owner_address
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.web.paging import Place
    from models.access import Caller

#: If counting takes longer, there is no count.
COUNT_WITHIN_MS = 1500
#: With how many one survey can be shared.
SHARES_MAX = 200

#: What stands between several addresses, or beside one (`Ana <ana@example.org>`): kept with it, it would be
#: nobody's, and whoever shares would not know.
_AROUND_ADDRESSES = frozenset(' ,;:<>()[]"')

_SQL = statements("surveys")


class NoSuchSurvey(NotFound):
    """There is no such survey among those that the caller may see; whether there is one is not said."""

    def __init__(self) -> None:
        super().__init__("You have no survey of this name.")


class CannotShare(ChatlogError):
    """The survey cannot be shared with this address; the message says why."""

    must_act = MustAct.CALLER


class Surveys:
    """Finds surveys, and shares them.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read surveys and count their rows, and read and write survey_shares.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def get(self, caller: Caller, key: SurveyKey, action: Action = Action.SEE_SURVEY) -> Survey:
        """Return a survey with which the caller may do this.

        Raises:
            NoSuchSurvey: there is none.
        """
        for survey in await self.find(*key):
            if may(caller, action, survey.thing):
                return survey
        raise NoSuchSurvey

    async def find(self, owner: str | None, name: str | None) -> list[Survey]:
        """Return the surveys of an owner, or of all, by a name, or by any; whoever may see them."""
        if not is_storable(f"{owner}{name}"):
            return []
        async with answer_within():
            return [Survey.of(row) for row in await self._pool.fetch(_SQL.find_surveys_of, owner, name)]

    async def some(self, caller: Caller, *, limit: int, after: Place | None = None) -> list[Survey]:
        """Return so many of those that the caller may see, the newest first, or those after a place."""
        return await self._list(caller, after=after, limit=limit)

    async def page(self, caller: Caller, search: str, *, size: int, number: int) -> list[Survey]:
        """Return a page of those with `search` in their name or a shortcode; the first page is 1."""
        return await self._list(caller, search=search, limit=size, skip=(number - 1) * size)

    async def count(self, caller: Caller, search: str = "") -> int:
        """Return how many have `search` in their name or a shortcode; all have the empty text."""
        if not is_storable(search) or not may(caller, Action.SEE_SURVEY, own_list(caller)):
            return 0
        async with answer_within():
            found: int = await self._pool.fetchval(
                _SQL.count_surveys, caller.email, search, caller.within("survey")
            )
        return found

    async def rows_of(self, keys: Sequence[SurveyKey]) -> dict[SurveyKey, Counts]:
        """Return how much there is of each of these; nothing if that cannot be said soon."""
        async with answer_within():
            try:
                found = await self._count_rows([key.owner for key in keys], [key.name for key in keys])
            except asyncpg.QueryCanceledError:
                return {}
        return {
            SurveyKey(row["owner"], row["survey_name"]): Counts(row["chat_log"], row["responses"])
            for row in found
        }

    async def shares(self, caller: Caller, key: SurveyKey) -> list[Share]:
        """Return with whom the caller's survey is shared, the first one first; also one that is gone since.

        Raises:
            NoSuchSurvey: they have none of this key, and none of it is shared.
        """
        return await self._shares_of_own(caller, key)

    async def share(self, caller: Caller, key: SurveyKey, address: str) -> None:
        """Share a survey of the caller's; with somebody with whom it is shared already, nothing changes.

        Raises:
            NoSuchSurvey: they have none of this key.
            CannotShare: that is no address, or the owner's own, or one too many, or too long.
        """
        survey = await self.get(caller, key, Action.SHARE_SURVEY)
        if not _is_address(address):
            raise CannotShare("That is no email address.")
        if owner_address(address) == key.owner:
            raise CannotShare("The survey is of this address: there is nothing to share.")
        if owner_address(address) in survey.shared_with:
            return
        if len(survey.shared_with) >= SHARES_MAX:
            raise CannotShare(f"A survey can be shared with {SHARES_MAX} addresses: remove one first.")
        try:
            async with answer_within():
                await self._pool.execute(_SQL.share_survey, *key, address, caller.email)
        except BadRecord:
            # An entry of an index has a limit, which names and addresses of other scripts come to sooner.
            raise CannotShare("The survey's name and this address are too long together.") from None

    async def unshare(self, caller: Caller, key: SurveyKey, address: str) -> None:
        """Share a survey of the caller's no longer; if it is not shared with this address, nothing changes.

        Exports that are under way for them fail, and files that they have not fetched are out of their reach,
        also of a survey that is gone since.

        Raises:
            NoSuchSurvey: the caller has none of this key, and none of it is shared.
        """
        await self._shares_of_own(caller, key)
        if is_storable(address):
            async with answer_within():
                await self._pool.execute(_SQL.unshare_survey, *key, address)

    async def check_still_shared(self, caller: Caller, key: SurveyKey) -> None:
        """Make sure that the caller may have what was exported of a survey, also of one that is gone since.

        Raises:
            NotAllowed: it is another's, and shared with them no longer.
        """
        shares = [] if key.owner == caller.email else await self._shares(key)
        thing = survey_thing(*key, frozenset(share.address for share in shares))
        if not may(caller, Action.EXPORT_SURVEY, thing):
            raise NotAllowed("The survey is not shared with you any more: ask its owner.")

    async def _list(
        self, caller: Caller, *, search: str = "", after: Place | None = None, limit: int, skip: int = 0
    ) -> list[Survey]:
        if not is_storable(search) or not may(caller, Action.SEE_SURVEY, own_list(caller)):
            return []
        # A name may have line breaks, an address has none.
        name, _, owner = after.key.rpartition("\n") if after else ("", "", "")
        place = (after.moment, name, owner) if after else (None, None, None)
        async with answer_within():
            found = await self._pool.fetch(
                _SQL.find_surveys, caller.email, search, caller.within("survey"), *place, limit, skip
            )
        return [Survey.of(row) for row in found]

    async def _shares_of_own(self, caller: Caller, key: SurveyKey) -> list[Share]:
        """Return with whom a survey of the caller's is shared: as long as it is, files of it can be had."""
        is_theirs = is_storable(key.name) and may(caller, Action.SHARE_SURVEY, survey_thing(*key))
        shares = await self._shares(key) if is_theirs else []
        if not shares:
            await self.get(caller, key, Action.SHARE_SURVEY)
        return shares

    async def _shares(self, key: SurveyKey) -> list[Share]:
        async with answer_within():
            return [Share(**row) for row in await self._pool.fetch(_SQL.find_shares, *key)]

    async def _count_rows(self, owners: Sequence[str], names: Sequence[str]) -> list[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = {COUNT_WITHIN_MS}")
            return await connection.fetch(_SQL.count_survey_rows, owners, names)


def _is_address(written: str) -> bool:
    address = owner_address(written)
    name, _, host = address.partition("@")
    is_one = "@" not in host and _AROUND_ADDRESSES.isdisjoint(address)
    return bool(name and host) and is_one and address.isprintable() and len(address) <= ADDRESS_MAX
