"""Topics of others, written as others write them: by any partitioner, in any number of partitions.

What must come of it is `tests.conversations`' matter, and does not depend on how the topics look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import orjson

from app.kafka.topics import topics_of
from models.entries import decode_entry
from tests import librdkafka
from tests.conversations import Expected
from tests.faults.cluster import ends
from tests.librdkafka import Produced
from tests.services import eventually
from tests.sinks.kafka.topics import all_records_in, make_topic
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.settings import Settings
    from tests.conversations import Conversations
    from tests.librdkafka import Place

RowKey: TypeAlias = tuple[str, int, str]

#: Beside librdkafka's partitioners: to the next partition with each record, whatever its key.
IN_TURN = "in turn"
#: And without a key, to any partition.
WITHOUT_KEY = "without a key"


@dataclass(frozen=True, slots=True)
class Written:
    """How others write a topic.

    Attributes:
        partitions: how many it has.
        by: how the partition is chosen, one of `librdkafka.PARTITIONERS` or of the above; several, if the
            producer is changed in mid-stream.
    """

    partitions: int
    by: tuple[str, ...]

    @property
    def keeps_order(self) -> bool:
        """Whether a user's records are in one partition."""
        return len(self.by) == 1 and self.by[0] in librdkafka.PARTITIONERS


@dataclass(frozen=True, slots=True)
class Unlike:
    """The topics that capture meets: the two it reads, and how many partitions the third has."""

    events: Written
    states: Written
    chat_log_partitions: int

    def __str__(self) -> str:
        events, states = (f"{'+'.join(it.by)}-{it.partitions}" for it in (self.events, self.states))
        return f"{events}/{states}/{self.chat_log_partitions}".replace(" ", "-")


async def make_topics(system: Settings, unlike: Unlike, **chat_log: str) -> None:
    """Make the topics of others, then all the rest; `chat_log` are settings of that topic."""
    server, topics = _server(system), topics_of(system.topology)
    await make_topic(server, topics.events.name, unlike.events.partitions)
    await make_topic(server, topics.state.name, unlike.states.partitions)
    await make_topic(server, topics.chat_log.name, unlike.chat_log_partitions, **chat_log)
    await prepare(system)


async def produce_all(system: Settings, unlike: Unlike, said: Conversations) -> None:
    """Produce all states, then all events."""
    for number in range(slices := len(unlike.states.by)):
        await produce_states(system, unlike, said, number, slices)
    for number in range(slices := len(unlike.events.by)):
        await produce_events(system, unlike, said, number, slices)


async def produce_as_it_happened(
    system: Settings, unlike: Unlike, said: Conversations, slices: int = 12
) -> None:
    """Produce states and events in turns, so that the workers read the topics as they grow.

    Nothing may come later than `DISORDER_MS` after what was said at its time: a slice is to be no longer.
    """
    for number in range(slices):
        # There are as many states as events: what each of these needs is in this slice or before.
        await produce_states(system, unlike, said, number, slices)
        await produce_events(system, unlike, said, number, slices)


async def produce_states(
    system: Settings, unlike: Unlike, said: Conversations, number: int, slices: int
) -> None:
    """Produce a slice of the states."""
    await _produce(system, topics_of(system.topology).state.name, unlike.states, said.states, number, slices)


async def produce_events(
    system: Settings, unlike: Unlike, said: Conversations, number: int, slices: int
) -> None:
    """Produce a slice of the events."""
    await _produce(system, topics_of(system.topology).events.name, unlike.events, said.events, number, slices)


async def produce_as(
    system: Settings, topic: str, written: Written, records: Sequence[Produced], by: str
) -> list[Place]:
    """Produce records in one of the ways; return where each of them is."""
    if by == IN_TURN:
        records = [
            record._replace(partition=number % written.partitions) for number, record in enumerate(records)
        ]
    elif by == WITHOUT_KEY:
        records = [record._replace(key=None) for record in records]
    partitioner = by if by in librdkafka.PARTITIONERS else "random"
    return await librdkafka.produce(_server(system), topic, records, partitioner=partitioner)


async def entries_of(system: Settings, said: Conversations) -> dict[RowKey, bytes]:
    """Return the entry of every message, as it is in the chat-log topic, once all are there.

    Raises:
        AssertionError: one is missing after a while, or there are two of one message that are not equal.
    """

    async def are_there() -> bool:
        found = sum((await ends(system, topics_of(system.topology).chat_log.name)).values())
        assert found >= len(said.expected), f"{found} entries of {len(said.expected)}"
        return True

    async def without_a_gap() -> dict[RowKey, bytes]:
        found: dict[RowKey, bytes] = {}
        for record in await all_records_in(_server(system), topics_of(system.topology).chat_log.name):
            first = found.setdefault(decode_entry(record.value).key, record.value)
            assert first == record.value, f"two entries of one message: {first!r} and {record.value!r}"
        missing = said.expected.keys() - found.keys()
        assert not missing, f"{len(missing)} of {len(said.expected)} entries are missing"
        return found

    await eventually(are_there, what="as many entries as messages")
    return await eventually(without_a_gap, what="an entry of every message")


def assert_as_expected(entries: dict[RowKey, bytes], said: Conversations) -> None:
    """Compare each entry with what it must say, given all states."""
    found = {key: _joined(raw) for key, raw in entries.items()}
    wrong = [(found.get(key), right) for key, right in said.expected.items() if found.get(key) != right]
    assert not wrong, f"{len(wrong)} of {len(said.expected)} entries are wrong, such as {wrong[:3]}"
    assert found.keys() == said.expected.keys()


async def assert_in_order(system: Settings) -> None:
    """Look whether each user's entries are in one partition, in the order in which they were said."""
    partition_of: dict[str, int] = {}
    said_last: dict[str, int] = {}
    seen: set[RowKey] = set()
    for record in await all_records_in(_server(system), topics_of(system.topology).chat_log.name):
        entry = decode_entry(record.value)
        assert partition_of.setdefault(entry.userid, record.partition) == record.partition
        if entry.key not in seen:
            assert said_last.get(entry.userid, 0) <= entry.timestamp, f"{entry.key} comes late"
            said_last[entry.userid] = entry.timestamp
            seen.add(entry.key)


async def _produce(
    system: Settings,
    topic: str,
    written: Written,
    records: Sequence[tuple[bytes, bytes]],
    number: int,
    slices: int,
) -> None:
    some = records[number * len(records) // slices : (number + 1) * len(records) // slices]
    by = written.by[number * len(written.by) // slices]
    await produce_as(system, topic, written, [Produced(key, value) for key, value in some], by)


def _joined(raw: bytes) -> Expected:
    entry = orjson.loads(raw)
    metadata = entry["metadata"] or {}
    return Expected(
        entry["content"], entry["question_ref"], entry["shortcode"], entry["pageid"], metadata.get("made")
    )


def _server(system: Settings) -> str:
    return system.kafka.require_servers()[0]
