"""The rules of channels, from their tables: read whole, and again every few seconds.

A rule holds from 10 s after it was made, so that every worker knows it before (`models.channels`). While the
database is away, what was known before is gone by. But nothing is recorded before the rules were read once:
who wanted nothing recorded is among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from models.channels import DatedRule, OptOutSpan, Rules
from sinks.errors import CannotGoOn, ServiceDown
from sinks.postgres.fresh import Fresh
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

    from sinks.retry import RetryPolicy

_SQL = statements("channel_rules")
_VERSIONS = _SQL.read_rule_versions
_OPT_OUTS = _SQL.read_opt_outs
_PARENTS = _SQL.read_ruled_parents
#: A few times within the 10 s after which a change holds.
EVERY_S = 3.0

_Item = TypeVar("_Item")


def fresh_rules(pool: asyncpg.Pool, retry_policy: RetryPolicy, *, every_s: float = EVERY_S) -> Fresh[Rules]:
    """Return the rules, to be kept fresh in the background.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down, before the rules are known for the first time.
        every_s: how often they are read again.
    """
    return Fresh(
        RuleTables(pool).load,
        retry_policy,
        nothing=Rules(),
        what="Rules of channels",
        without="nothing is recorded",
        every_s=every_s,
    )


class RuleTables:
    """Reads the rules; the same object as before while nothing has changed, as looking up makes it fast.

    Args:
        pool: connections as the writer role.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._read: tuple[list[asyncpg.Record], ...] = ()
        self._rules: Rules | None = None

    async def load(self) -> Rules:
        """Read every version of every rule, who has opted out, and which channels belong to others.

        Raises:
            ServiceDown: PostgreSQL is down; or it refuses, where the rules are known from before.
            CannotGoOn: it refuses, and they are not.
        """
        try:
            read = tuple(
                [await self._pool.fetch(statement) for statement in (_VERSIONS, _OPT_OUTS, _PARENTS)]
            )
        except DRIVER_ERRORS as error:
            raise self._trouble_of(error) from error
        if self._rules is None or read != self._read:
            versions, opt_outs, parents = self._read = read
            self._rules = Rules(
                (_version_of(row) for row in versions),
                (OptOutSpan(*row) for row in opt_outs),
                {(platform, channel): parent for platform, channel, parent in parents},
            )
        return self._rules

    def _trouble_of(self, error: Exception) -> ServiceDown | CannotGoOn:
        judged = classify(error)
        if isinstance(judged, ServiceDown):
            return judged
        # Whoever works goes on with what is known; whoever starts is told what to mend.
        return CannotGoOn(str(judged)) if self._rules is None else ServiceDown(str(judged))


def _version_of(row: asyncpg.Record) -> DatedRule:
    sets = {name: _set_of(row[name]) for name in ("ignored_users", "exempt")}
    return DatedRule(**{**row, **sets})


def _set_of(items: Collection[_Item] | None) -> frozenset[_Item] | None:
    return None if items is None else frozenset(items)
