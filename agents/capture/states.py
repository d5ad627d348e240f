"""States → the table: a short history for each user, in the user's home; what came in elsewhere is led home.

Histories are read ahead of the events no further than memory should hold (`agents.capture.headroom`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
from prometheus_client import Counter

from agents.capture.histories import encode_what_fits
from agents.capture.times import clamp
from models.dead_letters import came_at, remembering_when_it_came
from models.errors import BadRecord, Reason
from models.limits import STATE_MAX_BYTES
from models.states import (
    EMPTY_HISTORY,
    decode_history,
    decode_state,
    encode_history,
    insert,
    salvage_state,
    trim,
)
from sinks.dead_letters import dead_letter_of
from sinks.errors import CannotGoOn
from sinks.kafka.repartition import all_at_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.capture.headroom import Headroom
    from agents.capture.histories import HistoryTable
    from agents.capture.home_join import HomeJoin
    from agents.capture.homes import Homes
    from agents.capture.join import JoinOf
    from agents.chunks import Chunk
    from models.dead_letters import DeadLetter
    from models.states import History, StateRecord
    from sinks.dead_letters import DeadLetterTopic
    from sinks.kafka.repartition import Repartition

    #: A record, the state in it, and the home of its user. A plain tuple: there is one for each record.
    _StateRead = tuple[ConsumerRecord, StateRecord, int]


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
        partition, end = chunk.partition, chunk.last_offset + 1
        headroom = join.headroom(partition)
        await headroom.wait_while_many_are_ahead(partition)
        bad: list[DeadLetter] = []
        states = self._decode(chunk, bad)
        home = join.at_home(partition) if partition in join.homes else None
        await self._lead([one for one in states if home is None or one[2] != partition], bad)
        work = StatesAtHome(self._table, home, states, headroom)
        async for done in work.write():
            led_to = self._repartition.led_to
            await join.note_states(partition, work.newest_ms, work.next_offset(end), done, led_to)
        await self._dead_letters.send(bad)
        self.states.inc(len(chunk) - len(bad))

    async def from_afar(self, chunk: Chunk) -> None:
        """Return when every state of `chunk`, which was led home, is in the table and its changelog."""
        join = await self._join_of()
        await self._homes.known()
        home = join.at_home(chunk.partition)
        records, foreign = all_at_source(chunk)
        # A state that is bad became a dead letter where it came from.
        states = self._decode(records, [])
        async for _ in StatesAtHome(self._table, home, states, home.headroom()).write():
            await join.notify()
        await self._dead_letters.send([dead_letter_of(record, error) for record, error in foreign])

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


class StatesAtHome:
    """The states of one chunk on their way into the histories of one home, in the order of the log.

    A history that is as long as it may be, and whose states are all needed, holds up the states from there
    on until the events have moved, or wait for them. Used by one task; of several that write to one home, the
    lock `HomeJoin.table` lets one at a time read, change and write histories.

    Args:
        table: the histories.
        home: where they are kept; None if this worker has no home of the chunk's number.
        states: those of the chunk. Those of users who have their home elsewhere are passed over.
        headroom: how far they may be read ahead of the events.

    Attributes:
        done: how many of the states are in the table, or passed over. Raised when the table has them.
        newest_ms: the latest time that these claim, as far as it is plausible. Raised with `done`.
    """

    def __init__(
        self, table: HistoryTable, home: HomeJoin | None, states: Sequence[_StateRead], headroom: Headroom
    ) -> None:
        self._table = table
        self._home = home
        self._states = states
        self._headroom = headroom
        self.done = 0
        self.newest_ms = -math.inf

    def next_offset(self, end: int) -> int:
        """Return the offset of the first state that is not done with; `end` where there is none."""
        return self._states[self.done][0].offset if self.done < len(self._states) else end

    async def write(self) -> AsyncIterator[int]:
        """Write all states, and wait where that takes the events' progress.

        Yields:
            How many more are done with, after each write; at least once, though there are none.
        """
        while True:
            before = self.done
            await self._write_some()
            yield self.done - before
            if self.done == len(self._states):
                return
            await self._headroom.wait_for_room()

    async def _write_some(self) -> None:
        """Write as many states as may be now."""
        if self._home is None:
            self._note_done(len(self._states))
            return
        async with self._home.table:
            histories, done = self._histories_changed(self._home)
            encoded = {key: encode_what_fits(history) for key, history in histories.items()}
            await self._table.write(self._home.partition, encoded)
        self._note_done(done)

    def _histories_changed(self, home: HomeJoin) -> tuple[dict[bytes, History], int]:
        """Return histories with the states from `done` on inserted, and up to where there was room.

        Nothing is waited for, so neither what is stored nor the room changes. The caller has the table.
        """
        partition, headroom = home.partition, self._headroom
        stored_of = self._table.reader(partition)
        needed_from_ms, seen_ms, history_max = home.needed_from, home.states_read_to, headroom.history_max
        histories: dict[bytes, History] = {}
        done = self.done
        for record, state, its_home in self._states[done:] if done else self._states:
            if its_home == partition:
                key = state.userid.encode()
                history = histories.get(key)
                if history is None:
                    history = decode_history(stored) if (stored := stored_of(key)) else EMPTY_HISTORY
                history = trim(insert(history, state), needed_from_ms)
                if len(history) > history_max:
                    break
                if headroom.events_were_done:
                    seen_ms = max(seen_ms, clamp(state.updated, record.timestamp))
                    history = headroom.trim(history, seen_ms)
                histories[key] = history
            done += 1
        return histories, done

    def _note_done(self, done: int) -> None:
        states = self._states[self.done : done]
        claimed_ms = (clamp(state.updated, record.timestamp) for record, state, _ in states)
        self.newest_ms = max(self.newest_ms, max(claimed_ms, default=-math.inf))
        self.done = done


def _unknown_from(record: ConsumerRecord, state: StateRecord) -> ConsumerRecord:
    """Return a record of which nothing is left but whose state it was, and since when."""
    value = orjson.dumps({"userid": state.userid, "updated": state.updated, "state_json": {}})
    return replace(record, value=value)


def _salvage(record: ConsumerRecord, error: BadRecord, bad: list[DeadLetter]) -> StateRecord | None:
    """Collect a bad state for the dead letters; return what can be used of it, None if it is nobody's."""
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
