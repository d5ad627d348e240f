"""A producer that is not ours: librdkafka, by which most programs that write topics of others reach Kafka."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, cast

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
    headers: Sequence[tuple[str, bytes]] = ()


class Place(NamedTuple):
    """Where a record is, and when it was produced."""

    partition: int
    offset: int
    timestamp_ms: int


async def produce(
    bootstrap_servers: str, topic: str, records: Iterable[Produced], *, partitioner: str = "consistent_random"
) -> list[Place]:
    """Produce in order, one record after another, and return where each of them is.

    Args:
        bootstrap_servers: where Kafka is.
        topic: one that exists.
        records: what to produce.
        partitioner: one of `PARTITIONERS`, or "random"; librdkafka's default by default.
    """
    return await asyncio.to_thread(_produce, bootstrap_servers, topic, list(records), partitioner)


def _produce(bootstrap_servers: str, topic: str, records: list[Produced], partitioner: str) -> list[Place]:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "partitioner": partitioner,
            "acks": "all",
            "max.in.flight.requests.per.connection": 1,
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

    for number, (key, value, partition, headers) in enumerate(records):
        producer.produce(
            topic, value, key, partition=partition, on_delivery=noting(number), headers=list(headers)
        )
        producer.poll(0)
    left = producer.flush(60)
    assert not failed, f"librdkafka could not produce to {topic}: {failed[0]}"
    assert left == 0, f"{left} of {len(records)} records to {topic} are still not there after 60 s"
    return [_place(acknowledged[number]) for number in range(len(records))]


def _place(message: Message) -> Place:
    _, timestamp_ms = message.timestamp()
    return Place(cast("int", message.partition()), cast("int", message.offset()), timestamp_ms)
