"""Capture: raw events, each with the state its user had before it → entries on the chat-log topic.

One agent feeds the state table and one joins. Each user has a home, the partition number where the two meet.
Producers need not agree on it, nor on how many partitions there are: what came in elsewhere is led home by
topics of ours, which two more agents read.
"""

from __future__ import annotations

import logging
import math
from collections import Counter as Tally
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson
from prometheus_client import Counter

from agents.capture.join import AHEAD_MAX, DISORDER_MS, RUN_AHEAD, clamp
from models.dead_letters import came_at, remembered_state, remembering_state, remembering_when_it_came
from models.entries import encode_entry
from models.errors import BadRecord, Reason
from models.limits import DEAD_LETTER_MAX_BYTES, HISTORY_MAX_BYTES, STATE_MAX_BYTES
from models.partitioners import Partitioner, partition_of
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
from sinks.errors import CannotGoOn
from sinks.kafka.delivery import OutRecord
from sinks.kafka.repartition import at_source
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.capture.histories import HistoryTable
    from agents.capture.homes import Homes
    from agents.capture.join import Join
    from agents.chunks import Chunk
    from models.dead_letters import DeadLetter
    from models.events import Category, Event, Moment
    from models.platforms import Platform
    from models.states import History, State, StateRecord
    from sinks.dead_letters import DeadLetterTopic
    from sinks.kafka.producer import RecordProducer
    from sinks.kafka.repartition import Repartition

    #: Returns the join of the group's present generation.
    JoinOf = Callable[[], Awaitable[Join]]
    # Plain tuples: one with names takes half a microsecond to make, and there is one for each record.
    #: A record, the event in it, what kind of event it is, and whose moment.
    _Visible = tuple[ConsumerRecord, Event, Category, Moment]
    #: A record, its entry, and the state that they were joined with.
    _Joined = tuple[ConsumerRecord, OutRecord, State]
    #: A record, the state in it, and the home of its user.
    _StateRead = tuple[ConsumerRecord, StateRecord, int]


log = logging.getLogger(__name__)


class CaptureEvents:
    """Joins and extracts the events of a chunk that are at home, and leads the others home, in batches.

    Attributes:
        events_read: counts the events of which everything is safe.
        categories: counts events by their category, so that an unknown kind is seen.
        visible: counts the events that are visible messages, those that were led home once.
        entries: counts the entries that were handed over.
    """

    def __init__(
        self,
        platform: Platform,
        table: HistoryTable,
        join_of: JoinOf,
        homes: Homes,
        repartition: Repartition,
        chat_log: ChatLogTopic,
        dead_letters: DeadLetterTopic,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._platform = platform
        self._table = table
        self._join_of = join_of
        self._homes = homes
        self._repartition = repartition
        self._chat_log = chat_log
        self._dead_letters = dead_letters
        self.events_read = Counter(
            "chatlog_events_read", "Raw events of which everything is safe.", registry=registry
        )
        self.categories = Counter(
            "chatlog_events", "Raw events joined, by category.", ["category"], registry=registry
        )
        self.visible = Counter(
            "chatlog_visible_events", "Raw events that are visible messages.", registry=registry
        )
        self.entries = Counter(
            "chatlog_entries", "Entries handed over to the chat-log topic.", registry=registry
        )

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every event of `chunk` is an entry in Kafka, led home, nothing, or a dead letter."""
        join = await self._join_of()
        await self._homes.known()
        bad: list[DeadLetter] = []
        visible, categories = self._find_visible(chunk, bad)
        for category, count in categories.items():
            self.categories.labels(category).inc(count)
        self.visible.inc(len(visible))
        here, away = self._split(visible, chunk.partition if chunk.partition in join.homes else None)
        newest_ms, waited_for_ms = _newest(visible)
        if away:
            # Else a partition that is read faster than the others would be far ahead where they meet.
            await join.wait_for_states(waited_for_ms)
            refused = await self._repartition.lead(away)
            bad.extend(dead_letter_of(record, error) for (record, _), error in refused)
        await self._capture(join, chunk.partition, here, waited_for_ms, bad)
        await self._dead_letters.send(bad)
        await join.note_events(chunk.partition, newest_ms, chunk.last_offset + 1)
        self.events_read.inc(len(chunk))

    async def from_afar(self, chunk: Chunk) -> None:
        """Return when every event of `chunk`, which was led home, is an entry in Kafka or a dead letter."""
        join = await self._join_of()
        await self._homes.known()
        bad: list[DeadLetter] = []
        home = chunk.partition
        visible, _ = self._find_visible(_at_source(chunk, bad), bad)
        _, waited_for_ms = _newest(visible)
        await self._capture(join, home, visible, waited_for_ms, bad)
        await self._dead_letters.send(bad)

    def _find_visible(
        self, records: Iterable[ConsumerRecord], bad: list[DeadLetter]
    ) -> tuple[list[_Visible], Mapping[Category, int]]:
        """Return the visible messages of some records, and how many are of each category; collect the bad."""
        platform = self._platform
        categories: Tally[Category] = Tally()
        visible: list[_Visible] = []
        for record in records:
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
        return visible, categories

    def _split(
        self, visible: list[_Visible], home: int | None
    ) -> tuple[list[_Visible], dict[int, list[tuple[ConsumerRecord, Moment]]]]:
        """Return the messages whose home this is, and the records of the others by their home."""
        home_of = self._homes.of
        here = [one for one in visible if home_of(one[3].userid) == home]
        away: dict[int, list[tuple[ConsumerRecord, Moment]]] = {}
        if len(here) < len(visible):
            for record, _, _, moment in visible:
                if (elsewhere := home_of(moment.userid)) != home:
                    away.setdefault(elsewhere, []).append((record, moment))
        return here, away

    async def _capture(
        self, join: Join, home: int, visible: Sequence[_Visible], waited_for_ms: float, bad: list[DeadLetter]
    ) -> None:
        """Join the messages of users who have their home here, and hand the entries over."""
        if visible:
            await join.at_home(home).wait_for_states(waited_for_ms)
            bad.extend(await self._hand_over(home, self._join(home, visible, bad)))

    def _join(self, home: int, visible: Sequence[_Visible], bad: list[DeadLetter]) -> list[_Joined]:
        """Return the entries, encoded: of each message with the state that its user had before it."""
        entry_of = self._platform.entry_of
        # Nothing is waited for below, so no history changes.
        state_of = states_at_once(self._table.reader(home))
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

    async def _hand_over(self, home: int, entries: Sequence[_Joined]) -> list[DeadLetter]:
        """Produce the entries; return those that Kafka does not take."""
        refused: list[DeadLetter] = []
        for partition, some in self._chat_log.by_partition(home, entries):
            produced, not_taken = await write_or_split(some, partial(self._chat_log.produce, partition))
            self.entries.inc(produced)
            refused.extend(
                _dead_after_the_join(record, error, state) for (record, _, state), error in not_taken
            )
        return refused


def _dead_after_the_join(record: ConsumerRecord, error: BadRecord, state: State) -> DeadLetter:
    """Keep a record with the state it was joined with: the table will not have it any more."""
    return remembering_state(dead_letter_of(record, error), state, DEAD_LETTER_MAX_BYTES)


class ChatLogTopic:
    """The topic of entries, whatever its number of partitions; a user's entries are all in one of them."""

    def __init__(self, producer: RecordProducer, name: str, partitions: int, homes: int) -> None:
        self._producer = producer
        self._name = name
        self._partitions = partitions
        self._homes = homes

    def by_partition(self, home: int, entries: Sequence[_Joined]) -> Iterable[tuple[int, Sequence[_Joined]]]:
        """Divide the entries of one home among the partitions: into one, unless there are more than homes."""
        if not entries:
            return ()
        if self._partitions <= self._homes:
            return ((home % self._partitions, entries),)
        divided: dict[int, list[_Joined]] = {}
        for joined in entries:
            partition = partition_of(Partitioner.MURMUR2, joined[1].key or b"", self._partitions)
            divided.setdefault(partition, []).append(joined)
        return divided.items()

    async def produce(self, partition: int, entries: Sequence[_Joined]) -> int:
        """Produce some entries, all of one partition, and return how many they are."""
        await self._producer.send(self._name, partition, [entry for _, entry, _ in entries])
        return len(entries)


def _newest(visible: Sequence[_Visible]) -> tuple[float, float]:
    """Return the latest time that the messages claim, as far as it is plausible: to note, and to wait for."""
    newest_ms = waited_for_ms = -math.inf
    for record, _, _, moment in visible:
        # Looked at before it is clamped, which most need not be.
        if (claimed_ms := moment.timestamp) > newest_ms:
            newest_ms = max(newest_ms, clamp(claimed_ms, record.timestamp))
            waited_for_ms = max(waited_for_ms, clamp(claimed_ms, record.timestamp, DISORDER_MS))
    return newest_ms, waited_for_ms


def _at_source(chunk: Chunk, bad: list[DeadLetter]) -> Iterable[ConsumerRecord]:
    """Return the records of a chunk as they were where they came from; collect those of somebody else."""
    for record in chunk:
        try:
            yield at_source(record)
        except BadRecord as error:
            bad.append(dead_letter_of(record, error))


class FeedStates:
    """Keeps a short history of states per user in the state table.

    Attributes:
        states: counts the states that are in the table, or were led to it.
    """

    def __init__(
        self,
        table: HistoryTable,
        join_of: JoinOf,
        homes: Homes,
        repartition: Repartition,
        dead_letters: DeadLetterTopic,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._table = table
        self._join_of = join_of
        self._homes = homes
        self._repartition = repartition
        self._dead_letters = dead_letters
        self.states = Counter("chatlog_states", "States put into the table, or led to it.", registry=registry)

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every state of `chunk` is in the table and its log, led home, or a dead letter."""
        join = await self._join_of()
        await self._homes.known()
        bad: list[DeadLetter] = []
        partition, end = chunk.partition, chunk.last_offset + 1
        leash = _Leash(join, lambda: join.is_waited_for(partition))
        while join.states_ahead(partition) > AHEAD_MAX and not await leash.is_let_go():
            await join.wait_for_a_move()
        states = self._decode(chunk, bad)
        home = partition if partition in join.homes else None
        await self._lead([one for one in states if one[2] != home], bad)
        newest_ms, done = -math.inf, 0
        async for applied in self._apply(join, home, states, leash):
            newest_ms = max(newest_ms, _newest_state(states[done:applied]))
            next_offset = states[applied][0].offset if applied < len(states) else end
            led_to = self._repartition.led_to
            await join.note_states(partition, newest_ms, next_offset, applied - done, led_to)
            done = applied
        await self._dead_letters.send(bad)
        self.states.inc(len(chunk) - len(bad))

    async def from_afar(self, chunk: Chunk) -> None:
        """Return when every state of `chunk`, which was led home, is in the table and its changelog."""
        join = await self._join_of()
        await self._homes.known()
        bad: list[DeadLetter] = []
        home = join.at_home(chunk.partition)
        # Those that are bad became dead letters where they came from.
        states = self._decode(_at_source(chunk, bad), [])
        async for _ in self._apply(join, home.partition, states, _Leash(join, lambda: home.is_waited_for)):
            await join.notify()
        await self._dead_letters.send(bad)

    async def _lead(self, away: Sequence[_StateRead], bad: list[DeadLetter]) -> None:
        """Lead states home; one that is too large becomes a dead letter, and ends what was known."""
        if not away:
            return
        records: dict[int, list[tuple[ConsumerRecord, StateRecord]]] = {}
        for record, state, home in away:
            records.setdefault(home, []).append((record, state))
        for (record, state), error in await self._repartition.lead(records):
            bad.append(dead_letter_of(record, error))
            unknown = (_unknown_from(record, state), state)
            if await self._repartition.lead({self._homes.of(state.userid): [unknown]}):
                raise CannotGoOn(f"{self._repartition.topic} takes no record: raise its max.message.bytes")

    def _decode(self, records: Iterable[ConsumerRecord], bad: list[DeadLetter]) -> list[_StateRead]:
        """Return the states in some records; collect the records that are bad.

        Of a bad one that which can be used counts: it ends what was known before it.
        """
        home_of = self._homes.of
        states: list[_StateRead] = []
        for record in records:
            try:
                state = _decode_what_fits(record.value)
            except BadRecord as error:
                salvaged = _salvage(record, error, bad)
                if salvaged is None:
                    continue
                state = salvaged
            states.append((record, state, home_of(state.userid)))
        return states

    async def _apply(
        self, join: Join, home: int | None, states: Sequence[_StateRead], leash: _Leash
    ) -> AsyncIterator[int]:
        """Put the states of users who have their home here into the table, in order.

        Where a history has as many states as may be, it waits for the events.

        Yields:
            How many of `states` are done with, whenever the table was written.
        """
        if home is None:
            yield len(states)
            return
        done = -1
        while done < len(states):
            if done >= 0 and not await leash.is_let_go():
                await join.wait_for_a_move()
            async with join.at_home(home).table:
                done = await self._apply_some(join, home, states, max(0, done), leash)
            yield done

    async def _apply_some(
        self, join: Join, home: int, states: Sequence[_StateRead], start: int, leash: _Leash
    ) -> int:
        """Write as many of the states from `start` on as may be; return where to go on."""
        stored_of = self._table.reader(home)
        needed_from, seen_ms = join.at_home(home).needed_from, join.states_read_to
        changes: dict[bytes, History] = {}
        done = start
        for record, state, its_home in states[start:] if start else states:
            if its_home == home:
                key = state.userid.encode()
                history = changes.get(key)
                if history is None:
                    history = decode_history(stored) if (stored := stored_of(key)) else EMPTY_HISTORY
                history = trim(insert(history, state), needed_from)
                if len(history) > RUN_AHEAD and not leash.was_let_go():
                    break
                if leash.events_were_done:
                    seen_ms = max(seen_ms, clamp(state.updated, record.timestamp))
                    history = trim(history, seen_ms - DISORDER_MS, keep=RUN_AHEAD)
                changes[key] = history
            done += 1
        await self._table.write(home, {key: _encode_what_fits(history) for key, history in changes.items()})
        return done


class _Leash:
    """Whether states may be read further ahead of the events than memory should hold.

    Attributes:
        events_were_done: whether all events were joined at a time when the states at hand were in the log.
    """

    def __init__(self, join: Join, is_waited_for: Callable[[], bool]) -> None:
        self._join = join
        self._is_waited_for = is_waited_for
        self.events_were_done = False

    def was_let_go(self) -> bool:
        """Tell whether events wait for these states, or none can need older ones."""
        return self.events_were_done or self._is_waited_for()

    async def is_let_go(self) -> bool:
        """Tell the same, after a look at where the events end."""
        if not self.was_let_go():
            self.events_were_done = await self._join.events_are_at_the_end()
        return self.was_let_go()


def _unknown_from(record: ConsumerRecord, state: StateRecord) -> ConsumerRecord:
    """Return a record of which nothing is left but whose state it was, and since when."""
    value = orjson.dumps({"userid": state.userid, "updated": state.updated, "state_json": {}})
    return replace(record, value=value)


def _salvage(record: ConsumerRecord, error: BadRecord, bad: list[DeadLetter]) -> StateRecord | None:
    """Collect a bad state for the dead letters; return what can be used of it, None if it is nobody's."""
    came_ms = came_at(record.headers, record.timestamp)
    bad.append(remembering_when_it_came(dead_letter_of(record, error), came_ms))
    return salvage_state(record.value, record.key, came_ms, STATE_MAX_BYTES)


def _newest_state(states: Sequence[_StateRead]) -> float:
    """Return the latest time that the states claim, as far as it is plausible."""
    return max((clamp(state.updated, record.timestamp) for record, state, _ in states), default=-math.inf)


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
