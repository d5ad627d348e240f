"""The persist role: entries in, rows out; and dead letters into their table."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from agents.chunks import ChunkRunner
from agents.persist import KeepDeadLetters, Persist
from app.kafka.clients import client_settings
from app.kafka.topic_admin import partition_counts
from app.kafka.topics import topics_of
from app.postgres.connections import create_pool
from app.settings import Role
from app.worker.roles import declare_agent, once_kafka_answers
from models.platforms import WITHOUT_STATE
from sinks.dead_letters import DeadLetterTable, DeadLetterTopic
from sinks.kafka.producer import RecordProducer
from sinks.postgres.chat_log import ChatLogSink
from sinks.postgres.partitions import keep_partitions_ahead
from sinks.postgres.survey_lookup import fresh_surveys
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    import asyncpg
    import faust

    from app.settings import Settings
    from app.worker.roles import Fail


class PersistWork:
    """Two agents, one connection pool, and a producer for what no row can hold."""

    def __init__(self, app: faust.App, settings: Settings, fail: Fail) -> None:
        self._settings = settings
        self._fail = fail
        self.topics = topics_of(settings.topology)
        self.retry_policy = RetryPolicy("persist")
        to_dead_letters, keeping = RetryPolicy("dead letters"), RetryPolicy("dead-letters table")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.retry_policies = (self.retry_policy, to_dead_letters, keeping)
        self.consumed = self.topics.read_by(Role.PERSIST)
        #: What the parts count.
        self.registry = CollectorRegistry()
        self._keeping = keeping
        self._producer = RecordProducer(client_settings(settings.kafka), to_dead_letters, compress=True)
        self._pool: asyncpg.Pool | None = None
        declare_agent(app, "persist", self.topics.chat_log.name, lambda: self._entries)
        declare_agent(
            app,
            "keep-dead-letters",
            self.topics.dead_letters.name,
            lambda: self._kept,
        )

    async def start(self) -> None:
        """Connect to Kafka, waiting while it is away; PostgreSQL may be down, the sink waits for it.

        Raises:
            DatabaseRefuses: waiting would not help; says what to mend.
        """
        settings = self._settings
        counts = await once_kafka_answers(
            self.retry_policy, lambda: partition_counts(settings.kafka, [self.topics.dead_letters.name])
        )
        await self._producer.start()
        self._pool = await create_pool(settings.database, application_name="chatlog-persist", min_size=0)
        self.sink = ChatLogSink(
            self._pool,
            self.retry_policy,
            max_entries=settings.worker.batch_max_entries,
            max_wait_s=settings.worker.batch_max_wait_s,
            # One connection is left for dead letters, partitions and surveys.
            max_writes=max(1, settings.database.pool_size - 1),
            registry=self.registry,
        )
        self.dead_letters = DeadLetterTopic(
            self._producer,
            self.topics.dead_letters.name,
            counts[self.topics.dead_letters.name],
            self.registry,
        )
        table = DeadLetterTable(self._pool, self._keeping, self.registry)
        partitions = keep_partitions_ahead(self._pool, WITHOUT_STATE)
        self._partitions = asyncio.create_task(partitions, name="partitions")
        surveys = fresh_surveys(self._pool, self.retry_policy)
        self._fresh_surveys = asyncio.create_task(surveys.keep_fresh(), name="surveys")
        persist = Persist(self.sink, self.dead_letters, surveys, self.registry)
        keep = KeepDeadLetters(table, self.registry)
        self._entries = ChunkRunner("persist", persist, in_order=False, fail=self._fail)
        self._kept = ChunkRunner("keep-dead-letters", keep, in_order=False, fail=self._fail)

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        # Side by side: together with the commit that follows they must end before the stop is cut off.
        await asyncio.gather(self._entries.release(), self._kept.release())
        await self.sink.abandon()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        await self._producer.stop()
        if self._pool is not None:
            self._partitions.cancel()
            self._fresh_surveys.cancel()
            self._pool.terminate()
