"""A producer that is not ours: librdkafka, by which most programs that write topics of others reach Kafka."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, cast

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import KafkaError, Message

#: What librdkafka's setting `partitioner` may say. The twins of the other three put records without a key
#: (two of them those with an empty one, too) anywhere.
PARTITIONERS = (
    "murmur2_random",
    "murmur2",
    "consistent_random",
    "consistent",
    "fnv1a_random",
    "fnv1a",
)


PARTITIONER_CHOOSES = -1


class Produced(NamedTuple):
    """A record to produce; unless it says where to, the partitioner chooses."""

    key: bytes | None
    value: bytes | None
    partition: int = PARTITIONER_CHOOSES


async def produce(
    bootstrap_servers: str, topic: str, records: Iterable[Produced], *, partitioner: str = "consistent_random"
) -> list[tuple[int, int]]:
    """Produce in order, one record after another, and return the partition and offset of each.

    Args:
        bootstrap_servers: where Kafka is.
        topic: one that exists.
        records: what to produce.
        partitioner: one of `PARTITIONERS`, or "random"; librdkafka's default by default.
    """
    return await asyncio.to_thread(_produce, bootstrap_servers, topic, list(records), partitioner)


def _produce(
    bootstrap_servers: str, topic: str, records: list[Produced], partitioner: str
) -> list[tuple[int, int]]:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "partitioner": partitioner,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
    acknowledged: dict[int, Message] = {}
    failed: list[KafkaError] = []

    def noting(number: int) -> Callable[[KafkaError | None, Message], None]:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                acknowledged[number] = message
            else:
                failed.append(error)

        return delivered

    for number, (key, value, partition) in enumerate(records):
        producer.produce(topic, value, key, partition=partition, on_delivery=noting(number))
        producer.poll(0)
    left = producer.flush(60)
    assert not failed, f"librdkafka could not produce to {topic}: {failed[0]}"
    assert left == 0, f"{left} of {len(records)} records to {topic} are still not there after 60 s"
    places = (acknowledged[number] for number in range(len(records)))
    return [(cast("int", place.partition()), cast("int", place.offset())) for place in places]
