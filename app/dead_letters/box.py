"""What people do with kept dead letters: find, look at, put back where they came from, drop.

They are written by `sinks.dead_letters`, and this is used by `app.commands.dead_letters`, and by the API for
what it puts back. Work is done in bounded batches, each safe before the next begins, so it may be killed at
any time: a replay puts records back first and notes it then, and a record that is put back twice is harmless,
as every reader allows for it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from models.errors import ChatlogError, MustAct
from sinks.kafka.delivery import OutRecord
from sinks.postgres.sqlstate import classify
from sinks.splitting import write_or_split
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from datetime import datetime

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from models.dead_letters import Header
    from models.errors import BadRecord
    from sinks.kafka.producer import RecordProducer

    AnyConnection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

#: Records that are put back, and then noted, at a time.
REPLAY_BATCH = 100
#: Rows that are dropped at a time.
DROP_BATCH = 5_000
#: How long Kafka may take for one batch. Workers wait for ever; a person at a terminal wants to know.
BATCH_TIMEOUT_S = 60.0

_SQL = statements("dead_letters")
_FIND = _SQL.find_dead_letters
_DESCRIBE = _SQL.describe_dead_letters
_READ = _SQL.read_dead_letters
_MARK_REPLAYED = _SQL.mark_dead_letters_replayed
_DROP = _SQL.drop_dead_letters


class ReplayStopped(ChatlogError):
    """Kafka did not take a batch in time; what was put back before is noted. Run the replay again later."""

    must_act = MustAct.SERVICE


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; None leaves a filter out.

    Attributes:
        ids: these only.
        reasons: any of these.
        topics: that came from any of these.
        since: kept at this time or later.
        until: kept before this time.
        replayed: True for those that were replayed, False for those that were not.
        key: of this key: somebody's id. For the API alone, as the next one.
        up_to: with this id or a lower one: what was there when somebody looked.
    """

    ids: Sequence[int] | None = None
    reasons: Sequence[str] | None = None
    topics: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    replayed: bool | None = None
    key: bytes | None = None
    up_to: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Dead letters of one reason and topic; ids, oldest first."""

    reason: str
    topic: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeptDeadLetter:
    """A row of the table. `headers` are in their order; a value may be null in Kafka."""

    id: int
    reason: str
    detail: str | None
    topic: str
    partition: int
    offset: int
    source_timestamp: datetime | None
    created: datetime
    replayed_at: datetime | None
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one batch: how many were put back, and those that cannot be, with the reason."""

    count: int
    impossible: Mapping[int, str]


class DeadLetterBox:
    """The table of dead letters.

    Args:
        connection: as a user with the rights of chatlog_writer.

    Every method raises SinkError, with a message that says what to do, when PostgreSQL refuses.
    """

    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def find(self, wanted: Filter) -> list[Found]:
        """Return which there are, the most frequent first."""
        rows = await self._fetch(
            _FIND, wanted.ids, wanted.reasons, wanted.topics, wanted.since, wanted.until, wanted.replayed
        )
        return [Found(row["reason"], row["topic"], tuple(row["ids"])) for row in rows]

    async def describe(self, ids: Sequence[int]) -> list[Mapping[str, Any]]:
        """Return what can be said of them without what they hold, newest first."""
        return [dict(row) for row in await self._fetch(_DESCRIBE, ids)]

    async def read(self, ids: Sequence[int]) -> list[KeptDeadLetter]:
        """Return those that are there with everything they hold, oldest first."""
        return [
            KeptDeadLetter(**{**row, "headers": _headers(row["headers"])})
            for row in await self._fetch(_READ, ids)
        ]

    async def mark_replayed(self, ids: Sequence[int]) -> None:
        """Note that they were put back, now."""
        await self._fetch(_MARK_REPLAYED, ids)

    async def drop(self, ids: Sequence[int]) -> AsyncIterator[int]:
        """Delete them for ever, and tell after each batch how many of it were dealt with."""
        for batch in _in_batches(ids, DROP_BATCH):
            await self._fetch(_DROP, batch)
            yield len(batch)

    async def _fetch(self, question: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await self._connection.fetch(question, *arguments)
        except Exception as error:  # noqa: BLE001  whatever it is, `classify` tells
            raise classify(error) from None  # the chain could quote the row
        return rows


async def replay(
    box: DeadLetterBox, producer: RecordProducer, partitions: Mapping[str, int], ids: Sequence[int]
) -> AsyncIterator[Replayed]:
    """Put records back where they came from, byte for byte, and note it; tell what came of each batch.

    Args:
        box: where they are kept.
        producer: puts them back (acks=all).
        partitions: how many partitions each of their topics has; one that is gone is not among them.
        ids: which, in the order in which they are put back.

    Raises:
        ReplayStopped: Kafka did not take a batch in time.
        SinkError: Kafka or PostgreSQL refuses.
    """
    for batch in _in_batches(ids, REPLAY_BATCH):
        by_place: defaultdict[tuple[str, int], list[KeptDeadLetter]] = defaultdict(list)
        for letter in await box.read(batch):
            by_place[letter.topic, letter.partition].append(letter)
        impossible: dict[int, str] = {}
        for (topic, partition), letters in by_place.items():
            if partition >= partitions.get(topic, 0):
                why = f"{topic} has no partition {partition}" if topic in partitions else f"{topic} is gone"
                impossible |= {letter.id: why for letter in letters}
            else:
                refused = await _put_back(producer, topic, partition, letters)
                impossible |= {letter.id: error.detail for letter, error in refused}
        done = [
            letter.id for letters in by_place.values() for letter in letters if letter.id not in impossible
        ]
        await box.mark_replayed(done)
        yield Replayed(len(done), impossible)


async def _put_back(
    producer: RecordProducer, topic: str, partition: int, letters: Sequence[KeptDeadLetter]
) -> list[tuple[KeptDeadLetter, BadRecord]]:
    """Put them all back but those that Kafka never takes, and return these."""

    async def produce(some: Sequence[KeptDeadLetter]) -> int:
        await producer.send(topic, partition, [_record(letter) for letter in some])
        return len(some)

    try:
        async with asyncio.timeout(BATCH_TIMEOUT_S):
            _, refused = await write_or_split(letters, produce)
    except TimeoutError:
        raise ReplayStopped(
            f"Kafka has not taken records for {topic} within {BATCH_TIMEOUT_S:.0f} s. What was put back is "
            "noted: run this again when Kafka is well"
        ) from None
    return refused


def _record(letter: KeptDeadLetter) -> OutRecord:
    # With the time of now: by its own, it may be past the topic's retention, and gone before anyone reads it.
    return OutRecord(letter.key, letter.value, letter.headers)


def _headers(stored: str) -> tuple[Header, ...]:
    return tuple(
        (name, None if value is None else bytes.fromhex(value)) for name, value in orjson.loads(stored)
    )


def _in_batches(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
