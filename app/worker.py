"""The Faust app of a role, wired: its agents, its table, its sinks, and how it starts and stops.

The only place that knows both agents and sinks. `faust -A app worker` finds the app of CHATLOG_ROLE.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import TP

from agents.capture import CaptureEvents, FeedStates
from agents.chunks import ChunkRunner
from agents.join import Log, PartitionJoin
from agents.persist import KeepDeadLetters, Persist
from app.database import create_pool
from app.database_probe import DatabaseProbe
from app.health import HealthMonitor
from app.kafka import client_settings, ssl_context
from app.lag import LagMonitor
from app.logs import logging_config
from app.settings import ConfigurationError, Role, Settings
from app.table import StateTable
from app.topic_admin import check_copartitioned, partition_counts
from app.topics import OUR_RECORD_MAX_BYTES, topics_of
from app.transport import ChunkConsumer, ChunkLimits, ChunkSchema, ChunkTransport
from app.views import Views
from models.platforms import PLATFORMS
from sinks.chat_log import ChatLogSink
from sinks.dead_letters import DeadLetterTable, DeadLetterTopic
from sinks.partitions import keep_partitions_ahead
from sinks.producer import RecordProducer
from sinks.retrying import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import asyncpg

#: A stop that takes longer is cut off: what was not acknowledged is read again by whoever takes over.
STOP_DEADLINE_S = 9.0
#: Exit status of a stop that was cut off.
EXIT_CUT_OFF = 3
#: Chunks a stream may hold before the consumer waits; the transport's own bound is the one that counts.
STREAM_BUFFER_CHUNKS = 64


class WorkerApp(faust.App):
    """A Faust app with one role."""

    logger = logging.getLogger("faust.app")

    def __init__(self, settings: Settings, role: Role) -> None:
        self.settings = settings
        self.role = role
        super().__init__(**_faust_settings(settings, role))
        self.transport = ChunkTransport(
            self.conf.broker_consumer,
            self,
            limits=ChunkLimits(settings.chunk_max_records, settings.chunk_max_bytes),
        )
        self.work: CaptureWork | PersistWork = _WORK[role](self)
        self.began_at = time.monotonic()
        self.lag = LagMonitor(
            settings, self.conf.id, self.work.consumed, lambda: cast("Any", self.consumer).progress()
        )
        self.database = DatabaseProbe(settings) if role is Role.PERSIST else None
        self.health = HealthMonitor(self, self.database)

    @property
    def was_assigned(self) -> bool:
        """Whether the group ever gave this worker its partitions, were it none."""
        return self._assignment is not None

    def assigned(self) -> set[TP]:
        """Return the partitions of the role's topics that the group gave this worker."""
        return {tp for tp in self.assignor.assigned_actives() if tp.topic in self.work.consumed}

    def on_init_dependencies(self) -> Iterable[Any]:
        """Return what starts with the worker: what watches it first, so that its start can be seen."""
        return [self.health, self.lag, *super().on_init_dependencies()]

    def _new_web(self) -> Views:
        return Views(self)

    async def on_first_start(self) -> None:
        """Open what the role needs, before any agent starts."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()
        await self.work.start()
        cast("ChunkConsumer", self.consumer).release_hooks.append(self.work.release)

    async def on_stop(self) -> None:
        """Stop within the deadline: finish or leave what is in flight, commit, then close the sinks."""
        deadline = threading.Timer(STOP_DEADLINE_S, os._exit, (EXIT_CUT_OFF,))
        deadline.daemon = True
        deadline.start()
        await super().on_stop()
        await self.work.stop()

    async def fail(self, error: Exception) -> None:
        """Stop the worker with a non-zero status: something happened that retrying cannot mend.

        While the worker stops, streams end and work fails because of that, and nothing was acknowledged.
        """
        if not self.should_stop:
            await self.crash(error)


class CaptureWork:
    """The capture role: events and states in, entries out."""

    def __init__(self, app: WorkerApp) -> None:
        settings = app.settings
        if not settings.capture_is_on:
            raise ConfigurationError(
                "capture is off because VLAB_CHAT_LOG_TOPIC is unset or empty; "
                f"to turn it on: VLAB_CHAT_LOG_TOPIC={topics_of(settings).chat_log.name}"
            )
        self._app = app
        self.topics = topics_of(settings)
        self.patience = Patience("capture")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.patiences = (self.patience,)
        self.consumed = (self.topics.events.name, self.topics.state.name)
        self._producer = RecordProducer(
            client_settings(settings), self.patience, max_record_bytes=OUR_RECORD_MAX_BYTES
        )
        self.table = StateTable(
            app, name="states", changelog=self.topics.state_changelog.name, producer=self._producer
        )
        app.tables.add(self.table)
        self._joins: dict[int, PartitionJoin] = {}
        _agent(app, "capture", self.topics.events.name, lambda: self._events)
        _agent(app, "feed-states", self.topics.state.name, lambda: self._states)

    async def start(self) -> None:
        """Check that events and states can meet, and connect."""
        settings, topics = self._app.settings, self.topics
        counts = await check_copartitioned(settings)
        await self._producer.start()
        dead_letters = DeadLetterTopic(
            self._producer, topics.dead_letters.name, counts[topics.dead_letters.name]
        )
        self.dead_letters = dead_letters
        self.capture = CaptureEvents(
            PLATFORMS["messenger"],
            self.table,
            self._join_of,
            self._producer,
            topics.chat_log.name,
            dead_letters,
        )
        self.feed_states = FeedStates(self.table, self._join_of, dead_letters)
        self._events = ChunkRunner("capture", self.capture, in_order=True, fail=self._app.fail)
        self._states = ChunkRunner("feed-states", self.feed_states, in_order=True, fail=self._app.fail)

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        await self._events.release()
        await self._states.release()
        self._joins.clear()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        await self._producer.stop()

    @property
    def counters(self) -> dict[str, int]:
        """What was done since the start."""
        return {
            "events_read": self._events.records_done,
            "entries": self.capture.entries,
            "states": self._states.records_done,
            "dead_letters": self.dead_letters.buried.total(),
        }

    def _join_of(self, partition: int) -> PartitionJoin:
        if partition not in self._joins:
            self._joins[partition] = PartitionJoin(
                states=self._log_of(TP(self.topics.state.name, partition)),
                events=self._log_of(TP(self.topics.events.name, partition)),
            )
        return self._joins[partition]

    def _log_of(self, tp: TP) -> Log:
        consumer: Any = self._app.consumer
        return Log(end=lambda: consumer.end_offset(tp), done_to=lambda: consumer.done_to(tp))


class PersistWork:
    """The persist role: entries in, rows out; and dead letters into their table."""

    def __init__(self, app: WorkerApp) -> None:
        self._app = app
        self.topics = topics_of(app.settings)
        self.patience = Patience("persist")
        burying, keeping = Patience("dead letters"), Patience("dead-letters table")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.patiences = (self.patience, burying, keeping)
        self.consumed = (self.topics.chat_log.name, self.topics.dead_letters.name)
        self._keeping = keeping
        self._producer = RecordProducer(
            client_settings(app.settings),
            burying,
            max_record_bytes=OUR_RECORD_MAX_BYTES,
        )
        self._pool: asyncpg.Pool | None = None
        _agent(app, "persist", self.topics.chat_log.name, lambda: self._entries)
        _agent(
            app,
            "keep-dead-letters",
            self.topics.dead_letters.name,
            lambda: self._kept,
        )

    async def start(self) -> None:
        """Connect to Kafka; PostgreSQL may be down, the sink waits for it."""
        settings = self._app.settings
        counts = await partition_counts(settings, [self.topics.dead_letters.name])
        await self._producer.start()
        self._pool = await create_pool(settings, application_name="chatlog-persist", min_size=0)
        self.sink = ChatLogSink(
            self._pool,
            self.patience,
            max_entries=settings.batch_max_entries,
            max_wait_s=settings.batch_max_wait_s,
            max_writes=max(1, settings.database_pool_size // 2),
        )
        self.dead_letters = DeadLetterTopic(
            self._producer, self.topics.dead_letters.name, counts[self.topics.dead_letters.name]
        )
        self.dead_letter_table = DeadLetterTable(self._pool, self._keeping)
        self._partitions = asyncio.create_task(keep_partitions_ahead(self._pool), name="partitions")
        self._entries = ChunkRunner(
            "persist", Persist(self.sink, self.dead_letters), in_order=False, fail=self._app.fail
        )
        self._kept = ChunkRunner(
            "keep-dead-letters",
            KeepDeadLetters(self.dead_letter_table),
            in_order=False,
            fail=self._app.fail,
        )

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        await self._entries.release()
        await self._kept.release()
        await self.sink.abandon()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        await self._producer.stop()
        if self._pool is not None:
            self._partitions.cancel()
            self._pool.terminate()

    @property
    def counters(self) -> dict[str, int]:
        """What was done since the start."""
        stats = self.sink.stats
        return {
            "records_read": self._entries.records_done,
            "rows": stats.rows,
            "duplicates": stats.duplicates,
            "refused": stats.refused,
            "dead_letters": self.dead_letters.buried.total(),
            "dead_letters_kept": self.dead_letter_table.stats.rows,
        }


_WORK: dict[Role, type[CaptureWork] | type[PersistWork]] = {
    Role.CAPTURE: CaptureWork,
    Role.PERSIST: PersistWork,
}


def build(settings: Settings, role: Role) -> WorkerApp:
    """Return the Faust app of `role`, ready to be run by a Faust worker.

    Raises:
        ConfigurationError: a setting that the role needs is missing, or capture is off.
    """
    return WorkerApp(settings, role)


def _agent(app: faust.App, name: str, topic: str, runner_of: Callable[[], ChunkRunner]) -> None:
    """Declare an agent; its runner is made when the worker starts."""

    async def agent(stream: Any) -> None:
        await runner_of().run(stream)

    app.agent(app.topic(topic, schema=ChunkSchema()), name=name)(agent)


def _faust_settings(settings: Settings, role: Role) -> dict[str, Any]:
    group = settings.capture_group if role is Role.CAPTURE else settings.persist_group
    return {
        "id": group,
        "broker": [f"kafka://{server}" for server in settings.require_kafka()],
        "broker_credentials": _credentials(settings),
        "store": "memory://" if settings.table_store == "memory" else "rocksdb://",
        "datadir": settings.data_dir / group,
        # Topics exist before a worker starts: `chatlog topics` makes them, as settings say.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.group_instance_id,
        "broker_commit_interval": settings.commit_interval_s,
        "broker_rebalance_timeout": settings.rebalance_timeout_s,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 5,
        "stream_buffer_maxsize": STREAM_BUFFER_CHUNKS,
        # Before partitions are given up, `ChunkConsumer.wait_empty` runs; its waits are bounded.
        "stream_wait_empty": True,
        "stream_recovery_delay": 0.0,
        "web_bind": settings.web_host,
        "web_host": settings.web_host,
        "web_port": settings.web_port,
        "logging_config": logging_config(settings),
    }


def _credentials(settings: Settings) -> Any:
    context = ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_password:
        return SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
