"""The topics as they are against the topics as this version needs them.

Creates what is missing; what is there and differs is reported and left alone, because changing partitions or
retention under others' data is a person's decision. What is needed stands in `app.kafka.topics`; where Kafka
is, in `app.kafka.clients`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import tenacity
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from app.kafka.clients import client_settings
from app.kafka.refusals import raise_if_refused
from app.kafka.topic_differences import FoundTopic, TopicReport, compare, partition_differences
from app.kafka.topics import topics_of
from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping

    from app.kafka.topics import Topics, TopicSpec
    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings

#: How long one request may take, and how long a new topic may stay unseen by the brokers.
REQUEST_TIMEOUT_S = 5.0
VISIBLE_WITHIN_S = 10.0


class KafkaUnavailable(ChatlogError):
    """Kafka does not answer, or refuses us; the message says in one line what to do, without secrets."""

    must_act = MustAct.SERVICE


class TopicsUnfit(ChatlogError):
    """A topic is missing, cannot be made, or has the wrong partitions; the message says what to do."""

    must_act = MustAct.OPERATOR


async def inspect_topics(kafka: KafkaSettings, topology: TopologySettings) -> list[TopicReport]:
    """Compare every topic with what is needed. Changes nothing.

    Raises:
        ConfigurationError: a Kafka setting is missing or cannot be used.
        KafkaUnavailable: Kafka does not answer.
    """
    topics = topics_of(topology)
    async with admin_of(kafka) as admin:
        return compare(topics, await _find(admin, _names(topics)), _server(kafka))


async def ensure_topics(kafka: KafkaSettings, topology: TopologySettings) -> list[TopicReport]:
    """Create the topics that are missing, and report on all. Changes none that is there.

    Safe when two run at once: who comes second finds the topics made.

    Raises:
        ConfigurationError: a Kafka setting is missing or cannot be used.
        KafkaUnavailable: Kafka does not answer.
        TopicsUnfit: Kafka does not make a topic.
    """
    topics = topics_of(topology)
    async with admin_of(kafka) as admin:
        found = await _find(admin, _names(topics))
        missing = [spec for spec in topics.all() if spec.name not in found]
        if missing:
            await _create(admin, [_sized(spec, topics, found) for spec in missing])
            found = await _find_when_visible(admin, _names(topics))
        return compare(topics, found, _server(kafka), {spec.name for spec in missing})


async def partition_counts(kafka: KafkaSettings, names: Collection[str]) -> dict[str, int]:
    """Return how many partitions each of the topics has.

    Raises:
        ConfigurationError, KafkaUnavailable: as `inspect_topics`.
        TopicsUnfit: a topic is missing.
    """
    partitions = await partitions_there(kafka, names)
    missing = sorted(set(names) - set(partitions))
    if missing:
        raise TopicsUnfit(f"Missing in Kafka: {', '.join(missing)}. Run `chatlog topics`")
    return partitions


async def partitions_there(kafka: KafkaSettings, names: Collection[str]) -> dict[str, int]:
    """Return how many partitions each of the topics has that are there.

    Raises:
        ConfigurationError, KafkaUnavailable: as `inspect_topics`.
    """
    async with admin_of(kafka) as admin:
        return {
            topic["topic"]: len(topic["partitions"])
            for topic in await admin.describe_topics()
            if topic["topic"] in names
        }


async def check_partitions(kafka: KafkaSettings, topology: TopologySettings) -> dict[str, int]:
    """Return how many partitions each of our topics has, once it is sure that capture can work with them.

    The partitions of a topic that others produce to are theirs to choose. Those of ours in which users have
    their homes must be equally many.

    Raises:
        ConfigurationError, KafkaUnavailable: as `inspect_topics`.
        TopicsUnfit: a topic is missing, or the numbers do not fit.
    """
    topics = topics_of(topology)
    counts = await partition_counts(kafka, _names(topics))
    problems = [
        difference.what
        for spec in topics.all()
        for difference in partition_differences(spec, topics, counts, server=_server(kafka))
        if difference.matters
    ]
    if problems:
        raise TopicsUnfit(f"{'; '.join(problems)}. `chatlog topics` says how to mend it")
    return counts


@asynccontextmanager
async def admin_of(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a client that asks the brokers, and disconnect it.

    Raises:
        ConfigurationError: a Kafka setting is missing or cannot be used, or our credentials are refused.
        KafkaUnavailable: Kafka does not answer, at any time while it is used.
    """
    client = AIOKafkaAdminClient(**client_settings(kafka), request_timeout_ms=round(REQUEST_TIMEOUT_S * 1000))
    try:
        await client.start()
        yield client
    except (KafkaError, TimeoutError, OSError) as error:
        if isinstance(error, KafkaConnectionError):
            await raise_if_refused(kafka)
        raise KafkaUnavailable(
            f"Kafka at {','.join(kafka.require_servers())} does not answer, or refuses us "
            f"({type(error).__name__}): check that it runs, KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL "
            "and, if it asks for them, credentials and certificates"
        ) from error
    finally:
        await client.close()


async def _find(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, FoundTopic]:
    # All topics are asked for: to ask for one by name can make it, where brokers create topics on their own.
    topics = await admin.describe_topics()
    described = [topic for topic in topics if topic["topic"] in names and topic["partitions"]]
    configs = await _configs(admin, [topic["topic"] for topic in described])
    return {
        topic["topic"]: FoundTopic(
            topic["topic"],
            partitions=len(topic["partitions"]),
            replication=min(len(partition["replicas"]) for partition in topic["partitions"]),
            config=configs.get(topic["topic"]),
        )
        for topic in described
    }


async def _configs(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the configuration of each topic that we may read it of."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    configs = {}
    for response in await admin.describe_configs(resources):
        for error_code, _, _, name, entries in response.resources:
            if not error_code:
                configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs


async def _find_when_visible(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, FoundTopic]:
    """Find topics just made: each broker learns of them a moment later."""
    visible = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_result(lambda found: len(found) < len(names)),
        stop=tenacity.stop_after_delay(VISIBLE_WITHIN_S),
        wait=tenacity.wait_fixed(0.1),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else {},
    )
    return await visible(_find, admin, names)


async def _create(admin: AIOKafkaAdminClient, specs: Iterable[TopicSpec]) -> None:
    wanted = {spec.name: spec for spec in specs}
    response = await admin.create_topics(
        [
            NewTopic(spec.name, spec.partitions, spec.replication, topic_configs=spec.config)
            for spec in wanted.values()
        ]
    )
    refused = [
        _refusal(wanted[name], for_code(code), message or "")
        for name, code, message in response.topic_errors
        if code not in {0, TopicAlreadyExistsError.errno}  # someone else made it just now
    ]
    if refused:
        raise TopicsUnfit("\n".join(dict.fromkeys(refused)))


def _refusal(spec: TopicSpec, error: type[KafkaError], message: str) -> str:
    if error is InvalidReplicationFactorError:
        return (
            f"Topics cannot have {spec.replication} replicas here: there are fewer brokers. "
            "Set TOPIC_REPLICATION to at most their number (1 for a single broker)"
        )
    if error in {TopicAuthorizationFailedError, ClusterAuthorizationFailedError}:
        return f"Topic {spec.name}: our user may not create it. Allow it Create, or create the topic for it"
    return f"Topic {spec.name} cannot be created ({error.__name__}): {message}"


def _sized(spec: TopicSpec, topics: Topics, found: Mapping[str, FoundTopic]) -> TopicSpec:
    """Give a new topic the partitions of those that are there and that it has to fit, or had better."""
    # Where the table is as its states are, those that are at home need not be led there.
    fitting = (*topics.by_home, topics.state, topics.events, topics.chat_log)
    there = [found[other.name].partitions for other in fitting if other.name in found]
    return replace(spec, partitions=there[0]) if spec in fitting and there else spec


def _names(topics: Topics) -> list[str]:
    return [spec.name for spec in topics.all()]


def _server(kafka: KafkaSettings) -> str:
    server = f"--bootstrap-server {','.join(kafka.require_servers())}"
    secure = kafka.security_protocol != "PLAINTEXT"
    return f"{server} --command-config client.properties" if secure else server
