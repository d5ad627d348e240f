"""Capture: raw events, each with the state its user had before it → entries on the chat-log topic.

One agent feeds the state table (`agents.capture.states`) and one joins. Each user has a home, the partition
number where the two meet. Producers need not agree on it, nor on how many partitions there are: what came in
elsewhere is led home by topics of ours, which two more agents read.
"""

from __future__ import annotations

import math
from collections import Counter as Tally
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter

from agents.capture.times import DISORDER_MS, clamp
from models.dead_letters import remembered_state, remembering_state
from models.entries import encode_entry
from models.errors import BadRecord
from models.limits import DEAD_LETTER_MAX_BYTES
from models.partitioners import Partitioner, partition_of
from models.states import states_at_once
from sinks.dead_letters import dead_letter_of
from sinks.kafka.delivery import OutRecord
from sinks.kafka.repartition import all_at_source
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.capture.histories import HistoryTable
    from agents.capture.homes import Homes
    from agents.capture.join import Join, JoinOf
    from agents.chunks import Chunk
    from models.dead_letters import DeadLetter
    from models.events import Category, Event, Moment
    from models.platforms import StateJoin
    from models.states import State
    from sinks.dead_letters import DeadLetterTopic
    from sinks.kafka.producer import RecordProducer
    from sinks.kafka.repartition import Repartition

    # Plain tuples: one with names takes half a microsecond to make, and there is one for each record.
    #: A record, the event in it, what kind of event it is, and whose moment.
    _Visible = tuple[ConsumerRecord, Event, Category, Moment]
    #: A record, its entry, and the state that they were joined with.
    _Joined = tuple[ConsumerRecord, OutRecord, State]


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
        platform: StateJoin,
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
        home = chunk.partition
        records, foreign = all_at_source(chunk)
        bad = [dead_letter_of(record, error) for record, error in foreign]
        visible, _ = self._find_visible(records, bad)
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
