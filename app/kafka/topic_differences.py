"""The rules on topics, pure: how what the brokers have differs from what is needed, and whether it matters.

It matters where records or their order can be lost, or where a worker cannot run. What only costs more, or
was chosen differently, is told as well, and does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.kafka.topics import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from app.kafka.topics import Topics, TopicSpec

#: What Kafka does with old records when a topic does not say otherwise.
DELETE_OLD = "delete"
UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """One topic as the brokers have it; `config` is None if we may not read it."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic is not as needed.

    Attributes:
        what: what is, and what should be.
        mend: what to do, a command where one does it.
        matters: whether records or their order can be lost by it, or a worker cannot run.
    """

    what: str
    mend: str
    matters: bool


class TopicState(StrEnum):
    """What came of comparing one topic."""

    MISSING = "missing"
    CREATED = "created"
    OK = "ok"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class TopicReport:
    """One topic: what is wanted, what was found (None if missing), how it differs."""

    spec: TopicSpec
    state: TopicState
    found: FoundTopic | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def is_fit(self) -> bool:
        """Whether a worker can run on it without losing anything."""
        return self.found is not None and not any(difference.matters for difference in self.differences)


def compare(
    topics: Topics, found: Mapping[str, FoundTopic], server: str, created: Collection[str] = ()
) -> list[TopicReport]:
    """Report on every topic, in the order a record travels.

    Args:
        topics: what is needed.
        found: what is there, by name.
        server: the arguments by which Kafka's commands reach the brokers, for the commands that mend.
        created: the names of those that were just made.
    """
    reports = []
    for spec in topics.all():
        if spec.name not in found:
            reports.append(TopicReport(spec, TopicState.MISSING))
            continue
        differing = _differences(spec, topics, found, server)
        state = TopicState.DIFFERS if differing else TopicState.OK
        if spec.name in created:
            state = TopicState.CREATED
        reports.append(TopicReport(spec, state, found[spec.name], differing))
    return reports


def _differences(
    spec: TopicSpec, topics: Topics, found: Mapping[str, FoundTopic], server: str
) -> tuple[Difference, ...]:
    topic = found[spec.name]
    counts = {name: other.partitions for name, other in found.items()}
    # How long others keep what they make, and in how many replicas, is theirs to say.
    is_ours = spec not in (topics.events, topics.state)
    return (
        *partition_differences(spec, topics, counts, server=server),
        *_replication(spec, topic, server, matters=is_ours),
        *_config(spec, topic, server, is_ours=is_ours),
    )


def partition_differences(
    spec: TopicSpec, topics: Topics, counts: Mapping[str, int], *, server: str
) -> Iterator[Difference]:
    """Compare the partitions of a topic with those of others, and with the specification.

    Args:
        spec: the topic.
        topics: all topics.
        counts: the partitions of those that are there, by name; `spec` among them.
        server: the arguments by which Kafka's commands reach the brokers.
    """
    has = counts[spec.name]
    there = [counts[other.name] for other in topics.by_home if other.name in counts]
    homes = there[0] if there else has
    if spec in topics.by_home and has != homes:
        what = f"{spec.name} has {has} partitions and the state table has {homes}: they must be equal"
        yield Difference(what, _make_anew(spec, topics, server), matters=True)
    elif spec in (topics.events, topics.state) and has != homes:
        yield Difference(
            f"{has} partitions, and the state table has {homes}: its records are led home by a topic of ours",
            "nothing to do: docs/operations.md says what it costs",
            matters=False,
        )
    elif has != spec.partitions:
        what = f"{has} partitions instead of {spec.partitions}"
        yield Difference(what, f"set TOPIC_PARTITIONS={has} if that is meant", matters=False)


def _make_anew(spec: TopicSpec, topics: Topics, server: str) -> str:
    # What is in it would be looked for in other partitions.
    return (
        f"stop the capture workers, kafka-topics.sh {server} --delete --topic {spec.name}, chatlog topics, "
        f"and set the group's offsets on {topics.events.name} and {topics.state.name} to the earliest"
    )


def _replication(spec: TopicSpec, topic: FoundTopic, server: str, *, matters: bool) -> Iterator[Difference]:
    if topic.replication < spec.replication:
        yield Difference(
            f"{topic.replication} replicas instead of {spec.replication}: a lost broker is lost data",
            f"kafka-reassign-partitions.sh {server}, or set TOPIC_REPLICATION={topic.replication}",
            matters=matters,
        )


def _config(spec: TopicSpec, topic: FoundTopic, server: str, *, is_ours: bool) -> Iterator[Difference]:
    if topic.config is None:
        yield Difference(
            "its configuration may not be read", "allow our user DescribeConfigs on it", matters=False
        )
        return
    policy = spec.config.get("cleanup.policy", DELETE_OLD)
    has_policy = topic.config.get("cleanup.policy", DELETE_OLD)
    if has_policy != policy:
        what = f"cleanup.policy is {has_policy} instead of {policy}: records would be lost"
        yield Difference(what, _set(spec, server, "cleanup.policy", policy), matters=True)
    if policy == DELETE_OLD:
        yield from _retention(spec, topic.config, server, matters=is_ours)
    if "max.message.bytes" in spec.config:
        yield from _record_size(spec, topic.config, server)


def _retention(
    spec: TopicSpec, config: Mapping[str, str], server: str, *, matters: bool
) -> Iterator[Difference]:
    needed_ms, has_ms = int(spec.config["retention.ms"]), int(config.get("retention.ms", UNLIMITED))
    mend = _set(spec, server, "retention.ms", str(needed_ms))
    if has_ms != UNLIMITED and has_ms < needed_ms:
        yield Difference(f"kept {days(has_ms)} instead of {days(needed_ms)}", mend, matters=matters)
    elif has_ms != needed_ms:
        yield Difference(f"kept {days(has_ms)} instead of {days(needed_ms)}", mend, matters=False)
    has_bytes = int(config.get("retention.bytes", UNLIMITED))
    if has_bytes != UNLIMITED:
        what = f"kept only up to {has_bytes} bytes a partition, which may be less than {days(needed_ms)}"
        yield Difference(what, _set(spec, server, "retention.bytes", str(UNLIMITED)), matters=matters)


def _record_size(spec: TopicSpec, config: Mapping[str, str], server: str) -> Iterator[Difference]:
    needed = int(spec.config["max.message.bytes"])
    has = int(config.get("max.message.bytes", needed))
    if has < needed:
        what = f"takes records of {has} bytes instead of {needed}"
        yield Difference(what, _set(spec, server, "max.message.bytes", str(needed)), matters=True)


def days(milliseconds: int) -> str:
    """Say a retention for a person: `31 days`, `1 day`, `for ever`."""
    if milliseconds == UNLIMITED:
        return "for ever"
    return "1 day" if milliseconds == DAY_MS else f"{milliseconds / DAY_MS:g} days"


def _set(spec: TopicSpec, server: str, name: str, value: str) -> str:
    return (
        f"kafka-configs.sh {server} --alter --entity-type topics --entity-name {spec.name} "
        f"--add-config {name}={value}"
    )
