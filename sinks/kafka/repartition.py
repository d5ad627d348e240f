"""Records that are not at their user's home → the topic of ours that leads them there, in batches.

What is led home keeps its bytes and says where it came from (`models.repartitioning`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from aiokafka import ConsumerRecord

from models.errors import BadRecord
from models.repartitioning import SourcePlace, source_in, with_source
from sinks.kafka.delivery import OutRecord
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client import Counter

    from sinks.kafka.producer import RecordProducer

#: What was read in a record: it comes back with one that is refused.
Read = TypeVar("Read")
#: When Kafka got a record, where that is not known.
NO_TIMESTAMP = -1


class Repartition:
    """Leads records of one topic home.

    Attributes:
        topic: where to.
        led: counts them.
        led_to: of each partition, where the topic ends, as far as is known.

    Args:
        producer: sends them.
        topic: where to.
        partitions: how many it has.
        led: what counts them.
    """

    def __init__(self, producer: RecordProducer, topic: str, partitions: int, led: Counter) -> None:
        self._producer = producer
        self.topic = topic
        self.led = led
        self.led_to = [0] * partitions

    def note_ends(self, ends: Mapping[int, int]) -> None:
        """Note where the topic's partitions end, whoever led what is there."""
        for partition, end in ends.items():
            self.led_to[partition] = max(self.led_to[partition], end)

    async def lead(
        self, records: Mapping[int, Sequence[tuple[ConsumerRecord, Read]]]
    ) -> list[tuple[tuple[ConsumerRecord, Read], BadRecord]]:
        """Return when all in-sync replicas have the records of each home, in order; but for those refused.

        Args:
            records: by home; each with what was read in it.

        Returns:
            Those that the topic does not take, as they were given, with the reason.
        """
        refused = await asyncio.gather(*(self._lead(home, some) for home, some in records.items()))
        return [one for some in refused for one in some]

    async def _lead(
        self, home: int, records: Sequence[tuple[ConsumerRecord, Read]]
    ) -> list[tuple[tuple[ConsumerRecord, Read], BadRecord]]:
        async def produce(some: Sequence[tuple[ConsumerRecord, Read]]) -> int:
            last_offset = await self._producer.send(self.topic, home, [_led(record) for record, _ in some])
            self.led_to[home] = max(self.led_to[home], last_offset + 1)
            return len(some)

        led, refused = await write_or_split(records, produce)
        self.led.inc(led)
        return refused


def all_at_source(
    records: Iterable[ConsumerRecord],
) -> tuple[list[ConsumerRecord], list[tuple[ConsumerRecord, BadRecord]]]:
    """Return records that were led home as they were where they came from; and those of somebody else."""
    led: list[ConsumerRecord] = []
    foreign: list[tuple[ConsumerRecord, BadRecord]] = []
    for record in records:
        try:
            led.append(_at_source(record))
        except BadRecord as error:
            foreign.append((record, error))
    return led, foreign


def _at_source(record: ConsumerRecord) -> ConsumerRecord:
    """Return a record that was led home as it was read where it came from.

    Raises:
        BadRecord: it was not led there by us.
    """
    source, headers = source_in(record.headers)
    return ConsumerRecord(
        source.topic,
        source.partition,
        source.offset,
        source.timestamp_ms,
        record.timestamp_type,
        record.key,
        record.value,
        record.checksum,
        record.serialized_key_size,
        record.serialized_value_size,
        headers,
    )


def _led(record: ConsumerRecord) -> OutRecord:
    timestamp_ms = NO_TIMESTAMP if record.timestamp is None else record.timestamp
    source = SourcePlace(record.topic, record.partition, record.offset, timestamp_ms)
    return OutRecord(record.key, record.value, with_source(source, record.headers))
