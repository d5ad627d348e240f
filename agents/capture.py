"""Capture: raw events, each with the state its user had before it → entries on the chat-log topic.

Two agents share one worker, as events and states are co-partitioned: one feeds the state table, one joins.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from agents.join import DISORDER_MS, RUN_AHEAD, PartitionJoin, clamp
from models.entries import ChatLogEntry, encode_entry
from models.errors import BadRecord
from models.states import as_of, decode_history, decode_state, encode_history, insert, trim
from sinks.dead_letters import dead_letter_of
from sinks.producer import OutRecord
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import ConsumerRecord

    from app.progress import Chunk
    from app.table import StateTable
    from models.dead_letters import DeadLetter
    from models.events import Event
    from models.platforms import Platform
    from models.states import History, State
    from sinks.dead_letters import DeadLetterTopic
    from sinks.producer import RecordProducer

    JoinOf = Callable[[int], PartitionJoin]


class CaptureEvents:
    """Joins and extracts the events of a chunk, and hands the entries over as one batch.

    Attributes:
        categories: how many events of each category came since the start, so that an unknown kind is seen.
        entries: how many entries were handed over since the start.
    """

    def __init__(
        self,
        platform: Platform,
        table: StateTable,
        join_of: JoinOf,
        producer: RecordProducer,
        chat_log_topic: str,
        dead_letters: DeadLetterTopic,
    ) -> None:
        self._platform = platform
        self._table = table
        self._join_of = join_of
        self._producer = producer
        self._chat_log_topic = chat_log_topic
        self._dead_letters = dead_letters
        self.categories: Counter[str] = Counter()
        self.entries = 0

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every event of `chunk` is an entry in Kafka, nothing, or a dead letter."""
        join = self._join_of(chunk.partition)
        bad: list[DeadLetter] = []
        parsed = self._parse(chunk, bad)
        await join.wait_for_states(self._newest(parsed, slack_ms=DISORDER_MS))
        entries = self._extract(chunk.partition, parsed, bad)
        bad.extend(await self._hand_over(chunk.partition, entries))
        await self._dead_letters.bury(bad)
        await join.note_events(self._newest(parsed), chunk.last_offset + 1)

    def _parse(self, chunk: Chunk, bad: list[DeadLetter]) -> list[tuple[ConsumerRecord, Event]]:
        parsed: list[tuple[ConsumerRecord, Event]] = []
        for record in chunk:
            try:
                event = self._platform.parse_event(record.value)
            except BadRecord as error:
                bad.append(dead_letter_of(record, error))
            else:
                parsed.append((record, event))
        return parsed

    def _newest(self, parsed: Sequence[tuple[ConsumerRecord, Event]], slack_ms: int = 0) -> float:
        """Return the latest time that the events claim, as far as it is plausible."""
        claimed = [(self._platform.moment_of(event).timestamp, record.timestamp) for record, event in parsed]
        return max((clamp(ms, at, slack_ms) for ms, at in claimed if ms is not None), default=-math.inf)

    def _extract(
        self,
        partition: int,
        parsed: Sequence[tuple[ConsumerRecord, Event]],
        bad: list[DeadLetter],
    ) -> list[tuple[ConsumerRecord, ChatLogEntry]]:
        entries = []
        for record, event in parsed:
            self.categories[self._platform.categorise(event)] += 1
            try:
                entry = self._platform.extract_chat_log_entry(event, self._state_before(partition, event))
            except BadRecord as error:
                bad.append(dead_letter_of(record, error))
                continue
            if entry is not None:
                entries.append((record, entry))
        return entries

    def _state_before(self, partition: int, event: Event) -> State:
        userid, timestamp_ms = self._platform.moment_of(event)
        if userid is None or timestamp_ms is None:
            return {}
        stored = self._table.read(partition, userid.encode())
        return {} if stored is None else as_of(decode_history(stored), timestamp_ms)

    async def _hand_over(
        self, partition: int, entries: Sequence[tuple[ConsumerRecord, ChatLogEntry]]
    ) -> list[DeadLetter]:
        """Produce the entries to the same partition number; return those that Kafka does not take."""

        async def produce(some: Sequence[tuple[ConsumerRecord, ChatLogEntry]]) -> int:
            records = [OutRecord(entry.userid.encode(), encode_entry(entry)) for _, entry in some]
            await self._producer.send(self._chat_log_topic, partition, records)
            return len(some)

        produced, refused = await write_or_split(entries, produce)
        self.entries += produced
        return [dead_letter_of(record, error) for (record, _), error in refused]


class FeedStates:
    """Keeps a short history of states per user in the state table."""

    def __init__(
        self,
        table: StateTable,
        join_of: JoinOf,
        dead_letters: DeadLetterTopic,
    ) -> None:
        self._table = table
        self._join_of = join_of
        self._dead_letters = dead_letters
        self.states = 0

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every state of `chunk` is in the table and its changelog, or a dead letter."""
        join = self._join_of(chunk.partition)
        bad: list[DeadLetter] = []
        changes: dict[bytes, History] = {}
        newest_ms = -math.inf
        #: Whether all events were joined at a time when this chunk was in the log already.
        events_were_done = False

        async def apply(next_offset: int) -> None:
            await self._table.write(chunk.partition, {k: encode_history(h) for k, h in changes.items()})
            changes.clear()
            await join.note_states(newest_ms, next_offset)

        for record in chunk:
            try:
                state = decode_state(record.value)
            except BadRecord as error:
                bad.append(dead_letter_of(record, error))
                continue
            key = state.userid.encode()
            history = trim(insert(self._history(chunk.partition, key, changes), state), join.needed_from)
            while len(history) > RUN_AHEAD and not (join.events_wait_for_states or events_were_done):
                events_were_done = await join.events_are_at_the_end()
                if not events_were_done:
                    await apply(record.offset)
                    await join.wait_for_a_move()
                    history = trim(history, join.needed_from)
            if events_were_done:
                seen_ms = max(newest_ms, join.states_read_to)
                history = trim(history, seen_ms - DISORDER_MS, keep=RUN_AHEAD)
            changes[key] = history
            newest_ms = max(newest_ms, clamp(state.updated, record.timestamp))
        await apply(chunk.last_offset + 1)
        await self._dead_letters.bury(bad)
        self.states += len(chunk) - len(bad)

    def _history(self, partition: int, key: bytes, changes: dict[bytes, History]) -> History:
        if key in changes:
            return changes[key]
        stored = self._table.read(partition, key)
        return () if stored is None else decode_history(stored)
