"""Which channels are known, and how it goes there: what was said lately, and when nobody heard it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

from app.channels.rows import ALL, ChannelConfig, channel_thing, check_place
from app.postgres.answers import answer_within, is_storable
from models.access import DEFAULT_TENANT, Action, may, tenant_of
from sinks.postgres.connector_gaps import SILENT_AFTER_S
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import asyncpg

    from app.channels.service import ChannelRules
    from models.access import Caller

#: What "lately" is.
LATELY_DAYS = 7
#: PostgreSQL counts no further.
_OFFSET_MAX = 2**63 - 1
#: For how long days and gaps of one channel are shown.
SHOWN_DAYS = 30

_SQL = statements("channels")


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel that is known.

    Attributes:
        platform: whose.
        channel: the platform's id of it.
        name: how it is called, if that is known.
        parent: the channel that it belongs to, if any.
        has_rule: whether it has a rule of its own.
        said: how many messages were said there lately, sampled or not.
        last_day: the last day of these on which any was.
        unheard_since: up to when it was heard, if a connector that did does not any more.
        unheard_reason: why not.
    """

    platform: str
    channel: str
    name: str | None
    parent: str | None
    has_rule: bool
    said: float
    last_day: date | None
    unheard_since: datetime | None
    unheard_reason: str | None

    @classmethod
    def of(cls, row: asyncpg.Record, now: datetime) -> Self:
        """Read what a statement says of one."""
        heard = row["heard_until"]
        is_unheard = heard is not None and heard < now - timedelta(seconds=SILENT_AFTER_S)
        return cls(
            row["platform"],
            row["channel"],
            row["name"],
            row["parent"],
            row["has_rule"],
            row["said"],
            row["last_day"],
            heard if is_unheard else None,
            row["unheard_reason"] if is_unheard else None,
        )


class Silence(NamedTuple):
    """A time in which a channel was not heard.

    Attributes:
        began: up to when it was heard.
        ended: since when it is again; None while it is not.
        reason: why.
        filled: when what was missed was fetched; None where it was not.
    """

    began: datetime
    ended: datetime | None
    reason: str
    filled: datetime | None


class LatelyThere(NamedTuple):
    """How it went in a channel.

    Attributes:
        days: how many messages were said on each day, the last one today; nought where none was.
        silences: when it was not heard, the newest first.
    """

    days: tuple[float, ...]
    silences: tuple[Silence, ...]


class KnownChannels:
    """Finds channels, for those who may see their rules.

    Args:
        pool: connections that may read rules, sums, gaps, rooms and threads.
        rules: the rules themselves.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], rules: ChannelRules) -> None:
        self._pool = pool
        self._rules = rules

    async def page(
        self, caller: Caller, search: str, platform: str | None, *, size: int, number: int
    ) -> tuple[list[ChannelRow], int]:
        """Return a page of the channels that the caller may see the rules of, and how many there are.

        Args:
            caller: who asks.
            search: what is in their name or id.
            platform: whose; None for all.
            size: how many at most.
            number: of the page, from 1.
        """
        if not is_storable(f"{search}{platform}") or caller.tenant != DEFAULT_TENANT:
            return [], 0
        now = datetime.now(UTC)
        within = (caller.within("platform"), caller.within("channel"))
        scope = (None, None) if within[0] is None else (sorted(within[0]), sorted(within[1] or ()))
        since = (now - timedelta(days=LATELY_DAYS)).date()
        async with answer_within():
            rows = await self._pool.fetch(
                _SQL.find_channels,
                platform,
                search,
                since,
                *scope,
                size,
                min((number - 1) * size, _OFFSET_MAX),
            )
        found = [ChannelRow.of(row, now) for row in rows]
        seen = [
            row for row in found if may(caller, Action.SEE_CHANNELS, channel_thing(row.platform, row.channel))
        ]
        return seen, rows[0]["total"] if rows else 0

    async def line(self, caller: Caller, platform: str, channel: str) -> list[ChannelConfig]:
        """Return the rules that bear on a channel, the first in line first, its parent's among them.

        Raises:
            CannotSet: there is no such platform.
            NotAllowed: it lies beyond the caller's scope.
        """
        line = await self._rules.in_force(caller, platform, channel)
        async with answer_within():
            (names,) = await self._pool.fetch(_SQL.find_names, platform, channel)
            parent = names["parent"]
            found = [] if parent is None else await self._pool.fetch(_SQL.find_rules, platform, parent)
        own = [rule for rule in line if (rule.platform, rule.channel) == (platform, channel)]
        return [*own, *map(ChannelConfig.of, found), *(rule for rule in line if rule not in own)]

    async def lines(self, caller: Caller, rows: Sequence[ChannelRow]) -> list[list[ChannelConfig]]:
        """Return the rules that bear on each of these channels, the first in line first."""
        every = {(rule.platform, rule.channel): rule for rule in await self._rules.find(caller)}
        return [
            [every[place] for place in _places(row.platform, row.channel, row.parent) if place in every]
            for row in rows
        ]

    async def lately(self, caller: Caller, platform: str, channel: str) -> LatelyThere:
        """Return how it went in a channel lately.

        Raises:
            CannotSet: there is no such platform.
        """
        check_place(platform, channel)
        is_theirs = tenant_of(platform, channel) == caller.tenant
        if channel == ALL or not (
            is_theirs and may(caller, Action.SEE_CHANNELS, channel_thing(platform, channel))
        ):
            return LatelyThere((), ())
        now = datetime.now(UTC)
        since = now - timedelta(days=SHOWN_DAYS - 1)
        async with answer_within():
            days = await self._pool.fetch(_SQL.find_days_of_channel, platform, channel, since.date())
            gaps = await self._pool.fetch(_SQL.find_gaps_of_channel, platform, channel, since, SILENT_AFTER_S)
        said = {row["day"]: row["said"] for row in days}
        every = [since.date() + timedelta(days=day) for day in range(SHOWN_DAYS)]
        return LatelyThere(tuple(said.get(day, 0.0) for day in every), tuple(Silence(**row) for row in gaps))

    async def name_of(self, caller: Caller, platform: str, channel: str) -> str | None:
        """Return how a channel is called, if that is known."""
        if channel == ALL or not may(caller, Action.SEE_CHANNELS, channel_thing(platform, channel)):
            return None
        async with answer_within():
            (names,) = await self._pool.fetch(_SQL.find_names, platform, channel)
        name: str | None = names["name"]
        return name


def _places(platform: str, channel: str, parent: str | None) -> list[tuple[str, str]]:
    named = [channel] if parent is None else [channel, parent]
    return [*((platform, name) for name in named), (platform, ALL), (ALL, ALL)]
