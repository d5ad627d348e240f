"""The role that captures the platforms without a state: their events in, records of messages out."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from agents.capture_platform import (
    CaptureFigures,
    CapturePlatform,
    FirstTimesOfPartitions,
    MessagesTopic,
)
from agents.chunks import ChunkRunner
from app.kafka.clients import client_settings
from app.kafka.topic_admin import partition_counts
from app.kafka.topics import DAY_MS, topics_of
from app.postgres.connections import create_pool
from app.settings import ConfigurationError, Role
from app.worker.recall import TopicRecall
from app.worker.roles import declare_agent, once_kafka_answers
from models.platforms import PLATFORMS
from sinks.dead_letters import DeadLetterTopic
from sinks.kafka.producer import RecordProducer
from sinks.postgres.channel_rules import fresh_rules
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    import asyncpg
    import faust

    from app.settings import Settings
    from app.worker.roles import Fail
    from models.channels import Rules
    from sinks.postgres.fresh import Fresh

log = logging.getLogger(__name__)


class CapturePlatformsWork:
    """An agent for each platform, a pool for the rules, and a producer."""

    def __init__(self, app: faust.App, settings: Settings, fail: Fail) -> None:
        if why := settings.topology.idle_because(Role.CAPTURE_PLATFORMS):
            raise ConfigurationError(why)
        self._settings = settings
        self._fail = fail
        self.topics = topics_of(settings.topology)
        self.retry_policy = RetryPolicy("capture")
        to_dead_letters, self._reading_rules = RetryPolicy("dead letters"), RetryPolicy("rules")
        self._recalling = RetryPolicy("first times")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.retry_policies = (self.retry_policy, to_dead_letters, self._reading_rules, self._recalling)
        self.consumed = self.topics.read_by(Role.CAPTURE_PLATFORMS)
        #: What the parts count.
        self.registry = CollectorRegistry()
        self.figures = CaptureFigures(self.registry)
        self._producer = RecordProducer(client_settings(settings.kafka), self.retry_policy)
        self._dead_letter_producer = RecordProducer(
            client_settings(settings.kafka), to_dead_letters, compress=True
        )
        self._pool: asyncpg.Pool | None = None
        self._runners: dict[str, ChunkRunner] = {}
        self._times: list[FirstTimesOfPartitions] = []
        self._keeping_fresh: asyncio.Task[None] | None = None
        for platform, events in self.topics.platform_events.items():
            declare_agent(app, f"capture-{platform}", events.name, partial(self._runner_of, platform))

    async def start(self) -> None:
        """Connect to Kafka, waiting while it is away; PostgreSQL may be down, chunks wait for the rules.

        Raises:
            DatabaseRefuses: waiting would not help; says what to mend.
            TopicsUnfit: a topic is missing.
        """
        settings, topics = self._settings, self.topics
        names = [topics.dead_letters.name, *(spec.name for spec in topics.messages.values())]
        counts = await once_kafka_answers(self.retry_policy, lambda: partition_counts(settings.kafka, names))
        await asyncio.gather(self._producer.start(), self._dead_letter_producer.start())
        self._pool = await create_pool(
            settings.database, application_name="chatlog-capture-platforms", min_size=0
        )
        rules = fresh_rules(self._pool, self._reading_rules)
        self._keeping_fresh = asyncio.create_task(self._keep_fresh(rules), name="rules")
        self.dead_letters = DeadLetterTopic(
            self._dead_letter_producer,
            topics.dead_letters.name,
            counts[topics.dead_letters.name],
            self.registry,
        )
        for platform, spec in topics.messages.items():
            self._runners[platform] = self._new_runner(platform, rules, spec.name, counts[spec.name])

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        # Side by side: together with the commit that follows they must end before the stop is cut off.
        await asyncio.gather(*(runner.release() for runner in self._runners.values()))
        for times in self._times:
            times.forget()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        if self._keeping_fresh is not None:
            self._keeping_fresh.cancel()
        await asyncio.gather(self._producer.stop(), self._dead_letter_producer.stop())
        if self._pool is not None:
            self._pool.terminate()

    def _runner_of(self, platform: str) -> ChunkRunner:
        return self._runners[platform]

    def _new_runner(self, name: str, rules: Fresh[Rules], topic: str, partitions: int) -> ChunkRunner:
        """Return what works on the events of a platform: of each partition, one chunk after the other."""
        platform, settings = PLATFORMS[name], self._settings
        times = None
        if not platform.has_steady_times:
            recall = TopicRecall(client_settings(settings.kafka), topic, self._recalling)
            times = FirstTimesOfPartitions(recall, partitions)
            self._times.append(times)
        # Half of what the topic keeps: so long may persist stand still before anything expires.
        backdated_ms_max = settings.topology.topic_retention_days * DAY_MS // 2
        messages = MessagesTopic(self._producer, topic, partitions, backdated_ms_max)
        handle = CapturePlatform(platform, rules, times, messages, self.dead_letters, self.figures)
        return ChunkRunner(f"capture-{name}", handle, in_order=True, fail=self._fail)

    async def _keep_fresh(self, rules: Fresh[Rules]) -> None:
        try:
            await rules.keep_fresh()
        except Exception as error:
            log.exception("The rules of channels cannot be read; the worker stops")
            await self._fail(error)
