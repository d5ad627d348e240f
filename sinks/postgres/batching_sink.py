"""What every sink of batches is: items gathered, written with retries, split at what is refused, and counted.

`write` returns when every item is committed or was refused for its content. While PostgreSQL is down it
waits, and so does its caller. How a batch becomes rows is the matter of each sink.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic

from sinks.postgres.batching import Batcher, Item
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg

    from models.errors import BadRecord
    from sinks.postgres.batching import Batched, Source
    from sinks.retry import RetryPolicy


class BatchingSink(ABC, Generic[Item]):
    """Writes items through a pool it is given.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down.
        key: tells what only one item can have; the keys can be sorted. Items with one key are written in the
            order in which they came.
        max_items: the size of a batch that goes out at once.
        max_wait_s: how long the first item of a smaller batch waits for company.
        max_writes: batches written at the same time.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        retry_policy: RetryPolicy,
        *,
        key: Callable[[Item], Any],
        max_items: int,
        max_wait_s: float,
        max_writes: int,
    ) -> None:
        self._pool = pool
        self._retry_policy = retry_policy
        self._batcher: Batcher[Item] = Batcher(
            self._write_batch, key=key, max_items=max_items, max_wait_s=max_wait_s, max_writes=max_writes
        )

    async def write(self, items: Sequence[tuple[Item, Source]]) -> list[tuple[Source, BadRecord]]:
        """Write items once each; return what those were made of that can never be stored, and why.

        Raises:
            CannotGoOn: PostgreSQL refuses in a way that neither waiting nor leaving out a record mends.
        """
        return await self._batcher.submit(items)

    async def abandon(self) -> None:
        """Stop writing what is not finished; its callers are cancelled. Idempotent."""
        await self._batcher.stop()

    @abstractmethod
    async def _insert(self, batch: Sequence[Batched[Item]]) -> int:
        """Write some items in one transaction; return how many rows it added.

        Raises:
            BadRecord: one of the items is to blame; SinkError: something else is.
        """

    @abstractmethod
    def _note_batch(self, size: int, rows: int, refused: list[BadRecord], seconds: float) -> None:
        """Count a batch of `size` items, of which `rows` were new."""

    async def _write_batch(self, batch: list[Batched[Item]]) -> list[tuple[Batched[Item], BadRecord]]:
        started = time.monotonic()
        rows, refused = await self._store(batch)
        self._note_batch(len(batch), rows, [why for _, why in refused], time.monotonic() - started)
        return refused

    async def _store(self, batch: list[Batched[Item]]) -> tuple[int, list[tuple[Batched[Item], BadRecord]]]:
        """Have a batch written, whatever it takes; return how many rows it added, and what was refused."""
        return await write_or_split(batch, self._insert_when_possible)

    async def _insert_when_possible(self, batch: Sequence[Batched[Item]]) -> int:
        return await self._retry_policy.run(lambda: self._insert(batch))
