"""The state table: a Faust table whose changes are logged a batch per chunk, and recovered a chunk at a time.

Faust's own table sends one changelog message per change by its slow path (about 5,000 a second), and
recovers record by record. Keys and values are bytes, the same in memory, in RocksDB and in the changelog;
what they mean is the agents' business.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.types import TP

from app.stream.transport import ChunkSchema
from sinks.kafka.delivery import OutRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from faust.types import AppT, EventT

    from agents.chunks import Chunk
    from sinks.kafka.producer import RecordProducer

#: Chunks that recovery collects before it applies them, all in one go, which holds up the event loop: 2 take
#: about 20 ms. Faust's default is 1,000 of what it takes for records. Not 1: then Faust goes on reading the
#: changelog when recovery is over.
RECOVERY_CHUNKS = 2


class StateTable(faust.Table[bytes, bytes]):
    """bytes → bytes, partitioned as the topics that feed it, safe in its changelog when `write` returns.

    Args:
        app: the worker.
        name: how Faust calls it.
        changelog: the topic.
        producer: writes to it.
        merge: in recovery, what becomes of a value and one that was logged after it.
        until_may_write: returns when it is sure that the partitions are this worker's.
    """

    logger = logging.getLogger("faust.tables")

    def __init__(
        self,
        app: AppT,
        *,
        name: str,
        changelog: str,
        producer: RecordProducer,
        merge: Callable[[bytes, bytes], bytes],
        until_may_write: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(
            app,
            name=name,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=app.topic(
                changelog, schema=ChunkSchema(), acks=False, internal=True, compacting=True
            ),
            help="Each user's latest states, for the as-of join.",
            recovery_buffer_size=RECOVERY_CHUNKS,
        )
        self._changelog = changelog
        self._producer = producer
        self._merge = merge
        self._until_may_write = until_may_write

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        """Return the function that tells what is stored for a key of `partition`; None if nothing is.

        To be asked for anew after every wait: a partition that is given up takes its store with it.
        """
        store: Any = self.data
        # Faust's RocksDB store takes the partition from the current event; inspection has none.
        rows = store._db_for_partition(partition) if hasattr(store, "_db_for_partition") else store.data  # noqa: SLF001
        read: Callable[[bytes], bytes | None] = rows.get
        return read

    async def write(self, partition: int, changes: Mapping[bytes, bytes]) -> None:
        """Log `changes` and apply them; return when they are safe.

        Waits while the partitions may be another worker's; a rebalance ends that.
        """
        if not changes:
            return
        await self._until_may_write()
        records = [OutRecord(key, value) for key, value in changes.items()]
        last_offset = await self._producer.send(self._changelog, partition, records)
        tp = TP(self._changelog, partition)
        self._apply(_Change(tp, last_offset, key, value) for key, value in changes.items())

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Apply chunks of the changelog during recovery (Faust calls this)."""
        for event in batch:
            tp = event.message.tp
            chunk = cast("Chunk", event.value)
            stored_of = self.reader(tp.partition)
            changes: dict[bytes, bytes | None] = {}
            for record in chunk:
                value = record.value
                before = changes[record.key] if record.key in changes else stored_of(record.key)
                changes[record.key] = self._merge(before, value) if before and value else value
            self._apply(_Change(tp, chunk.last_offset, key, value) for key, value in changes.items())

    def _apply(self, changes: Iterable[_Change]) -> None:
        self.data.apply_changelog_batch(
            cast("Iterable[EventT[Any]]", changes), to_key=_as_it_is, to_value=_as_it_is
        )


class _Change:
    """One record of the changelog, in as much of the shape of an event and its message as stores look at.

    A Faust event with a Faust message costs 15 times as much, and recovery makes one for every user.
    """

    __slots__ = ("key", "offset", "tp", "value")

    def __init__(self, tp: TP, offset: int, key: bytes | None, value: bytes | None) -> None:
        self.tp = tp
        self.offset = offset
        self.key = key
        self.value = value

    @property
    def message(self) -> _Change:
        """The message of the event: itself."""
        return self

    @property
    def partition(self) -> int:
        """The partition that it belongs to."""
        return self.tp.partition


def _as_it_is(stored: bytes) -> bytes:
    return stored
