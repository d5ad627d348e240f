"""Group what several chunks bring into batches, by size and by time.

A chunk's caller gets its answer when everything in the chunk was written or refused, so it can
acknowledge. Memory is bounded by what the transport lets be in flight.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from models.errors import BadRecord

Item = TypeVar("Item")

#: How long a stop waits for cancelled writes to end: asyncpg tells the server of a cancellation, and a server
#: that is frozen does not answer.
STOP_S = 1.0


@dataclass(slots=True)
class _Submission(Generic[Item]):
    items: Sequence[Item]
    answer: asyncio.Future[list[tuple[Item, BadRecord]]]


class Batcher(Generic[Item]):
    """Collects submissions and writes them together.

    A batch goes out when another submission would make it larger than `max_items`, or when its oldest
    submission has waited `max_wait_s`. At most `max_writes` batches are being written at once; what comes
    meanwhile waits, and so does its caller.

    Args:
        write: writes one batch and returns the refused items with the reason, by identity.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], Awaitable[list[tuple[Item, BadRecord]]]],
        *,
        max_items: int,
        max_wait_s: float,
        max_writes: int,
    ) -> None:
        self._write = write
        self._max_items = max_items
        self._max_wait_s = max_wait_s
        self._slots = asyncio.Semaphore(max_writes)
        self._waiting: list[_Submission[Item]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writes: dict[asyncio.Task[list[tuple[Item, BadRecord]]], list[_Submission[Item]]] = {}

    async def submit(self, items: Sequence[Item]) -> list[tuple[Item, BadRecord]]:
        """Have `items` written; return those refused when all are settled.

        Raises:
            Exception: what `write` raised for the batch they were in; nothing of it counts as written.
        """
        if not items:
            return []
        if self._waiting_items() + len(items) > self._max_items:
            self._flush()
        submission: _Submission[Item] = _Submission(items, asyncio.get_running_loop().create_future())
        self._waiting.append(submission)
        if self._waiting_items() >= self._max_items:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._max_wait_s, self._flush)
        return await submission.answer

    async def stop(self) -> None:
        """Cancel what is being written and what waits; their callers are cancelled. Idempotent.

        Returns when the writes have ended, or after `STOP_S`. What is submitted later is written as ever.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        _cancel(self._waiting)
        self._waiting.clear()
        for write, batch in self._writes.items():
            write.cancel()
            _cancel(batch)
        if self._writes:
            await asyncio.wait(self._writes, timeout=STOP_S)

    def _waiting_items(self) -> int:
        return sum(len(submission.items) for submission in self._waiting)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # A caller that was cancelled while it waited (its partition was revoked) is left out.
        batch = [submission for submission in self._waiting if not submission.answer.done()]
        self._waiting.clear()
        if batch:
            write = asyncio.create_task(self._write_batch(batch))
            self._writes[write] = batch
            write.add_done_callback(self._settle)
            for submission in batch:
                submission.answer.add_done_callback(lambda _: _cancel_if_nobody_waits(write, batch))

    async def _write_batch(self, batch: list[_Submission[Item]]) -> list[tuple[Item, BadRecord]]:
        async with self._slots:
            return await self._write([item for submission in batch for item in submission.items])

    def _settle(self, write: asyncio.Task[list[tuple[Item, BadRecord]]]) -> None:
        """Answer the callers that still wait. A callback, as a task cancelled before it runs does nothing."""
        batch = self._writes.pop(write)
        waiting = [submission for submission in batch if not submission.answer.done()]
        if write.cancelled():
            _cancel(waiting)
        elif error := write.exception():
            for submission in waiting:
                submission.answer.set_exception(error)
        else:
            by_identity = {id(item): (item, why) for item, why in write.result()}
            for submission in waiting:
                submission.answer.set_result(
                    [by_identity[id(item)] for item in submission.items if id(item) in by_identity]
                )


def _cancel(submissions: list[_Submission[Item]]) -> None:
    for submission in submissions:
        submission.answer.cancel()


def _cancel_if_nobody_waits(write: asyncio.Task[Any], batch: list[_Submission[Item]]) -> None:
    """End a write whose callers are all gone: it may be one that waits for a database without end."""
    if not write.cancelling() and all(submission.answer.cancelled() for submission in batch):
        write.cancel()
