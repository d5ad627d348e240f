"""How far a role's group is behind, per partition: in messages, in seconds, and since when it stands still.

For every partition of the role's topics, also those that other workers read. Asked of the brokers every few
seconds (`app.kafka.offsets`); while they do not answer, the last answer stays, with its age.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from mode import Service

from app.kafka.offsets import GroupOffsets
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from faust.types import TP

    from app.kafka.offsets import Offsets
    from app.settings.kafka import KafkaSettings
    from app.stream.progress import PartitionProgress

log = logging.getLogger(__name__)

#: How often the brokers are asked.
LOOK_EVERY_S = 2.0
#: How long one look may take in all.
LOOK_LIMIT_S = 8.0
#: An answer older than this no longer tells how things are.
STALE_AFTER_S = 10.0

#: What Kafka gives for a record without one.
NO_TIMESTAMP = -1

#: What to do about an error that does not pass by itself.
_REMEDIES: dict[type[Exception], str] = {
    GroupAuthorizationFailedError: "allow our user Describe and Read on the group",
    TopicAuthorizationFailedError: "allow our user Describe and Read on the topics of its role",
    OSError: "see whether the brokers are up, and whether KAFKA_BOOTSTRAP_SERVERS names them",
    TimeoutError: "see whether the brokers are up, and whether the network is",
}
_PASSES = "this passes by itself; if it lasts, see whether the brokers are up, and their log"
_UNKNOWN = "run `chatlog check`, and see the log of the brokers"


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far the group is behind in one partition.

    Attributes:
        tp: the topic and the partition.
        beginning: the first offset that is still there.
        end: the offset up to which can be read.
        committed: the group's committed offset; None while it never committed.
        oldest_ms: the timestamp of the oldest record that is not done, ms since 1970; None if not known.
        advanced_at: when the commit last advanced, or there was no lag (`time.monotonic()`).
        held_back: how many offsets cannot be read yet, as a producer's transaction is open: no lag of ours.
        held_since: since when it has been this transaction, as far as is known (`time.monotonic()`); None
            while nothing is held back.
    """

    tp: TP
    beginning: int
    end: int
    committed: int | None
    oldest_ms: int | None
    advanced_at: float
    held_back: int = 0
    held_since: float | None = None

    @property
    def next_offset(self) -> int:
        """Where the group goes on."""
        return _next_offset(self.committed, self.beginning, self.end)

    @property
    def messages(self) -> int:
        """How many offsets of those that were there when asked are not done; gaps count like records."""
        return max(0, self.end - self.next_offset)

    def seconds(self, now_s: float) -> float | None:
        """Return how old the oldest record is that is not done; 0 without lag, None if not known.

        Args:
            now_s: `time.time()`.
        """
        if self.messages == 0:
            return 0.0
        return None if self.oldest_ms is None else max(0.0, now_s - self.oldest_ms / 1000)

    def commit_age_s(self, now: float) -> float:
        """Return how long the commit has not advanced although there is lag; 0 without lag.

        Args:
            now: `time.monotonic()`.
        """
        return max(0.0, now - self.advanced_at) if self.messages else 0.0

    def held_s(self, now: float) -> float:
        """Return how long a producer's transaction has been open, as far as is known; 0 when none is.

        Args:
            now: `time.monotonic()`.
        """
        return 0.0 if self.held_since is None else max(0.0, now - self.held_since)


class LagMonitor(Service):
    """Keeps the group's lag up to date for as long as the worker runs.

    Attributes:
        partitions: the last answer, in order; empty before the first.
        error: why the last question had no answer, and what to do; None when it had one.
        group: the consumer group.

    Args:
        kafka: how to reach the brokers.
        group: the consumer group.
        topics: what it reads.
        progress: tells what this worker has in flight, which is the cheapest source of timestamps.
    """

    mundane_level = "debug"

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        topics: Collection[str],
        progress: Callable[[], Mapping[TP, PartitionProgress]],
    ) -> None:
        super().__init__()
        self.group = group
        self.partitions: tuple[PartitionLag, ...] = ()
        self.error: str | None = None
        self._trouble = Trouble(log, over="Kafka tells the lag again")
        self._offsets = GroupOffsets(kafka, group, topics)
        self._progress = progress
        self._began_at = time.monotonic()
        self._answered_at: float | None = None

    @property
    def age_s(self) -> float:
        """How old the last answer is; before the first, how long it has been waited for."""
        return time.monotonic() - (self._began_at if self._answered_at is None else self._answered_at)

    @property
    def is_stale(self) -> bool:
        """Whether the last answer is too old, or there is none, to tell how things are."""
        return self._answered_at is None or self.age_s > STALE_AFTER_S

    async def look(self) -> None:
        """Ask once. Never raises for what goes wrong: see `error`."""
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                offsets = await self._offsets.ask()
                before = {partition.tp: partition for partition in self.partitions}
                known, wanted = _timestamps(offsets, before, self._progress())
                if wanted:
                    known |= await self._offsets.timestamps(wanted)
        except Exception as error:  # noqa: BLE001  whatever it is, a monitor must not stop what it watches
            await self._note_failure(error)
            return
        self.partitions = compare(offsets, before, known, time.monotonic())
        self._note_what_is_read_again(before)
        self._answered_at = time.monotonic()
        self.error = None
        self._trouble.end()

    async def on_first_start(self) -> None:
        """Begin to count how long the first answer takes."""
        self._began_at = time.monotonic()

    async def on_stop(self) -> None:
        """Disconnect."""
        await self._offsets.close()

    @Service.task
    async def _poll(self) -> None:
        while not self.should_stop:
            await self.look()
            await self.sleep(LOOK_EVERY_S)

    def _note_what_is_read_again(self, before: Mapping[TP, PartitionLag]) -> None:
        """Say why the lag has jumped, when it has for that."""
        again = {
            lag.tp: min(last.next_offset, lag.end) - lag.next_offset
            for lag in self.partitions
            if (last := before.get(lag.tp)) is not None and lag.next_offset < last.next_offset
        }
        if again:
            log.warning(
                "The group's offsets went back, and records are read again: "
                "they were reset or expired, or the topic was made anew",
                extra={
                    "partitions": [f"{tp.topic}[{tp.partition}]" for tp in again],
                    "records": sum(again.values()),
                },
            )

    async def _note_failure(self, error: Exception) -> None:
        remedy = remedy_for(error)
        fields = {"error": f"{error!r}: {remedy}"}
        if self._answered_at is None and remedy == _PASSES:
            # On a fresh cluster the group does not exist until a worker has joined it.
            self._trouble.note("Kafka does not tell the lag yet", fields, level=logging.INFO)
        else:
            self._trouble.note("Kafka does not tell the lag; an answer from before is kept", fields)
        self.error = f"{type(error).__name__}: {remedy}"
        await self._offsets.close()


def remedy_for(error: Exception) -> str:
    """Return what a person can do when the brokers do not tell the lag."""
    if isinstance(error, KafkaError) and error.retriable:
        return _PASSES
    return next((remedy for kind, remedy in _REMEDIES.items() if isinstance(error, kind)), _UNKNOWN)


def compare(
    offsets: Mapping[TP, Offsets],
    before: Mapping[TP, PartitionLag],
    oldest_ms: Mapping[TP, int],
    now: float,
) -> tuple[PartitionLag, ...]:
    """Work out the lag from what the brokers say now and what was known before.

    Args:
        offsets: what the brokers say.
        before: the lag at the last look.
        oldest_ms: the timestamp of the oldest record that is not done, where it is known.
        now: `time.monotonic()`.
    """
    partitions = []
    for tp, found in sorted(offsets.items()):
        last, oldest = before.get(tp), oldest_ms.get(tp, NO_TIMESTAMP)
        held_back = max(0, found.written - found.end)
        is_held_on = last is not None and last.held_since is not None and last.end == found.end
        stands_still = last is not None and last.messages > 0 and last.committed == found.committed
        partitions.append(
            PartitionLag(
                tp,
                found.beginning,
                found.end,
                found.committed,
                None if oldest == NO_TIMESTAMP else oldest,
                last.advanced_at if last is not None and stands_still else now,
                held_back,
                (last.held_since if last is not None and is_held_on else now) if held_back else None,
            )
        )
    return tuple(partitions)


def _timestamps(
    offsets: Mapping[TP, Offsets],
    before: Mapping[TP, PartitionLag],
    progress: Mapping[TP, PartitionProgress],
) -> tuple[dict[TP, int], dict[TP, int]]:
    """Return the oldest timestamps that are known without asking, and the offsets to ask for."""
    known: dict[TP, int] = {}
    wanted: dict[TP, int] = {}
    for tp, found in offsets.items():
        next_offset = _next_offset(found.committed, found.beginning, found.end)
        if next_offset >= found.end:
            continue
        last = before.get(tp)
        chunk = progress[tp].oldest_in_flight if tp in progress else None
        # What is in flight here may be done elsewhere already, if this worker slept through a rebalance.
        if chunk is not None and chunk.last_offset >= next_offset:
            known[tp] = chunk.records[0].timestamp
        elif (
            last is not None and last.oldest_ms is not None and _is_same_record(last, next_offset, found.end)
        ):
            known[tp] = last.oldest_ms
        else:
            wanted[tp] = next_offset
    return known, wanted


def _is_same_record(last: PartitionLag, next_offset: int, end: int) -> bool:
    """Tell whether the next record is the one of the last look; a log that was made anew is shorter."""
    return last.next_offset == next_offset and last.end <= end


def _next_offset(committed: int | None, beginning: int, end: int) -> int:
    """Return where the group goes on: what it never read may have expired, or the log been made anew."""
    return beginning if committed is None or committed > end else max(committed, beginning)
