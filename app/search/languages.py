"""In which language people speak where, as somebody says: there, words are found by their stems, too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.access import NotAllowed
from app.errors import NotFound
from app.postgres.answers import answer_within
from models.access import DEFAULT_TENANT, Action, Thing, may
from models.errors import ChatlogError, MustAct
from models.fields import INDEXED_MAX_BYTES
from models.platforms import READ
from sinks.postgres.ways import SpokenAt
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from models.access import Caller

_SQL = statements("search")
PLACE_FORM = "platform:twitch, channel:twitch/918273645 or survey:Name"
_PLACE = re.compile(r"platform:(?P<platform>[^/\0]+)|channel:(?P<of>[^/\0]+)/[^\0]+|survey:[^\0]+")


class CannotSpeak(ChatlogError):
    """There is no such place, or no such language; the message says which there are."""

    must_act = MustAct.CALLER


class NoSuchPlace(NotFound):
    """Nobody said in which language people speak there, or it is not the caller's to see."""

    def __init__(self) -> None:
        super().__init__("Nobody has said in which language people speak there.")


class Languages:
    """Finds, sets and unsets what is spoken where.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read and write search_languages.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, caller: Caller) -> list[SpokenAt]:
        """Return what is spoken where, as far as the caller may see."""
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_languages)
        return [
            spoken
            for spoken in map(SpokenAt.of, rows)
            if may(caller, Action.SEE_CHANNELS, _thing(spoken.place))
        ]

    async def set(self, caller: Caller, place: str, language: str) -> SpokenAt:
        """Say in which language people speak somewhere.

        Raises:
            CannotSpeak: there is no such place or language.
            NotAllowed: it lies beyond the caller's scope.
        """
        _check(caller, place)
        async with answer_within():
            known = [row[0] for row in await self._pool.fetch(_SQL.known_languages)]
            if language not in known:
                raise CannotSpeak(f"This server does not know that language; it knows {_listed(known)}.")
            return SpokenAt.of((await self._pool.fetch(_SQL.set_language, place, language, caller.email))[0])

    async def unset(self, caller: Caller, place: str) -> None:
        """Say it no longer.

        Raises:
            NoSuchPlace: nobody had said it.
            CannotSpeak, NotAllowed: as `set` does.
        """
        _check(caller, place)
        async with answer_within():
            status = await self._pool.execute(_SQL.unset_language, place)
        if status == "DELETE 0":
            raise NoSuchPlace


def _check(caller: Caller, place: str) -> None:
    found = _PLACE.fullmatch(place)
    if found is None or len(place.encode("utf-8", "surrogatepass")) > 2 * INDEXED_MAX_BYTES:
        raise CannotSpeak(f"There is no such place; there are {PLACE_FORM}.")
    if (platform := found["platform"] or found["of"]) is not None and platform not in READ:
        raise CannotSpeak(f"There is no such platform; there are {_listed(READ)}.")
    if not may(caller, Action.CHANGE_CHANNELS, _thing(place)):
        raise NotAllowed("Your scope does not reach there.")


def _thing(place: str) -> Thing:
    within = {place}
    if place.startswith("channel:"):
        within.add(f"platform:{place.removeprefix('channel:').partition('/')[0]}")
    return Thing(tenant=DEFAULT_TENANT, within=frozenset(within))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
