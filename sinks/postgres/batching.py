"""Group what several chunks bring into batches, by size and by time; of one key, the first wins.

An item travels with its source, and with the submission that brought it; so one that is refused finds its
way back. A chunk's caller gets its answer when everything in the chunk was written or refused, so it can
acknowledge. Memory is bounded by what the transport lets be in flight.

Batches are written side by side, but for those that have keys in common: a later one waits until the earlier
is written. So no item goes to the table before all that came earlier with its key are committed or refused;
and whenever the worker dies or loses its partitions, what is read again finds the first in its place.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from models.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from models.errors import BadRecord

Item = TypeVar("Item")
#: What an item was made of: a record, for an agent. Nothing here looks into it.
Source = TypeVar("Source")

#: How long a stop waits for cancelled writes to end: asyncpg tells the server of a cancellation, and a server
#: that is frozen does not answer.
STOP_S = 1.0


@dataclass(slots=True, eq=False)
class Submission:
    """What one caller has given to be written.

    Attributes:
        size: how many items.
        answer: what the caller waits for: the sources of those refused.
        refused: these, gathered when the batch has been written.
    """

    size: int
    answer: asyncio.Future[list[tuple[Any, BadRecord]]]
    refused: list[tuple[Any, BadRecord]] = field(default_factory=list)


#: An item, what it was made of, and whose it is. A plain tuple: there is one for each row.
Batched: TypeAlias = tuple[Item, Any, Submission]


@dataclass(slots=True, eq=False)
class _Batch(Generic[Item]):
    """What goes out together.

    Attributes:
        submissions: whose items they are.
        firsts: the first item of each key, by key.
        later: the other items, in the order in which they came.
        keys: those of `firsts`.
        after: the writes that must have ended well before this one begins: they have keys of this one.
    """

    submissions: list[Submission]
    firsts: dict[Any, Batched[Item]]
    later: list[Batched[Item]]
    keys: frozenset[Any]
    after: list[asyncio.Task[list[tuple[Batched[Item], BadRecord]]]]


class Batcher(Generic[Item]):
    """Collects submissions and writes them together.

    A batch goes out when another submission would make it larger than `max_items`, or when its oldest
    submission has waited `max_wait_s`. At most `max_writes` batches are being written at once; what comes
    meanwhile waits, and so does its caller.

    Args:
        write: writes one batch and returns what of it was refused, as it was given, with the reason. A reason
            of `KEY_CONFLICT` says that another item has the key already. The keys of a batch come in order,
            so that batches in flight lock rows in one order, and differ; or all of them are there already.
        key: tells what only one item can have. The keys can be sorted.
    """

    def __init__(
        self,
        write: Callable[[list[Batched[Item]]], Awaitable[list[tuple[Batched[Item], BadRecord]]]],
        *,
        key: Callable[[Item], Any],
        max_items: int,
        max_wait_s: float,
        max_writes: int,
    ) -> None:
        self._write = write
        self._key = key
        self._max_items = max_items
        self._max_wait_s = max_wait_s
        self._slots = asyncio.Semaphore(max_writes)
        #: What has come since the last batch went out, by submission.
        self._waiting: list[tuple[Submission, Sequence[tuple[Item, Any]]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writes: dict[asyncio.Task[list[tuple[Batched[Item], BadRecord]]], _Batch[Item]] = {}
        #: The batches that were given up with an error, until `stop`: nothing with their keys is written.
        self._failed: list[tuple[frozenset[Any], BaseException]] = []

    async def submit(self, items: Sequence[tuple[Item, Source]]) -> list[tuple[Source, BadRecord]]:
        """Have items written; return the sources of those refused, with the reason, when all are settled.

        Of items with one key, the one that was submitted first and not refused is written.

        Raises:
            Exception: what `write` raised for the batch they were in, or for an earlier one that has a key of
                theirs; nothing of it counts as written.
        """
        if not items:
            return []
        if self._waiting_items() + len(items) > self._max_items:
            self._flush()
        submission: Submission = Submission(len(items), asyncio.get_running_loop().create_future())
        self._waiting.append((submission, items))
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
        _cancel(submission for submission, _ in self._waiting)
        self._waiting.clear()
        for write, batch in self._writes.items():
            write.cancel()
            _cancel(batch.submissions)
        self._failed.clear()
        if self._writes:
            await asyncio.wait(self._writes, timeout=STOP_S)

    def _waiting_items(self) -> int:
        return sum(submission.size for submission, _ in self._waiting)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # A caller that was cancelled while it waited (its partition was revoked) is left out.
        waiting = [(submission, items) for submission, items in self._waiting if not submission.answer.done()]
        self._waiting.clear()
        if waiting:
            batch = self._batch_of(waiting)
            submissions = batch.submissions
            write = asyncio.create_task(self._write_batch(batch))
            self._writes[write] = batch
            write.add_done_callback(self._settle)
            for submission in submissions:
                submission.answer.add_done_callback(lambda _: _cancel_if_nobody_waits(write, submissions))

    def _batch_of(self, waiting: Sequence[tuple[Submission, Sequence[tuple[Item, Any]]]]) -> _Batch[Item]:
        firsts, later = self._by_key(
            [(item, source, submission) for submission, items in waiting for item, source in items]
        )
        keys = frozenset(firsts)
        after = [
            write
            for write, batch in self._writes.items()
            # One that was cancelled may still be ending. What it had is read again, and comes in order again.
            if not write.cancelling() and not keys.isdisjoint(batch.keys)
        ]
        return _Batch([submission for submission, _ in waiting], firsts, later, keys, after)

    def _by_key(self, items: Sequence[Batched[Item]]) -> tuple[dict[Any, Batched[Item]], list[Batched[Item]]]:
        """Return the first item of each key, and the rest in order."""
        key_of = self._key
        firsts: dict[Any, Batched[Item]] = {}
        later = [one for one in items if firsts.setdefault(key_of(one[0]), one) is not one]
        return firsts, later

    async def _write_batch(self, batch: _Batch[Item]) -> list[tuple[Batched[Item], BadRecord]]:
        if batch.after:
            await _until_written(batch.after)
        for keys, error in self._failed:
            if not keys.isdisjoint(batch.keys):
                raise error
        async with self._slots:
            firsts, later = batch.firsts, batch.later
            refused: list[tuple[Batched[Item], BadRecord]] = []
            while firsts:
                some = await self._write([firsts[key] for key in sorted(firsts)])
                refused += some
                if not later:
                    break
                # Where the first was refused for what it is, the next has its turn. The others are too late.
                free = {self._key(one[0]) for one, why in some if why.reason is not Reason.KEY_CONFLICT}
                if late := [one for one in later if self._key(one[0]) not in free]:
                    refused += await self._write(sorted(late, key=lambda one: self._key(one[0])))
                firsts, later = self._by_key([one for one in later if self._key(one[0]) in free])
            return refused

    def _settle(self, write: asyncio.Task[list[tuple[Batched[Item], BadRecord]]]) -> None:
        """Answer the callers that still wait. A callback, as a task cancelled before it runs does nothing."""
        batch = self._writes.pop(write)
        waiting = [submission for submission in batch.submissions if not submission.answer.done()]
        if write.cancelled():
            _cancel(waiting)
        elif error := write.exception():
            self._failed.append((batch.keys, error))
            for submission in waiting:
                submission.answer.set_exception(error)
        else:
            for (_, source, submission), why in write.result():
                submission.refused.append((source, why))
            for submission in waiting:
                submission.answer.set_result(submission.refused)


def _cancel(submissions: Iterable[Submission]) -> None:
    for submission in submissions:
        submission.answer.cancel()


async def _until_written(writes: list[asyncio.Task[Any]]) -> None:
    """Return when all were written; end as the first that was not, for what follows is built on it."""
    await asyncio.wait(writes)
    for write in writes:
        write.result()


def _cancel_if_nobody_waits(write: asyncio.Task[Any], submissions: Sequence[Submission]) -> None:
    """End a write whose callers are all gone: it may be one that waits for a database without end."""
    if not write.cancelling() and all(submission.answer.cancelled() for submission in submissions):
        write.cancel()
