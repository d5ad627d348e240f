"""Entries → rows of chat_log: in batches, once, and never lost.

`ChatLogSink.write` returns when every entry is committed or was refused, for its content or because another
message has its key. While PostgreSQL is down it waits, and so does its caller.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from models.entries import encode_entries, mid_of
from models.errors import BadRecord, Reason
from sinks.postgres.batching_sink import BatchingSink
from sinks.postgres.figures import ChatLogFigures
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import asyncpg
    from prometheus_client import CollectorRegistry

    from models.entries import ChatLogEntry
    from sinks.postgres.batching import Batched
    from sinks.retry import RetryPolicy

    #: An entry, what it was decoded from, and whose it is (`sinks.postgres.batching`).
    _Batched: TypeAlias = Batched[ChatLogEntry]
    #: What is not in the table, and what has a key that another message has there.
    _Found: TypeAlias = tuple[list[_Batched], list[tuple[_Batched, BadRecord]]]

_SQL = statements("chat_log")
_INSERT = _SQL.insert_entries
_FIND = _SQL.find_entries
_primary_key = attrgetter("userid", "timestamp", "direction")
_encode = msgspec.json.Encoder().encode

#: When a larger part of a batch was there already, the next is looked up before it is sent: of a log that is
#: read again, that takes PostgreSQL half of the time that it needs to find out while it inserts.
MANY = 0.25
#: How much of a platform's id is quoted: it is what somebody wrote.
MID_QUOTED = 100


class ChatLogSink(BatchingSink["ChatLogEntry"]):
    """Writes entries to chat_log.

    Of entries with one key, the first that was given and not refused is the row. Those that are the same
    message delivered again are fine; another message is refused with `KEY_CONFLICT`.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down.
        max_entries: the size of a batch that goes out at once.
        max_wait_s: how long the first entry of a smaller batch waits for company.
        max_writes: batches written at the same time.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        retry_policy: RetryPolicy,
        *,
        max_entries: int,
        max_wait_s: float,
        max_writes: int,
        registry: CollectorRegistry | None = None,
    ) -> None:
        super().__init__(
            pool,
            retry_policy,
            key=_primary_key,
            max_items=max_entries,
            max_wait_s=max_wait_s,
            max_writes=max_writes,
        )
        #: Whether many entries of the last batch were there already.
        self._is_read_again = False
        self.figures = ChatLogFigures(registry)

    def _note_batch(self, size: int, rows: int, refused: list[BadRecord], seconds: float) -> None:
        conflicts = sum(why.reason is Reason.KEY_CONFLICT for why in refused)
        self.figures.note_batch(size, rows, len(refused) - conflicts, conflicts, seconds)

    async def _store(self, batch: list[_Batched]) -> tuple[int, list[tuple[_Batched, BadRecord]]]:
        new, conflicts = await self._without_those_there(batch) if self._is_read_again else (batch, [])
        rows, refused = await super()._store(new)
        if rows < len(new) - len(refused):
            are_refused = {id(one) for one, _ in refused}
            _, more = await self._find_when_possible([one for one in new if id(one) not in are_refused])
            conflicts += more
        self._is_read_again = len(batch) - rows > MANY * len(batch)
        return rows, refused + conflicts

    async def _without_those_there(self, batch: list[_Batched]) -> _Found:
        try:
            return await self._find_when_possible(batch)
        except BadRecord:  # which of them, is found when they are written
            return batch, []

    async def _insert(self, batch: Sequence[_Batched]) -> int:
        """Insert entries in one transaction; return how many were not there."""
        try:
            status = await self._pool.execute(
                _INSERT, encode_entries([entry for entry, _, _ in batch]).decode()
            )
        except DRIVER_ERRORS as error:
            raise classify(error) from None  # the chain could quote the row
        return int(status.rpartition(" ")[2])

    async def _find_when_possible(self, batch: Sequence[_Batched]) -> _Found:
        return await self._retry_policy.run(lambda: self._find(batch))

    async def _find(self, batch: Sequence[_Batched]) -> _Found:
        """Look up the keys of entries."""
        mids = [mid_of(entry) for entry, _, _ in batch]
        asked = [
            {"userid": entry.userid, "timestamp": entry.timestamp, "direction": entry.direction, "mid": mid}
            for (entry, _, _), mid in zip(batch, mids, strict=True)
        ]
        try:
            found = await self._pool.fetch(_FIND, _encode(asked).decode())
        except DRIVER_ERRORS as error:
            raise classify(error) from None  # the chain could quote the row
        missing = [batch[row["position"]] for row in found if row["is_missing"]]
        conflicts = [
            (batch[row["position"]], _key_conflict(mids[row["position"]] or "", row["mid"]))
            for row in found
            if not row["is_missing"]
        ]
        return missing, conflicts


def _key_conflict(mid: str, stored_mid: str) -> BadRecord:
    return BadRecord(
        Reason.KEY_CONFLICT,
        f"{mid[:MID_QUOTED]!r} has the userid, timestamp and direction of {stored_mid[:MID_QUOTED]!r}, "
        "which has the row",
    )
