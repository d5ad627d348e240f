"""Which way capture will go on the topics as they are: told from where their newest records are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from app.kafka.topic_samples import sample
from app.kafka.topics import topics_of
from app.worker.capture.homes import FALLBACK, users_of_events, users_of_states
from models.partitioners import fitting, partition_of
from models.platforms import MESSENGER_WITH_MEDIA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings
    from models.partitioners import Partitioner

    #: Users, each with the partition that a record of theirs was found in.
    Seen = Sequence[tuple[bytes, int]]


async def check_ways(
    kafka: KafkaSettings, topology: TopologySettings, counts: Mapping[str, int]
) -> list[Finding]:
    """Look at the newest events and states, and tell what of them is led home by topics of ours, and why.

    Args:
        kafka: where the brokers are.
        topology: which topics.
        counts: how many partitions each of them has; without all of them, nothing is told.

    Raises:
        ConfigurationError: a Kafka setting is missing or cannot be used.
        KafkaUnavailable: Kafka does not answer.
    """
    topics = topics_of(topology)
    wanted = (topics.events, topics.state, topics.state_changelog)
    if not topology.capture_is_on or not all(spec.name in counts for spec in wanted):
        return []
    events, states = await asyncio.gather(
        sample(kafka, topics.events.name, counts[topics.events.name], newest=True),
        sample(kafka, topics.state.name, counts[topics.state.name], newest=True),
    )
    users = {
        topics.state.name: list(users_of_states(states)),
        topics.events.name: list(users_of_events(events, MESSENGER_WITH_MEDIA)),
    }
    return list(describe_ways(users, counts, counts[topics.state_changelog.name]))


def describe_ways(users: Mapping[str, Seen], counts: Mapping[str, int], homes: int) -> Iterator[Finding]:
    """Tell of each topic whether its users are where they have their homes.

    Args:
        users: by topic, the states' before the events': by whose partitioner the homes are.
        counts: how many partitions each topic has.
        homes: how many the table of states has.
    """
    if not any(users.values()):
        yield Finding("capture", Level.OK, "no events or states yet, from which way capture goes can be told")
        return
    followed = {topic: fitting(seen, counts[topic]) for topic, seen in users.items()}
    partitioner = next((followed[topic] or FALLBACK for topic, seen in users.items() if seen), FALLBACK)
    for topic, seen in users.items():
        away = sum(partition_of(partitioner, user, homes) != partition for user, partition in seen)
        by = followed[topic]
        if not away:
            yield Finding(
                "capture",
                Level.OK,
                f"{topic}: nothing has to be led home; users are where {partitioner.value} puts them",
            )
        else:
            yield Finding(
                "capture",
                Level.NOTE,
                f"{topic}: of the newest {len(seen)} messages or states, {away} are led home by a topic of "
                f"ours; {_why(by, partitioner, counts[topic], homes)}",
                "nothing to do; docs/operations.md, Topics of unlike producers, says what it costs",
            )


def _why(followed: Partitioner | None, home: Partitioner, partitions: int, homes: int) -> str:
    if partitions != homes:
        return f"it has {partitions} partitions, and users have their homes in {homes}"
    if followed is None:
        return "its producers follow no partitioner that is known, or several, or give no key"
    return f"its producers use the partitioner {followed.value}, and users have their homes by {home.value}"
