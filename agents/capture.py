"""Capture: raw events, each with the state its user had before it → entries on the chat-log topic.

Two agents share one worker, as events and states are co-partitioned: one feeds the state table, one joins.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from typing import TYPE_CHECKING

from agents.join import AHEAD_MAX, DISORDER_MS, RUN_AHEAD, PartitionJoin, clamp
from app.topics import OUR_RECORD_MAX_BYTES
from models.dead_letters import came_at, remembered_state, remembering_state, remembering_when_it_came
from models.entries import encode_entry
from models.errors import BadRecord, Reason
from models.states import (
    EMPTY_HISTORY,
    decode_history,
    decode_state,
    encode_history,
    insert,
    salvage_state,
    states_at_once,
    trim,
)
from sinks.dead_letters import dead_letter_of
from sinks.producer import OutRecord
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import ConsumerRecord

    from app.progress import Chunk
    from app.table import StateTable
    from models.dead_letters import DeadLetter
    from models.events import Category, Event, Moment
    from models.platforms import Platform
    from models.states import History, State, StateRecord
    from sinks.dead_letters import DeadLetterTopic
    from sinks.producer import RecordProducer

    JoinOf = Callable[[int], PartitionJoin]
    #: A record, the event in it, what kind of event it is, and whose moment.
    _Visible = tuple[ConsumerRecord, Event, Category, Moment]
    #: A record, its entry, and the state that they were joined with.
    _Joined = tuple[ConsumerRecord, OutRecord, State]


log = logging.getLogger(__name__)

#: The most that is kept of one user's states: what the changelog takes, with room for the key and for Kafka.
HISTORY_MAX_BYTES = OUR_RECORD_MAX_BYTES * 3 // 4
#: The most that a state alone may take: all that the changelog takes, but for the key and Kafka's own bytes.
STATE_MAX_BYTES = OUR_RECORD_MAX_BYTES - 2048
#: The most that a dead letter may take with its state: what its topic takes, with room for the reason.
LETTER_MAX_BYTES = OUR_RECORD_MAX_BYTES - 8192


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
        visible = self._find_visible(chunk, bad)
        await join.wait_for_states(_newest(visible, slack_ms=DISORDER_MS))
        entries = self._join(chunk.partition, visible, bad)
        bad.extend(await self._hand_over(chunk.partition, entries))
        await self._dead_letters.bury(bad)
        await join.note_events(_newest(visible), chunk.last_offset + 1)

    def _find_visible(self, chunk: Chunk, bad: list[DeadLetter]) -> list[_Visible]:
        """Return the visible messages of `chunk`; count its events, and collect those that are bad."""
        platform, categories = self._platform, self.categories
        visible: list[_Visible] = []
        for record in chunk:
            try:
                event = platform.parse_event(record.value)
                category = platform.categorise(event)
                categories[category] += 1
                moment = platform.moment_of(event, category)
            except BadRecord as error:
                bad.append(dead_letter_of(record, error))
            else:
                if moment is not None:
                    visible.append((record, event, category, moment))
        return visible

    def _join(self, partition: int, visible: Sequence[_Visible], bad: list[DeadLetter]) -> list[_Joined]:
        """Return the entries, encoded: of each message with the state that its user had before it."""
        entry_of = self._platform.entry_of
        # Nothing is waited for below, so no history changes.
        state_of = states_at_once(self._table.reader(partition))
        entries = []
        for record, event, category, moment in visible:
            key = moment.userid.encode()
            # One that was put back brings its state along; the table may have forgotten it.
            state = remembered_state(record.headers) if record.headers else None
            if state is None:
                state = state_of(key, moment.timestamp)
            try:
                entry = entry_of(event, category, moment, state)
            except BadRecord as error:
                bad.append(_dead_after_the_join(record, error, state))
            else:
                entries.append((record, OutRecord(key, encode_entry(entry)), state))
        return entries

    async def _hand_over(self, partition: int, entries: Sequence[_Joined]) -> list[DeadLetter]:
        """Produce the entries to the same partition number; return those that Kafka does not take."""

        async def produce(some: Sequence[_Joined]) -> int:
            await self._producer.send(self._chat_log_topic, partition, [entry for _, entry, _ in some])
            return len(some)

        produced, refused = await write_or_split(entries, produce)
        self.entries += produced
        return [_dead_after_the_join(record, error, state) for (record, _, state), error in refused]


def _dead_after_the_join(record: ConsumerRecord, error: BadRecord, state: State) -> DeadLetter:
    """Keep a record with the state it was joined with: the table will not have it any more."""
    return remembering_state(dead_letter_of(record, error), state, LETTER_MAX_BYTES)


def _newest(visible: Sequence[_Visible], *, slack_ms: int = 0) -> float:
    """Return the latest time that the messages claim, as far as it is plausible."""
    return max(
        (clamp(moment.timestamp, record.timestamp, slack_ms) for record, _, _, moment in visible),
        default=-math.inf,
    )


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
        """Return when every state of `chunk` is in the table and its changelog, and the bad ones buried."""
        join = self._join_of(chunk.partition)
        bad: list[DeadLetter] = []
        changes: dict[bytes, History] = {}
        newest_ms = -math.inf
        #: Of the chunk: states that were read, and those of them that `join` knows of.
        read = noted = 0
        #: Whether all events were joined at a time when this chunk was in the log already.
        events_were_done = False

        async def apply(next_offset: int) -> None:
            nonlocal noted
            await self._table.write(chunk.partition, {k: _encode_what_fits(h) for k, h in changes.items()})
            changes.clear()
            news, noted = read - noted, read
            await join.note_states(newest_ms, next_offset, news)

        while join.states_ahead > AHEAD_MAX and not (join.events_wait_for_states or events_were_done):
            events_were_done = await join.events_are_at_the_end()
            if not events_were_done:
                await join.wait_for_a_move()
        stored_of = self._table.reader(chunk.partition)
        needed_from = join.needed_from
        for record in chunk:
            state = _state_in(record, bad)
            if state is None:
                continue
            key = state.userid.encode()
            history = changes.get(key)
            if history is None:
                history = decode_history(stored) if (stored := stored_of(key)) else EMPTY_HISTORY
            history = trim(insert(history, state), needed_from)
            while len(history) > RUN_AHEAD and not (join.events_wait_for_states or events_were_done):
                events_were_done = await join.events_are_at_the_end()
                if not events_were_done:
                    await apply(record.offset)
                    await join.wait_for_a_move()
                    stored_of = self._table.reader(chunk.partition)
                needed_from = join.needed_from
                history = trim(history, needed_from)
            if events_were_done:
                seen_ms = max(newest_ms, join.states_read_to)
                history = trim(history, seen_ms - DISORDER_MS, keep=RUN_AHEAD)
            changes[key] = history
            read += 1
            newest_ms = max(newest_ms, clamp(state.updated, record.timestamp))
        await apply(chunk.last_offset + 1)
        await self._dead_letters.bury(bad)
        self.states += len(chunk) - len(bad)


def _state_in(record: ConsumerRecord, bad: list[DeadLetter]) -> StateRecord | None:
    """Return the state that a record brings, or what can be used of it; None if it is nobody's.

    A bad one is collected for the dead letters, and ends what was known before it all the same.
    """
    try:
        return _decode_what_fits(record.value)
    except BadRecord as error:
        came_ms = came_at(record.headers, record.timestamp)
        bad.append(remembering_when_it_came(dead_letter_of(record, error), came_ms))
        return salvage_state(record.value, record.key, came_ms, STATE_MAX_BYTES)


def _decode_what_fits(raw: bytes | None) -> StateRecord:
    """Decode a state that the changelog takes; one larger than that may come compressed.

    Raises:
        BadRecord: it cannot be used as a state.
    """
    state = decode_state(raw)
    # Written again, a number like 1e15 grows, but no record four times.
    if raw and len(raw) > STATE_MAX_BYTES // 4:
        size_bytes = len(encode_history(insert(EMPTY_HISTORY, state)))
        if size_bytes > STATE_MAX_BYTES:
            raise BadRecord(Reason.TOO_LARGE, f"state_json: {size_bytes} bytes; {STATE_MAX_BYTES} are kept")
    return state


def _encode_what_fits(history: History) -> bytes:
    """Encode a history, without its older states if it is larger than the changelog takes.

    Better that this user's late events lack their states than that no state is stored any more.
    """
    encoded = encode_history(history)
    while len(encoded) > HISTORY_MAX_BYTES and len(history) > 1:
        log.warning(
            "A user's states are too large to be kept; the older half is forgotten, needed or not",
            extra={"states": len(history), "size_bytes": len(encoded), "limit_bytes": HISTORY_MAX_BYTES},
        )
        history = history[len(history) // 2 :]
        encoded = encode_history(history)
    return encoded
