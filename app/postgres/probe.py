"""One connection to PostgreSQL for looking: whether it is there, dead letters, partitions, gaps.

Not from the pool of the sink: what looks must neither wait for what writes, nor hold it up.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from app.postgres.connections import DatabaseUnavailable, connect
from sinks.postgres.connector_gaps import find_gaps, sum_up_missed
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias, TypeVar

    from app.settings.database import DatabaseSettings
    from sinks.postgres.connector_gaps import ConnectorGap

    _Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    _Answer = TypeVar("_Answer")

#: How long a question may take in all, connecting included.
ANSWER_WITHIN_S = 3.0
#: How long the totals are good for: counting reads the whole table.
TOTALS_GOOD_FOR_S = 10.0
#: How often `watch` looks at what is kept.
WATCH_EVERY_S = 60.0
#: What connectors missed longer ago is not shown; nobody waits for it any more.
GAPS_SHOWN_FOR = timedelta(days=7)
#: So many gaps are shown at most; `chatlog connect gaps` lists all.
GAPS_SHOWN_MAX = 20

_FAILURES = (DatabaseUnavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_TOTALS = statements("dead_letters").count_dead_letters_by_reason
_PARTITIONS = statements("partitions").look_at_partitions


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of chat_log.

    Attributes:
        months_ahead: how many months from now on have theirs; 0 when the present one has none.
        default_rows: about how many rows are of months without one, and so in the default partition.
    """

    months_ahead: int
    default_rows: int


class DatabaseProbe:
    """Asks PostgreSQL small questions, one at a time; connects when it needs to.

    Attributes:
        error: why the last check had no answer; None when it had one, or before the first. It names the
            kind of error only, because it is told to anyone who asks for the worker's health.
        pending: dead letters in the table that were not replayed, by reason, as `watch` last saw them; None
            before it did.
        partitions: how the partitions of chat_log are, as `watch` last saw them; None before it did.
        silent: channels that connectors do not hear, by platform, as `watch` last saw them; None before it
            did.

    Args:
        database: where it is.
        watches_connectors: whether what connectors missed is looked at too, by a user who may.
    """

    def __init__(self, database: DatabaseSettings, *, watches_connectors: bool = False) -> None:
        self._database = database
        self._watches_connectors = watches_connectors
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._totals: dict[str, dict[str, int]] = {}
        self._totals_at = float("-inf")
        self._watched_at = float("-inf")
        self.error: str | None = None
        self.pending: dict[str, int] | None = None
        self.partitions: Partitions | None = None
        self.silent: dict[str, int] | None = None

    async def check(self) -> None:
        """Ask whether PostgreSQL is there; see `error`."""
        try:
            await self._ask("SELECT 1")
        except _FAILURES as error:
            lies_behind = error.__cause__ if isinstance(error, DatabaseUnavailable) else None
            self.error = type(lies_behind or error).__name__
        else:
            self.error = None

    async def watch(self) -> None:
        """Look at what is kept, if that was long ago; what PostgreSQL does not tell stays as it was."""
        if self.error is not None or time.monotonic() - self._watched_at < WATCH_EVERY_S:
            return
        self._watched_at = time.monotonic()
        with suppress(*_FAILURES):
            self.pending = {row["reason"]: row["pending"] for row in await self._ask(_TOTALS)}
        with suppress(*_FAILURES):
            self.partitions = Partitions(*(await self._ask(_PARTITIONS))[0])
        if self._watches_connectors:
            with suppress(*_FAILURES):
                missed = await self._ask_for(lambda connection: sum_up_missed(connection, _shown_since()))
                self.silent = {of.platform: of.silent for of in missed}

    async def dead_letters(self) -> dict[str, dict[str, int]] | None:
        """Return how many dead letters the table keeps and how many were not replayed, by reason.

        None if PostgreSQL cannot tell.
        """
        if time.monotonic() - self._totals_at > TOTALS_GOOD_FOR_S:
            try:
                rows = await self._ask(_TOTALS)
            except _FAILURES:
                return None
            self._totals = {row["reason"]: {"kept": row["kept"], "pending": row["pending"]} for row in rows}
            self._totals_at = time.monotonic()
        return self._totals

    async def gaps(self) -> list[ConnectorGap] | None:
        """Return what connectors missed lately, those that go on first; None if PostgreSQL cannot tell."""
        try:
            return await self._ask_for(
                lambda connection: find_gaps(connection, None, _shown_since(), GAPS_SHOWN_MAX)
            )
        except _FAILURES:
            return None

    def close(self) -> None:
        """Disconnect without a word. Idempotent; the next question connects again."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _ask(self, question: str) -> list[Any]:
        return await self._ask_for(lambda connection: connection.fetch(question))

    async def _ask_for(self, ask: Callable[[_Connection], Awaitable[_Answer]]) -> _Answer:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), self._one_at_a_time:
                if self._connection is None:
                    self._connection = await connect(self._database, application_name="chatlog-look")
                return await ask(self._connection)
        except _FAILURES:
            self.close()
            raise


def _shown_since() -> datetime:
    return datetime.now(UTC) - GAPS_SHOWN_FOR
