"""Bad records → the dead-letters topic, and from there → the table people look at.

The topic comes first: a role needs no database to give a record up, and the source offset is only
acknowledged once the brokers have the dead letter. If they do not take it, nothing is acknowledged.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import orjson
from prometheus_client import Counter

from models.dead_letters import DeadLetter, to_record
from models.errors import Reason
from models.fields import TIMESTAMP_MAX_MS
from models.text import clean_text
from sinks.errors import CannotGoOn
from sinks.kafka.delivery import OutRecord
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.splitting import write_or_split
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from models.dead_letters import Header
    from models.errors import BadRecord
    from sinks.kafka.producer import RecordProducer
    from sinks.retry import RetryPolicy

#: What a dead letter was read from.
Source = TypeVar("Source")

_INSERT = statements("dead_letters").insert_dead_letters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    """Sends bad records to the dead-letters topic.

    Attributes:
        sent: counts them by reason.

    Args:
        producer: sends them.
        topic: where to.
        partitions: how many it has.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(
        self,
        producer: RecordProducer,
        topic: str,
        partitions: int,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions
        self.sent = Counter(
            "chatlog_dead_letters", "Records sent to the dead letters.", ["reason"], registry=registry
        )
        # All reasons from the start: of a counter that begins at 1, Prometheus does not see the first step.
        for reason in Reason:
            self.sent.labels(reason)

    async def send(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Return when the brokers have every one of `dead_letters`.

        Raises:
            CannotGoOn: the topic does not take one of them.
        """
        by_partition: defaultdict[int, list[DeadLetter]] = defaultdict(list)
        for dead_letter in dead_letters:
            by_partition[dead_letter.partition % self._partitions].append(dead_letter)
        for partition, letters in by_partition.items():
            await self._send(partition, letters)
            for reason, count in Tally(letter.reason for letter in letters).items():
                self.sent.labels(reason).inc(count)

    async def _send(self, partition: int, letters: Sequence[DeadLetter]) -> None:
        async def send(some: Sequence[DeadLetter]) -> int:
            await self._producer.send(self._topic, partition, [_record(letter) for letter in some])
            return len(some)

        _, refused = await write_or_split(letters, send)
        if refused:
            letter, error = refused[0]
            raise CannotGoOn(
                f"{letter.topic}[{letter.partition}]@{letter.offset} does not fit into {self._topic}: "
                "raise its max.message.bytes"
            ) from error


class DeadLetterTable:
    """Writes dead letters to their table, once each.

    Attributes:
        kept: counts those that were not there yet.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(
        self, pool: asyncpg.Pool, retry_policy: RetryPolicy, registry: CollectorRegistry | None = None
    ) -> None:
        self._pool = pool
        self._retry_policy = retry_policy
        self.kept = Counter(
            "chatlog_dead_letters_kept", "Dead letters copied to their table.", registry=registry
        )

    async def write(
        self, dead_letters: Sequence[tuple[DeadLetter, Source]]
    ) -> list[tuple[Source, BadRecord]]:
        """Return when the dead letters are in the table, but for those that no row can hold.

        Args:
            dead_letters: each with what it was read from.

        Returns:
            What those were read from that no row can hold, with the reason.

        Raises:
            CannotGoOn: PostgreSQL refuses in a way that neither waiting nor leaving out a record mends.
        """
        rows, refused = await write_or_split(dead_letters, self._insert_when_possible)
        self.kept.inc(rows)
        return [(source, why) for (_, source), why in refused]

    async def _insert_when_possible(self, dead_letters: Sequence[tuple[DeadLetter, object]]) -> int:
        return await self._retry_policy.run(lambda: self._insert(dead_letters))

    async def _insert(self, dead_letters: Sequence[tuple[DeadLetter, object]]) -> int:
        columns = list(zip(*(_row(dead_letter) for dead_letter, _ in dead_letters), strict=True))
        try:
            status = await self._pool.execute(_INSERT, *columns)
        except DRIVER_ERRORS as error:
            raise classify(error) from None  # the chain could quote the row
        return int(status.rpartition(" ")[2])


def _record(dead_letter: DeadLetter) -> OutRecord:
    # Without the source's timestamp, which its headers have: an old one would be past the topic's retention
    # as soon as it is there, and brokers refuse one of the future.
    return OutRecord(*to_record(dead_letter))


def _row(dead_letter: DeadLetter) -> tuple[object, ...]:
    return (
        dead_letter.topic,
        dead_letter.partition,
        dead_letter.offset,
        dead_letter.reason,
        dead_letter.detail,
        dead_letter.key,
        dead_letter.value,
        _headers_as_json(dead_letter.headers),
        _moment(dead_letter.timestamp_ms),
    )


def _moment(timestamp_ms: int | None) -> datetime | None:
    """Return a time as a column can hold it. Whoever gave microseconds meant a time in the year 57,000."""
    if timestamp_ms is None or not 0 <= timestamp_ms <= TIMESTAMP_MAX_MS:
        return None
    return _EPOCH + timedelta(milliseconds=timestamp_ms)


def _headers_as_json(headers: Sequence[Header]) -> str:
    # Values are bytes, names are text: in JSON, PostgreSQL cannot hold a name with U+0000.
    stored = [[clean_text(name), None if value is None else value.hex()] for name, value in headers]
    return orjson.dumps(stored).decode()
