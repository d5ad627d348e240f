"""Entries → rows of chat_log: in batches, once, and never lost.

`ChatLogSink.write` returns when every entry is committed or was refused for its content. While PostgreSQL
is down it waits, and so does its caller.
"""

from __future__ import annotations

import time
from operator import attrgetter
from typing import TYPE_CHECKING

from models.entries import encode_entries
from sinks.batching import Batcher
from sinks.splitting import write_or_split
from sinks.sql import statement
from sinks.sqlstate import DRIVER_ERRORS, verdict
from sinks.stats import SinkStats

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from models.entries import ChatLogEntry
    from models.errors import BadRecord
    from sinks.retrying import Patience

_INSERT = statement("insert_entries")
_primary_key = attrgetter("userid", "timestamp", "direction")


class ChatLogSink:
    """Writes entries to chat_log through a pool it is given.

    Args:
        pool: connections as the writer role.
        patience: waits while PostgreSQL is down.
        max_entries: the size of a batch that goes out at once.
        max_wait_s: how long the first entry of a smaller batch waits for company.
        max_writes: batches written at the same time.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        patience: Patience,
        *,
        max_entries: int,
        max_wait_s: float,
        max_writes: int,
    ) -> None:
        self._pool = pool
        self._patience = patience
        self._batcher: Batcher[ChatLogEntry] = Batcher(
            self._write_batch, max_items=max_entries, max_wait_s=max_wait_s, max_writes=max_writes
        )
        self.stats = SinkStats()

    async def write(self, entries: Sequence[ChatLogEntry]) -> list[tuple[ChatLogEntry, BadRecord]]:
        """Write `entries` once each; return those that can never be stored, with the reason.

        Raises:
            CannotGoOn: PostgreSQL refuses in a way that neither waiting nor leaving out a record mends.
        """
        return await self._batcher.submit(entries)

    async def abandon(self) -> None:
        """Stop writing what is not finished; its callers are cancelled. Idempotent."""
        await self._batcher.stop()

    async def _write_batch(self, batch: list[ChatLogEntry]) -> list[tuple[ChatLogEntry, BadRecord]]:
        started = time.monotonic()
        # The same order everywhere, so that batches in flight lock rows in one order.
        batch.sort(key=_primary_key)
        rows, refused = await write_or_split(batch, self._insert_when_possible)
        self.stats.note_batch(len(batch), rows, len(refused), time.monotonic() - started)
        return refused

    async def _insert_when_possible(self, entries: Sequence[ChatLogEntry]) -> int:
        return await self._patience.until_done(lambda: self._insert(entries))

    async def _insert(self, entries: Sequence[ChatLogEntry]) -> int:
        try:
            status = await self._pool.execute(_INSERT, encode_entries(entries).decode())
        except DRIVER_ERRORS as error:
            raise verdict(error) from None  # the chain could quote the row
        return int(status.rpartition(" ")[2])
