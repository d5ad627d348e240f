"""A backlog: conversations that are in Kafka before a contender works on them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.feeding import Feeder
from benchmarks.workload import last_month_ms, waves
from models.partitioners import Partitioner

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchmarks.services import Services


class TopicNames(NamedTuple):
    """The topics of one backlog."""

    events: str
    states: str
    entries: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """Topics that hold the same conversations.

    Attributes:
        messages: how many events there are, and entries; there are half as many states.
    """

    events: str
    states: str
    entries: str
    messages: int


def topics_named(name: str) -> TopicNames:
    """Return the topics of a backlog of that name."""
    return TopicNames(f"events-{name}", f"states-{name}", f"entries-{name}")


async def make(
    services: Services, name: str, messages: int, *, states_by: Partitioner = Partitioner.MURMUR2
) -> Backlog:
    """Put conversations of at least `messages` events into new topics.

    Args:
        services: with the broker.
        name: of the backlog.
        messages: how many events, in whole waves.
        states_by: how the states are partitioned; events and entries are by murmur2.
    """
    topics = topics_named(name)
    await services.create_topics(*topics)
    made = await fill(services, topics, messages, set(topics), states_by=states_by)
    return Backlog(*topics, made)


async def fill(
    services: Services,
    topics: TopicNames,
    messages: int,
    wanted: Collection[str],
    *,
    people: int | None = None,
    states_by: Partitioner = Partitioner.MURMUR2,
) -> int:
    """Put conversations into topics that are there; return how many events, and entries, they have.

    Args:
        services: with the broker.
        topics: of the backlog.
        messages: at least so many, in whole waves.
        wanted: those of the topics to fill; the others stay as they are.
        people: how many talk in all; by default everyone talks once.
        states_by: how the states are partitioned; events and entries are by murmur2.
    """
    made = 0
    partitioners = {topics.states: states_by}
    async with Feeder(services.settings) as feeder:
        for wave in waves(messages, start_ms=last_month_ms(), people=people):
            kinds = dict(zip(topics, (wave.events, wave.states, wave.entries), strict=True))
            await asyncio.gather(
                *(
                    feeder.feed(topic, kinds[topic], partitioners.get(topic, Partitioner.MURMUR2))
                    for topic in wanted
                )
            )
            made += len(wave.events)
            await asyncio.sleep(0)
    return made
