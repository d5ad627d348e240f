"""What was heard and missed, written to `connector_gaps`: now and then, and as soon as a gap is over.

Without DATABASE_URL, or while the database is away, the connector goes on: gaps are told in its log, and kept
to be written. A channel's row without an end says up to when it was heard; so whoever is killed leaves the
gap behind, and the next start only ends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.connect.hearing import Gap, Heard, Missed
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from app.connect.hearing import Fetched, Hearing

log = logging.getLogger(__name__)

_SQL = statements("connect")

#: How often it is written up to when channels were heard: a gap is told too long by that after a kill.
WRITE_EVERY_S = 10.0
#: How many gaps of a channel are kept while the database is away; then the oldest two become one.
MOST_KEPT = 100
#: How many gaps of single events, and of what cannot be fetched, are kept then; the oldest go first.
MOST_BESIDE = 1000


class GapLog:
    """Writes what a connector's hearing comes to know, while `run` runs.

    Args:
        platform: whose channels they are.
        hearing: what is heard.
        pool: connections of a user with the rights of chatlog_writer; None for none.

    Attributes:
        counts: gaps since the start, by reason.
    """

    def __init__(self, platform: str, hearing: Hearing, pool: asyncpg.Pool[asyncpg.Record] | None) -> None:
        self._platform = platform
        self._hearing = hearing
        self._pool = pool
        self._wanted = asyncio.Event()
        self._unwritten = Trouble(log, over="Gaps are written down again")
        #: What is not written yet.
        self._gaps: defaultdict[str, list[Gap]] = defaultdict(list)
        self._beside: list[Gap] = []
        self._heard: dict[str, Heard] = {}
        self._fetched: list[Fetched] = []
        self.counts: Counter[str] = Counter()

    def wake(self) -> None:
        """Have it written now, because something was joined, lost or fetched."""
        self._wanted.set()

    def add(self, gap: Gap) -> None:
        """Note that something of a channel is missing which was, or is, heard else: `began` is told."""
        self._tell(gap)
        self._beside.append(gap)
        if len(self._beside) > MOST_BESIDE:
            del self._beside[0]
        self.wake()

    async def heard_until(self) -> dict[str, int]:
        """Return up to when each channel was heard, as it is written; nothing if that cannot be read.

        What was heard long ago, and nobody hears any more, is among it.
        """
        if self._pool is None:
            return {}
        try:
            rows = await self._pool.fetch(_SQL.list_heard, self._platform)
        except DRIVER_ERRORS as error:
            log.warning(
                "Up to when channels were heard cannot be read", extra={"error": type(error).__name__}
            )
            return {}
        return {row["channel"]: round(row["began"].timestamp() * 1000) for row in rows}

    async def run(self) -> None:
        """Write, until cancelled."""
        while True:
            await self.write()
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._wanted.wait()
            self._wanted.clear()

    async def write(self) -> None:
        """Write what there is; what cannot be written is kept."""
        news = self._hearing.settle()
        self._keep(news.gaps)
        self._heard |= {heard.channel: heard for heard in news.heard}
        self._fetched += news.fetched
        if self._pool is None:
            self._forget()
            return
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._write_to(connection)
        except DRIVER_ERRORS as error:
            self._unwritten.note(
                "Gaps cannot be written down; they are kept", {"error": type(error).__name__}
            )
        else:
            self._unwritten.end()
            self._forget()

    async def _write_to(self, connection: PoolConnectionProxy[asyncpg.Record]) -> None:
        for gap in (gap for gaps in self._gaps.values() for gap in gaps):
            end = (self._platform, gap.channel, _time(gap.ended), gap.reason)
            if gap.began is not None:
                await self._hear(connection, [Heard(gap.channel, gap.began, gap.reason)])
            await connection.execute(_SQL.end_gap, *end)
            await self._hear(connection, [Heard(gap.channel, gap.ended, Missed.NOT_RUNNING)])
        for gap in self._beside:
            began, ended = _time(gap.began or gap.ended), _time(gap.ended)
            await connection.execute(_SQL.add_gap, self._platform, gap.channel, began, ended, gap.reason)
        if self._heard:
            await self._hear(connection, self._heard.values())
        for fetched in self._fetched:
            since, until = _time(fetched.since), _time(fetched.until)
            await connection.execute(_SQL.fill_gaps, self._platform, fetched.channel, since, until)

    async def _hear(self, connection: PoolConnectionProxy[asyncpg.Record], heard: Iterable[Heard]) -> None:
        channels, until, reasons = zip(*heard, strict=True)
        await connection.execute(_SQL.hear, self._platform, channels, list(map(_time, until)), reasons)

    def _keep(self, gaps: Iterable[Gap]) -> None:
        for gap in gaps:
            self._tell(gap)
            kept = self._gaps[gap.channel]
            kept.append(gap)
            if len(kept) > MOST_KEPT:
                first, second, *rest = kept
                self._gaps[gap.channel] = [first._replace(ended=second.ended), *rest]

    def _tell(self, gap: Gap) -> None:
        if gap.began is not None:
            self.counts[gap.reason] += 1
            log.warning(
                "A channel was not heard for a while",
                extra={
                    "channel": gap.channel,
                    "reason": gap.reason,
                    "began": _time(gap.began).isoformat(),
                    "ended": _time(gap.ended).isoformat(),
                },
            )

    def _forget(self) -> None:
        self._gaps.clear()
        self._beside.clear()
        self._heard.clear()
        self._fetched.clear()


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
