"""Bad records → the dead-letters topic, and from there → the table people look at.

The topic comes first: a role needs no database to bury a record, and the source offset is only
acknowledged once the brokers have the dead letter. If they do not take it, nothing is acknowledged.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from models.dead_letters import DeadLetter, to_record
from models.errors import BadRecord
from sinks.errors import CannotGoOn
from sinks.producer import OutRecord
from sinks.splitting import write_or_split
from sinks.sql import statement
from sinks.sqlstate import DRIVER_ERRORS, verdict
from sinks.stats import SinkStats

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from aiokafka import ConsumerRecord

    from models.dead_letters import Header
    from sinks.producer import RecordProducer
    from sinks.retrying import Patience

_INSERT = statement("insert_dead_letters")


def dead_letter_of(record: ConsumerRecord, error: BadRecord) -> DeadLetter:
    """Keep a consumed record as it came, with why it can never be stored."""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
    )


class DeadLetterTopic:
    """Buries bad records in the dead-letters topic.

    Attributes:
        buried: how many since the start, by reason.
    """

    def __init__(self, producer: RecordProducer, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions
        self.buried: Counter[str] = Counter()

    async def bury(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Return when the brokers have every one of `dead_letters`.

        Raises:
            CannotGoOn: the topic does not take one of them.
        """
        for dead_letter in dead_letters:
            key, value, headers = to_record(dead_letter)
            record = OutRecord(key, value, headers, dead_letter.timestamp_ms)
            try:
                await self._producer.send(self._topic, dead_letter.partition % self._partitions, [record])
            except BadRecord as error:
                raise CannotGoOn(
                    f"{dead_letter.topic}[{dead_letter.partition}]@{dead_letter.offset} does not fit into "
                    f"{self._topic}: raise its max.message.bytes"
                ) from error
            self.buried[dead_letter.reason] += 1


class DeadLetterTable:
    """Writes dead letters to their table, once each."""

    def __init__(self, pool: asyncpg.Pool, patience: Patience) -> None:
        self._pool = pool
        self._patience = patience
        self.stats = SinkStats()

    async def write(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Return when every one of `dead_letters` is in the table.

        Raises:
            CannotGoOn: PostgreSQL refuses one of them.
        """
        started = time.monotonic()
        rows, refused = await write_or_split(dead_letters, self._insert_when_possible)
        if refused:
            dead_letter, error = refused[0]
            raise CannotGoOn(
                f"dead letter of {dead_letter.topic}[{dead_letter.partition}]@{dead_letter.offset} "
                f"cannot be kept: {error.detail}"
            )
        self.stats.note_batch(len(dead_letters), rows, 0, time.monotonic() - started)

    async def _insert_when_possible(self, dead_letters: Sequence[DeadLetter]) -> int:
        return await self._patience.until_done(lambda: self._insert(dead_letters))

    async def _insert(self, dead_letters: Sequence[DeadLetter]) -> int:
        columns = list(zip(*map(_row, dead_letters), strict=True))
        try:
            status = await self._pool.execute(_INSERT, *columns)
        except DRIVER_ERRORS as error:
            raise verdict(error) from None  # the chain could quote the row
        return int(status.rpartition(" ")[2])


def _row(dead_letter: DeadLetter) -> tuple[object, ...]:
    moment = dead_letter.timestamp_ms
    return (
        dead_letter.topic,
        dead_letter.partition,
        dead_letter.offset,
        dead_letter.reason,
        dead_letter.detail,
        dead_letter.key,
        dead_letter.value,
        _headers_as_json(dead_letter.headers),
        datetime.fromtimestamp(moment / 1000, UTC) if moment is not None and moment >= 0 else None,
    )


def _headers_as_json(headers: Sequence[Header]) -> str:
    stored = [[name, None if value is None else value.hex()] for name, value in headers]
    return orjson.dumps(stored).decode()
