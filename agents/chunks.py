"""Chunks, and the one place that acknowledges them: when what came of every record in a chunk is safe.

Agents give a function that returns when that is so. Whatever else happens (an error, a cancellation, a
rebalance, a stop) leaves the chunk unacknowledged, so it is read again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from aiokafka import ConsumerRecord
    from faust import Stream
    from faust.types import EventT

log = logging.getLogger(__name__)

#: How long work in flight may go on once the partitions are to be given up. Together with the commit that
#: follows (`app.stream.consumer_thread`) it must stay far below the rebalance timeout and the stop deadline.
RELEASE_GRACE_S = 2.0
#: How long work that was then cancelled may take to end: asyncpg tells the server of it, and a server that is
#: frozen does not answer.
CANCEL_S = 0.5


@dataclass(slots=True, eq=False)
class Chunk:
    """Consecutive records of one partition, as fetched and undecoded: the unit of work of every agent.

    Two chunks are never equal: an acknowledgement counts for the very chunk that was handed out.
    """

    topic: str
    partition: int
    records: Sequence[ConsumerRecord]
    size_bytes: int
    acknowledged: bool = False

    @property
    def first_offset(self) -> int:
        """The offset of the first record."""
        return int(self.records[0].offset)

    @property
    def last_offset(self) -> int:
        """The offset of the last record."""
        return int(self.records[-1].offset)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        return iter(self.records)


class StreamEnded(ChatlogError):
    """A stream ended by itself, which it must never do: its partition would silently stand still."""

    must_act = MustAct.US


class ChunkRunner:
    """Works on the chunks of a stream: side by side, or one after the other within a partition.

    How many there can be is bounded by the transport, which hands out only so many.

    Args:
        name: what this is, for logs.
        handle: returns when what came of every record of the chunk is safe.
        in_order: whether a chunk waits for the one before it in its partition.
        fail: called with an error that nobody foresaw or that cannot be mended; must stop the worker.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Chunk], Awaitable[None]],
        *,
        in_order: bool,
        fail: Callable[[Exception], Awaitable[None]],
    ) -> None:
        self._name = name
        self._handle = handle
        self._in_order = in_order
        self._fail = fail
        self._last_of_partition: dict[int, asyncio.Task[bool]] = {}
        self._tasks: set[asyncio.Task[bool]] = set()
        #: Whether a chunk could not be worked on: then no other is begun, as the worker stops.
        self._failed = False

    async def run(self, stream: Stream[Chunk]) -> None:
        """Work on `stream` for as long as the worker runs."""
        async for event in stream.noack().events():
            self._start(event)
        await self._fail(StreamEnded(f"the stream of {self._name} ended"))

    async def release(self) -> None:
        """Let the work in flight finish for a short while, then cancel what is left. Idempotent.

        What begins meanwhile is released with the rest: a chunk may be on its way from the stream.
        """
        clock = asyncio.get_running_loop()
        deadline = clock.time() + RELEASE_GRACE_S
        while self._tasks and (left_s := deadline - clock.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CANCEL_S)
        self._last_of_partition.clear()

    def _start(self, event: EventT[Chunk]) -> None:
        chunk = cast("Chunk", event.value)
        before = self._last_of_partition.get(chunk.partition) if self._in_order else None
        # The task is created in the stream's context, so that Faust's stores know the current event.
        task = asyncio.create_task(self._work(event, before), name=f"{self._name}-{chunk.partition}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._in_order:
            self._last_of_partition[chunk.partition] = task

    async def _work(self, event: EventT[Chunk], before: asyncio.Task[bool] | None) -> bool:
        """Work on a chunk, and acknowledge it; return whether that was done."""
        chunk = cast("Chunk", event.value)
        if before is not None:
            await asyncio.wait({before})
            if before.cancelled() or not before.result():
                # The worker stops, or the partition is given up. What follows would be built on a gap.
                return False
        if self._failed:
            # What comes later in the log must not be safe before it.
            return False
        try:
            await self._handle(chunk)
        except Exception as error:
            self._failed = True
            log.exception(
                "A chunk cannot be worked on; the worker stops and the chunk is read again",
                extra={
                    "part": self._name,
                    "topic": chunk.topic,
                    "partition": chunk.partition,
                    "offset": chunk.first_offset,
                    "last_offset": chunk.last_offset,
                },
            )
            await self._fail(error)
            return False
        event.ack()
        return True
