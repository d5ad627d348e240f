"""Plays the samples into Kafka as bots and connectors would have, each in the order in which it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

import samples
from app.kafka.clients import client_settings
from app.kafka.topics import topics_of
from app.local.errors import UpFailed
from models.platforms import PLATFORMS
from samples.rooms import events_of

if TYPE_CHECKING:
    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings


@dataclass(slots=True)
class Played:
    """Where the samples are in Kafka.

    Attributes:
        events: the topic, partition and offset of every event.
        ends: for each partition of a topic that holds samples, the offset after the last of them.
    """

    events: list[tuple[str, int, int]] = field(default_factory=list)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)


async def play_samples(kafka: KafkaSettings, topology: TopologySettings) -> Played:
    """Produce every sample event and state of what is captured here, and return where they are.

    One after the other: a state that a bot made before an event must be in Kafka before the event is, for the
    event to find it. Kafka's own time is the present, or retention would take the samples away.

    Raises:
        UpFailed: Kafka does not take them.
    """
    topics = topics_of(topology)
    # Sorting is stable, so an event stays before the state that the bot made of it.
    records = sorted(
        [(topics.events.name, event) for event in samples.events()]
        + [(topics.state.name, state) for state in samples.states()],
        key=lambda topic_and_record: topic_and_record[1].timestamp_ms,
    )
    played = Played()
    producer = AIOKafkaProducer(**client_settings(kafka), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        for topic, record in records:
            made = await producer.send_and_wait(topic, record.value, key=record.userid.encode())
            played.ends[made.topic, made.partition] = made.offset + 1
            if topic == topics.events.name:
                played.events.append((topic, made.partition, made.offset))
        for platform, spec in topics.platform_events.items():
            for event in events_of(platform):
                key = PLATFORMS[platform].key_of(event)
                made = await producer.send_and_wait(spec.name, event, key=key and key.encode())
                played.ends[made.topic, made.partition] = made.offset + 1
                played.events.append((spec.name, made.partition, made.offset))
    except KafkaError as error:
        raise UpFailed(f"Kafka does not take the samples ({error!r}): see what it says in its log") from error
    finally:
        await producer.stop()
    return played
