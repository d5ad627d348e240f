"""The persist role: entries, messages and states of bots in, rows out; dead letters into their table."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from agents.chunks import ChunkRunner
from agents.persist import KeepDeadLetters, Persist
from agents.persist_messages import PersistMessages
from agents.persist_states import PersistStates
from app.kafka.clients import client_settings
from app.kafka.topic_admin import partition_counts
from app.kafka.topics import topics_of
from app.postgres.connections import create_pool
from app.settings import Role
from app.worker.roles import declare_agent, once_kafka_answers
from models.platforms import PLATFORMS
from sinks.dead_letters import DeadLetterTable, DeadLetterTopic
from sinks.kafka.producer import RecordProducer
from sinks.postgres.bot_states import BotStatesSink
from sinks.postgres.chat_log import ChatLogSink
from sinks.postgres.figures import MessageFigures
from sinks.postgres.live import LiveMessages, LiveTable
from sinks.postgres.messages import MessagesSink
from sinks.postgres.partitions import keep_partitions_ahead
from sinks.postgres.settling import Settler
from sinks.postgres.survey_lookup import fresh_surveys
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import asyncpg
    import faust

    from app.settings import Settings
    from app.worker.roles import Fail
    from models.surveys import SurveyMap
    from sinks.postgres.fresh import Fresh


log = logging.getLogger(__name__)

#: Nobody's transaction takes longer than its statements may, four of which may have to wait at worst.
SETTLE_AFTER_TIMEOUTS = 4


class PersistWork:
    """Agents for entries, each platform's messages, states of bots and dead letters, with their pools.

    Each platform has a pool, a batcher and a policy of its own, so that it waits alone where its tables are
    locked.
    """

    def __init__(self, app: faust.App, settings: Settings, fail: Fail) -> None:
        self._settings = settings
        self._fail = fail
        self.topics = topics_of(settings.topology)
        self.retry_policy = RetryPolicy("persist")
        self._of_states = RetryPolicy("persist states")
        to_dead_letters, keeping = RetryPolicy("dead letters"), RetryPolicy("dead-letters table")
        self._of_platforms = {name: RetryPolicy(f"persist {name}") for name in self.topics.messages}
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.retry_policies = (
            *(self.retry_policy, self._of_states, *self._of_platforms.values()),
            *(to_dead_letters, keeping),
        )
        self.consumed = self.topics.read_by(Role.PERSIST)
        #: What the parts count.
        self.registry = CollectorRegistry()
        self.message_figures = MessageFigures(self.registry if self.topics.messages else None)
        #: What is said now, as far as this worker stores it.
        self.live = LiveMessages()
        self._keeping = keeping
        self._producer = RecordProducer(client_settings(settings.kafka), to_dead_letters, compress=True)
        self._pools: list[asyncpg.Pool] = []
        self._background: list[asyncio.Task[None]] = []
        self._messages: dict[str, ChunkRunner] = {}
        self._sinks: list[ChatLogSink | BotStatesSink | MessagesSink] = []
        declare_agent(app, "persist", self.topics.chat_log.name, lambda: self._entries)
        declare_agent(app, "persist-states", self.topics.state.name, lambda: self._states)
        declare_agent(app, "keep-dead-letters", self.topics.dead_letters.name, lambda: self._kept)
        for platform, topic in self.topics.messages.items():
            declare_agent(app, f"persist-{platform}", topic.name, partial(self._runner_of, platform))

    async def start(self) -> None:
        """Connect to Kafka, waiting while it is away; PostgreSQL may be down, the sinks wait for it.

        Raises:
            DatabaseRefuses: waiting would not help; says what to mend.
        """
        settings = self._settings
        counts = await once_kafka_answers(
            self.retry_policy, lambda: partition_counts(settings.kafka, [self.topics.dead_letters.name])
        )
        await self._producer.start()
        pool = await self._new_pool(settings.database.pool_size)
        self.sink = ChatLogSink(
            pool,
            self.retry_policy,
            max_entries=settings.worker.batch_max_entries,
            max_wait_s=settings.worker.batch_max_wait_s,
            # One connection is left for dead letters, partitions and surveys.
            max_writes=max(1, settings.database.pool_size - 1),
            registry=self.registry,
        )
        self._sinks.append(self.sink)
        self.dead_letters = DeadLetterTopic(
            self._producer,
            self.topics.dead_letters.name,
            counts[self.topics.dead_letters.name],
            self.registry,
        )
        table = DeadLetterTable(pool, self._keeping, self.registry)
        self._in_background("partitions", keep_partitions_ahead(pool, tuple(self.topics.messages)))
        self._in_background("live figures", LiveTable(pool, self.live).keep_written())
        surveys = fresh_surveys(pool, self.retry_policy)
        self._in_background("surveys", surveys.keep_fresh())
        persist = Persist(self.sink, self.dead_letters, surveys, self.registry, self.live)
        keep = KeepDeadLetters(table, self.registry)
        self._entries = ChunkRunner("persist", persist, in_order=False, fail=self._fail)
        self._kept = ChunkRunner("keep-dead-letters", keep, in_order=False, fail=self._fail)
        await self._start_states(surveys)
        await self._start_messages()

    async def _start_states(self, surveys: Fresh[SurveyMap]) -> None:
        sink = BotStatesSink(
            await self._new_pool(1),
            self._of_states,
            max_items=self._settings.worker.batch_max_entries,
            max_wait_s=self._settings.worker.batch_max_wait_s,
            registry=self.registry,
        )
        self._sinks.append(sink)
        states = PersistStates(sink, surveys, self.registry)
        self._states = ChunkRunner("persist-states", states, in_order=True, fail=self._fail)

    async def _start_messages(self) -> None:
        settings, platforms = self._settings, tuple(self.topics.messages)
        stay_gap = timedelta(minutes=settings.worker.stay_gap_minutes)
        tell_presence = {name for name in platforms if PLATFORMS[name].tells_presence}
        max_writes = max(1, settings.database.pool_size - 1)
        for platform in platforms:
            sink = MessagesSink(
                platform,
                await self._new_pool(max_writes),
                self._of_platforms[platform],
                self.message_figures,
                max_records=settings.worker.batch_max_entries,
                max_wait_s=settings.worker.batch_max_wait_s,
                max_writes=max_writes,
                stay_gap=None if platform in tell_presence else stay_gap,
            )
            self._sinks.append(sink)
            persist = PersistMessages(sink, self.dead_letters, self.live)
            self._messages[platform] = ChunkRunner(
                f"persist-{platform}", persist, in_order=False, fail=self._fail
            )
        settler = Settler(
            await self._new_pool(1),
            platforms,
            tell_presence,
            stay_gap=stay_gap,
            settle_after=timedelta(seconds=SETTLE_AFTER_TIMEOUTS * settings.database.timeout_s),
        )
        self._in_background("settling", settler.keep_settled())

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        # Side by side: together with the commit that follows they must end before the stop is cut off.
        runners = (self._entries, self._states, self._kept, *self._messages.values())
        await asyncio.gather(*(runner.release() for runner in runners))
        await asyncio.gather(*(sink.abandon() for sink in self._sinks))

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        await self._producer.stop()
        for task in self._background:
            task.cancel()
        for pool in self._pools:
            pool.terminate()

    def _runner_of(self, platform: str) -> ChunkRunner:
        return self._messages[platform]

    def _in_background(self, name: str, work: Coroutine[None, None, None]) -> None:
        self._background.append(asyncio.create_task(self._go_on(name, work), name=name))

    async def _go_on(self, name: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:
            log.exception("What goes on in the background has ended; the worker stops", extra={"part": name})
            await self._fail(error)

    async def _new_pool(self, size: int) -> asyncpg.Pool:
        pool = await create_pool(
            self._settings.database, application_name="chatlog-persist", min_size=0, max_size=size
        )
        self._pools.append(pool)
        return pool
