"""The rules of channels, for those who may see and set them. Each asks `models.access.may`.

A change holds 10 s after it was made, when every worker knows it (the trigger of chat_logging_config), for
what is said from then on: what was said before is judged by the rule of its own time, whenever it is read.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from app.access import NotAllowed
from app.channels.rows import ChannelConfig, ConfigVersion, channel_thing, check_changes, check_place
from app.errors import NotFound
from app.postgres.answers import answer_within, is_storable
from models.access import Action, may
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from models.access import Caller

_SQL = statements("channels")
#: How many versions of a rule are shown.
VERSIONS_MAX = 200


class NoSuchRule(NotFound):
    """The channel has no rule of its own, or it is not the caller's to see."""

    def __init__(self) -> None:
        super().__init__("This channel has no rule of its own: what its platform's rule says holds for it.")


class ChannelRules:
    """Finds, sets and unsets what is recorded of channels.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read and write chat_logging_config, and read its versions.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, caller: Caller, platform: str | None = None) -> list[ChannelConfig]:
        """Return the rules that there are and the caller may see; the defaults first."""
        if platform is not None and not is_storable(platform):
            return []
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_rules, platform, None)
        found = [ChannelConfig.of(row) for row in rows]
        return [rule for rule in found if may(caller, Action.SEE_CHANNELS, rule.thing)]

    async def in_force(self, caller: Caller, platform: str, channel: str) -> list[ChannelConfig]:
        """Return the rules that bear on a channel, its own first, then its platform's, then that for all.

        Raises:
            CannotSet: there is no such platform.
            NotAllowed: it lies beyond the caller's scope.
        """
        self._let(caller, Action.SEE_CHANNELS, platform, channel)
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_rules_for, platform, channel)
        found = [ChannelConfig.of(row) for row in rows]
        return sorted(found, key=lambda rule: (rule.platform != platform, rule.channel != channel))

    async def set(
        self, caller: Caller, platform: str, channel: str, changes: Mapping[str, Any]
    ) -> ChannelConfig:
        """Set some of a channel's rule, and return it whole.

        Args:
            caller: who does it.
            platform: whose channel; `*` for the rule for all.
            channel: which; `*` for the platform's.
            changes: by the names of `ChannelConfig`, checked; None inherits.

        Raises:
            CannotSet: there can be no such rule.
            NotAllowed: it lies beyond the caller's scope.
        """
        self._let(caller, Action.CHANGE_CHANNELS, platform, channel)
        check_changes(platform, changes)
        async with self._changing(caller) as connection:
            (row,) = await connection.fetch(_SQL.set_rule, platform, channel, json.dumps(dict(changes)))
        return ChannelConfig.of(row)

    async def unset(self, caller: Caller, platform: str, channel: str) -> None:
        """Take a channel's rule away.

        Raises:
            NoSuchRule: it has none.
            CannotSet, NotAllowed: as `set` does.
        """
        self._let(caller, Action.CHANGE_CHANNELS, platform, channel)
        async with self._changing(caller) as connection:
            status = await connection.execute(_SQL.unset_rule, platform, channel)
        if status == "DELETE 0":
            raise NoSuchRule

    async def restore(self, caller: Caller, platform: str, channel: str, valid_from: datetime) -> None:
        """Have a channel's rule be again what it was from a time on; if there was none then, none.

        Raises:
            NoSuchRule: it has no version of this time, or none to take away.
            CannotSet, NotAllowed: as `set` does.
        """
        self._let(caller, Action.CHANGE_CHANNELS, platform, channel)
        found = await self.versions(caller, platform, channel)
        version = next((one for one in found if one.valid_from == valid_from), None)
        if version is None:
            raise NoSuchRule
        if version.is_deleted:
            await self.unset(caller, platform, channel)
        else:
            await self.set(caller, platform, channel, version.config.said)

    async def versions(self, caller: Caller, platform: str, channel: str) -> list[ConfigVersion]:
        """Return what a channel's rule was and will be, the newest first.

        Raises:
            CannotSet, NotAllowed: as `in_force` does.
        """
        self._let(caller, Action.SEE_CHANNELS, platform, channel)
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_rule_versions, platform, channel, VERSIONS_MAX)
        return [_version(row) for row in rows]

    @asynccontextmanager
    async def _changing(self, caller: Caller) -> AsyncIterator[PoolConnectionProxy[asyncpg.Record]]:
        """Give a transaction whose versions of rules say who made them."""
        async with answer_within(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SQL.say_who_changes, caller.email)
            yield connection

    def _let(self, caller: Caller, action: Action, platform: str, channel: str) -> None:
        check_place(platform, channel)
        if not may(caller, action, channel_thing(platform, channel)):
            raise NotAllowed(f"{platform}/{channel} lies beyond what your token is narrowed to.")


def _version(row: asyncpg.Record) -> ConfigVersion:
    return ConfigVersion(row["valid_from"], row["is_deleted"], row["changed_by"], ChannelConfig.of(row))
