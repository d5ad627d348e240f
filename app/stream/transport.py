"""Faust's Kafka transport, delivering chunks instead of single records.

A Faust event costs about 70 µs before an agent sees it, whatever the agent does. This transport makes one
event of a `Chunk`: up to `chunk_max_records` consecutive records of one partition, undecoded. Agents,
streams, groups, rebalances, tables and web views stay Faust's.

It also owns what may be committed (`app.stream.progress`), bounds what is in flight per partition and in all
(back-pressure: a full partition is not polled until a chunk is acknowledged), bounds every wait of a
rebalance or a stop, and says loudly when a log does not go on where it should. Written against
faust-streaming 0.15.3; tests/stream/test_faust_contract.py tells when another breaks it (docs/faust.md).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from app.stream.consumer_thread import COMMIT_TIMEOUT_S, ChunkConsumerThread
from app.stream.end_offsets import EndOffsets
from app.stream.kafka_start import once_reached
from app.stream.progress import PartitionProgress, cut, start_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from faust.types import AppT, EventT, Message

    from agents.chunks import Chunk

log = logging.getLogger(__name__)

#: Chunks of one partition that may be with the agents at once. Two keep a sink busy while the next is
#: fetched; more only costs memory.
CHUNKS_IN_FLIGHT_PER_PARTITION = 4
#: Bytes of records that may be with the agents at once, over all partitions. Beyond that, a partition is read
#: only when nothing of it is with them.
BYTES_IN_FLIGHT = 64 * 1024 * 1024
#: How long one poll may wait for records: bounds how late a stop or a seek is noticed.
POLL_S = 0.25
#: How long one poll may wait while a full partition is left out: it is polled again soon after it drains.
POLL_WHILE_FULL_S = 0.02


#: A poll that brings fewer records than this is followed by the next one `GATHER_S` after it began: at a
#: trickle each record would otherwise be a chunk of its own, at half a millisecond whatever is in it.
FEW_RECORDS = 100
GATHER_S = 0.01


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """How large a chunk may be, and how many there may be."""

    max_records: int = 1000
    max_bytes: int = 4 * 1024 * 1024
    #: Of one partition, with the agents at once.
    in_flight: int = CHUNKS_IN_FLIGHT_PER_PARTITION


class ChunkSchema(Schema[Any, Any]):
    """Hands a chunk to the stream as it is: decoding belongs to the agent, which knows its errors."""

    def compile(self, app: AppT, **_: Any) -> Callable[..., Awaitable[EventT[Chunk]]]:
        """Return the function that wraps a chunk in an event; it cannot fail."""

        async def decode(message: Message, *, propagate: bool = False) -> EventT[Chunk]:  # noqa: ARG001  Faust's call
            return app.create_event(None, message.value, None, message)

        return decode


class ChunkConsumer(driver.Consumer):
    """Delivers chunks, and commits of each partition no more than its low-water mark.

    Before the partitions are given up (rebalance, stop), every hook in `release_hooks` is awaited: after
    it returns, nothing of what was handed out is being worked on any more.
    """

    logger = logging.getLogger("faust.transport")
    _thread: ChunkConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits: ChunkLimits = cast("ChunkTransport", self.transport).limits
        self._progress: dict[TP, PartitionProgress] = {}
        #: Held while polling and handing out, and while positions are moved: never both at once.
        self._positions = asyncio.Lock()
        #: Set when an acknowledgement may have made room in a full partition.
        self._room = asyncio.Event()
        self.release_hooks: list[Callable[[], Awaitable[None]]] = []
        #: Records that were deleted before they were read: retention is shorter than the lag.
        self.expired: Counter[TP] = Counter()
        self._gaps: dict[TP, tuple[int, int]] = {}
        self._end_offsets = EndOffsets(self._thread.end_offsets)

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- delivering

    async def _drain_messages(self, fetcher: Any) -> None:
        """Poll, cut, hand out, for as long as the fetcher runs (Faust's fetcher calls this)."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow.wait())
                    continue
                ready, all_ready = self._ready_partitions()
                if ready:
                    next_poll_at = time.monotonic() + GATHER_S
                    async with self._positions:
                        chunks = await self._poll(ready, POLL_S if all_ready else POLL_WHILE_FULL_S)
                    for chunk in chunks:
                        await self._hand_over(chunk)
                    few = sum(map(len, chunks)) < FEW_RECORDS
                    await asyncio.sleep(max(0, next_poll_at - time.monotonic()) if few else 0)
                else:
                    await self._wait_for_room()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    def _ready_partitions(self) -> tuple[set[TP], bool]:
        """Return the partitions with room for another chunk, and whether these are all.

        One of which nothing is in flight has room whatever the others hold: what they wait for may be in it.
        """
        active = self._get_active_partitions()
        in_flight = sum(progress.in_flight_bytes for progress in self._progress.values())
        room = self._limits.in_flight if in_flight < BYTES_IN_FLIGHT else 1
        ready = {
            tp for tp in active if tp not in self._progress or self._progress[tp].chunks_in_flight < room
        }
        return ready, len(ready) == len(active)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), POLL_S)

    async def _poll(self, ready: set[TP], timeout_s: float) -> list[Chunk]:
        """Fetch once and note what is handed out; the caller holds `_positions`."""
        if not self.flow_active:
            return []
        fetched = await self._getmany(active_partitions=ready, timeout=timeout_s)
        chunks: list[Chunk] = []
        for aiokafka_tp, records in fetched.items():
            tp = TP(aiokafka_tp.topic, aiokafka_tp.partition)
            self.app.monitor.track_tp_end_offset(tp, self.highwater(aiokafka_tp) or 0)
            cut_chunks = list(
                cut(tp.topic, tp.partition, records, self._limits.max_records, self._limits.max_bytes)
            )
            if self.app.topics.acks_enabled_for(tp.topic):
                progress = self._progress_from(tp, records[0].offset)
                for chunk in cut_chunks:
                    progress.hand_out(chunk)
            chunks.extend(cut_chunks)
        for tp in ready - {TP(tp.topic, tp.partition) for tp in fetched}:
            self._skip_what_holds_no_records(tp)
        return chunks

    def _skip_what_holds_no_records(self, tp: TP) -> None:
        """Move past transaction markers at the end, which would otherwise look like lag for ever."""
        progress = self._progress.get(tp)
        position = self._thread.position_of(tp) if progress else None
        if progress and position is not None:
            progress.skip_to(position)

    def _progress_from(self, tp: TP, first_offset: int) -> PartitionProgress:
        """Return the bookkeeping of a partition whose fetch begins at an offset, which may be an odd one."""
        progress = self._progress.setdefault(tp, PartitionProgress())
        expected = progress.position
        if expected is None or first_offset == expected:
            return progress
        if first_offset < expected:
            # The brokers did not have what was asked for, and aiokafka began anew.
            log.warning(
                "The log is shorter than what was read of it: it was made anew, and is read anew",
                extra={"topic": tp.topic, "partition": tp.partition, "offset": first_offset},
            )
            progress = self._progress[tp] = PartitionProgress(position=first_offset)
        else:
            if not self._gaps:
                self.add_future(self._look_into_gaps())
            since, _ = self._gaps.get(tp, (expected, first_offset))
            self._gaps[tp] = (since, first_offset)
        return progress

    async def _look_into_gaps(self) -> None:
        """Tell expired records from markers and compaction: of these, the log begins before the gap."""
        gaps, self._gaps = self._gaps, {}
        try:
            beginnings = await self.earliest_offsets(*gaps)
        except KafkaError as error:
            log.warning(
                "Offsets are missing, and Kafka does not tell whether their records expired",
                extra={"error": repr(error), "partitions": [f"{tp.topic}[{tp.partition}]" for tp in gaps]},
            )
            return
        for tp, (since, first_offset) in gaps.items():
            self._note_expired(tp, min(first_offset, beginnings[tp]) - since)

    def _note_expired(self, tp: TP, records: int) -> None:
        if records > 0:
            self.expired[tp] += records
            log.error(
                "Records expired before they were read, and are lost to us: keep the topic's records longer, "
                "or add workers",
                extra={"topic": tp.topic, "partition": tp.partition, "records": records},
            )

    async def _hand_over(self, chunk: Chunk) -> None:
        """Give the chunk to the streams; a flow that stops meanwhile gives up, as all is read again then."""
        if not self.flow_active:
            return
        tp = TP(chunk.topic, chunk.partition)
        last = chunk.records[-1]
        message = ConsumerMessage(
            chunk.topic,
            chunk.partition,
            chunk.last_offset,
            (last.timestamp or 0) / 1000.0,
            last.timestamp_type,
            None,
            None,
            cast("Any", chunk),  # Faust's stores and streams pass it on untouched
            None,
            0,
            chunk.size_bytes,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
        self._read_offset[tp] = chunk.last_offset

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: what is in flight is bounded here, so Faust's stream buffers never decide."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as `on_buffer_full`."""

    # -- acknowledging and committing

    def ack(self, message: Message) -> bool:
        """Note that a chunk is safe. A chunk of an assignment that is gone counts for nothing."""
        message.acked = True
        self._unacked_messages.discard(message)
        chunk = cast("Chunk", message.value)
        progress = self._progress.get(message.tp)
        if progress is None or chunk.acknowledged:
            return False
        progress.acknowledge(chunk)
        self._room.set()
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002  Faust's signature
        """Commit the low-water mark of every partition that has moved. False when nothing was committed."""
        if not self._progress:
            return False  # and perhaps the consumer's thread never started, which then knows no assignment
        assigned = self.assignment()
        marks = {
            tp: mark
            for tp, progress in self._progress.items()
            if tp in assigned
            and (topics is None or tp in topics or tp.topic in topics)
            and (mark := progress.committable()) is not None
        }
        if not marks:
            return False
        sensor_state = self.app.sensors.on_commit_initiated(self)
        committed = await self._commit(marks)
        self.app.sensors.on_commit_completed(self, sensor_state)
        if committed:
            for tp, mark in marks.items():
                if progress := self._progress.get(tp):
                    progress.committed = mark
            self._committed_offset.update(marks)
            self.app.monitor.on_tp_commit(marks)
        return committed

    # -- rebalancing, seeking, stopping

    async def wait_empty(self) -> None:
        """Let the work in flight finish or leave it unacknowledged, then commit. Bounded by the hooks."""
        for release in self.release_hooks:
            await release()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._commit_all(), COMMIT_TIMEOUT_S)

    async def _commit_all(self) -> None:
        """Commit what is acknowledged now: a commit under way knows only of what was before."""
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Release and commit (Faust calls `wait_empty`), then forget the assignment."""
        await super().on_partitions_revoked(revoked)
        self._progress.clear()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Take over partitions, paused: Faust makes them active, and pauses them only later."""
        self._paused_partitions.update(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Go back to the committed offsets; what was handed out before counts for nothing.

        A partition without a committed offset, or with one that expired, goes to where its log begins.
        aiokafka's `seek_to_committed` leaves the first where it stands, and Faust fetches before it seeks
        (`Recovery.on_recovery_completed` resumes the partitions first): the records between were lost.
        """
        async with self._positions:
            self._progress.clear()
            self._committed_offset.clear()
            await super().perform_seek()
            await self._begin_progress()

    async def _begin_progress(self) -> None:
        """Start each partition's bookkeeping where its reading starts; the caller holds `_positions`."""
        tps = {tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)}
        if not tps:
            return
        beginnings = await self.earliest_offsets(*tps)
        ends = await self._thread.end_offsets(tps)
        starts = {tp: start_of(self._committed_offset.get(tp), beginnings[TopicPartition(*tp)]) for tp in tps}
        if moved := {tp: start.position for tp, start in starts.items() if start.position != start.committed}:
            await super().seek_wait(moved)
        anew: dict[str, list[int]] = {}
        for tp, start in sorted(starts.items()):
            self._progress[tp] = PartitionProgress(position=start.position, committed=start.committed)
            self._note_expired(tp, start.expired)
            if start.committed is None and ends[TopicPartition(*tp)] > start.position:
                anew.setdefault(tp.topic, []).append(tp.partition)
        for topic, partitions in anew.items():
            log.warning(
                "No committed offset: the group is new, or its offsets expired; all of the log is read",
                extra={"topic": topic, "partitions": partitions},
            )

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek when no poll is under way (Faust's table recovery calls this)."""
        async with self._positions:
            for tp in partitions:
                self._progress.pop(tp, None)
            await super().seek_wait(partitions)

    # -- looking inside

    def progress(self) -> Mapping[TP, PartitionProgress]:
        """Return what is in flight for each assigned partition."""
        return self._progress

    def done_to(self, tp: TP) -> int:
        """Return the offset below which everything is acknowledged; 0 while the partition is not ours."""
        progress = self._progress.get(tp)
        return progress.low_water if progress and progress.low_water is not None else 0

    def committed_to(self, tp: TP) -> int:
        """Return the offset below which no record is read again, whoever takes over; 0 if it is not known."""
        progress = self._progress.get(tp)
        return progress.committed or 0 if progress else 0

    def confirmed_at(self) -> float:
        """Return when that was asked by which the group last confirmed us, by `time.monotonic()`."""
        return self._thread.confirmed_at

    def joining_trouble(self) -> str | None:
        """Return why the group does not let the worker in, for anyone to be told; None when it does."""
        return self._thread.joining.trouble

    async def end_offset(self, tp: TP) -> int:
        """Ask the brokers for the offset up to which can be read: an open transaction is not.

        Raises:
            KafkaError: they do not answer.
        """
        return await self._end_offsets.of(tp)

    async def end_offsets(self, tps: Collection[TP]) -> Mapping[TP, int]:
        """Ask for the `end_offset` of several partitions, in one request.

        Raises:
            KafkaError: the brokers do not answer.
        """
        return await self._end_offsets.of_all(tps)


class WaitingProducer(driver.Producer):
    """Faust's producer, of which nothing is asked; but it starts with the worker."""

    logger = logging.getLogger("faust.transport")

    async def on_start(self) -> None:
        """Start once the brokers are there."""
        await once_reached(self, super().on_start, self._discard)

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with the chunk consumer, and a start that waits for the brokers."""

    Consumer = ChunkConsumer
    Producer = WaitingProducer

    def __init__(self, *args: Any, limits: ChunkLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
