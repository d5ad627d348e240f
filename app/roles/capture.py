"""The capture role: events and states in, entries out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.capture import CaptureEvents, FeedStates
from agents.chunks import ChunkRunner
from agents.join import Log, PartitionJoin
from app.faust_settings import heartbeat_interval_s
from app.kafka import client_settings
from app.membership import Membership
from app.roles import declare_agent, once_kafka_answers
from app.settings import ConfigurationError, Role
from app.table import StateTable
from app.topic_admin import check_copartitioned
from app.topics import topics_of
from models.platforms import PLATFORMS, PLATFORMS_WITH_MEDIA
from models.states import decode_history, encode_history, merge
from sinks.dead_letters import DeadLetterTopic
from sinks.errors import ServiceDown
from sinks.producer import REMEDY, RecordProducer
from sinks.retrying import Patience

if TYPE_CHECKING:
    import faust

    from app.roles import Fail
    from app.settings import Settings
    from app.transport import ChunkConsumer


class CaptureWork:
    """Two agents on co-partitioned topics, and the table between them."""

    def __init__(self, app: faust.App, settings: Settings, fail: Fail) -> None:
        if not settings.capture_is_on:
            raise ConfigurationError(
                "capture is off because VLAB_CHAT_LOG_TOPIC is unset or empty; "
                f"to turn it on: VLAB_CHAT_LOG_TOPIC={topics_of(settings).chat_log.name}"
            )
        self._app = app
        self._settings = settings
        self._fail = fail
        self.topics = topics_of(settings)
        self.patience = Patience("capture")
        burying = Patience("dead letters")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.patiences = (self.patience, burying)
        self.consumed = self.topics.read_by(Role.CAPTURE)
        self._producer = RecordProducer(client_settings(settings), self.patience)
        self._burying_producer = RecordProducer(client_settings(settings), burying, compress=True)
        membership = Membership(
            settings.session_timeout_s - heartbeat_interval_s(settings),
            lambda: cast("ChunkConsumer", app.consumer).confirmed_at(),
        )
        self.table = StateTable(
            app,
            name="states",
            changelog=self.topics.state_changelog.name,
            producer=self._producer,
            merge=lambda kept, read: encode_history(merge(decode_history(kept), decode_history(read))),
            until_may_write=lambda: self.patience.until_done(membership.check),
        )
        app.tables.add(self.table)
        self._joins: dict[int, PartitionJoin] = {}
        declare_agent(app, "capture", self.topics.events.name, lambda: self._events)
        declare_agent(app, "feed-states", self.topics.state.name, lambda: self._states)

    async def start(self) -> None:
        """Check that events and states can meet, and connect, waiting while Kafka is away."""
        settings, topics = self._settings, self.topics
        counts = await once_kafka_answers(self.patience, lambda: check_copartitioned(settings))
        await self._producer.start()
        await self._burying_producer.start()
        dead_letters = DeadLetterTopic(
            self._burying_producer, topics.dead_letters.name, counts[topics.dead_letters.name]
        )
        self.dead_letters = dead_letters
        self.capture = CaptureEvents(
            (PLATFORMS_WITH_MEDIA if settings.capture_media else PLATFORMS)["messenger"],
            self.table,
            self._join_of,
            self._producer,
            topics.chat_log.name,
            dead_letters,
        )
        self.feed_states = FeedStates(self.table, self._join_of, dead_letters)
        self._events = ChunkRunner("capture", self.capture, in_order=True, fail=self._fail)
        self._states = ChunkRunner("feed-states", self.feed_states, in_order=True, fail=self._fail)

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        # Side by side: together with the commit that follows they must end before the stop is cut off.
        await asyncio.gather(self._events.release(), self._states.release())
        self._joins.clear()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        await asyncio.gather(self._producer.stop(), self._burying_producer.stop())

    @property
    def counters(self) -> dict[str, int]:
        """What was done since the start."""
        return {
            "events_read": self._events.records_done,
            "entries": self.capture.entries,
            "states": self.feed_states.states,
            "dead_letters": self.dead_letters.buried.total(),
        }

    def _join_of(self, partition: int) -> PartitionJoin:
        if partition not in self._joins:
            consumer = cast("ChunkConsumer", self._app.consumer)
            states, events = TP(self.topics.state.name, partition), TP(self.topics.events.name, partition)
            self._joins[partition] = PartitionJoin(
                states=Log(lambda: self._end_of(states), lambda: consumer.done_to(states)),
                # Acknowledged is not enough: what is not committed is read again after a crash.
                events=Log(lambda: self._end_of(events), lambda: consumer.committed_to(events)),
            )
        return self._joins[partition]

    async def _end_of(self, tp: TP) -> int:
        """Ask for the end of a log, waiting while the brokers are down."""
        consumer = cast("ChunkConsumer", self._app.consumer)

        async def ask() -> int:
            try:
                return await consumer.end_offset(tp)
            except KafkaError as error:
                raise ServiceDown(
                    f"Kafka does not tell where {tp.topic} ends: {error!r}; {REMEDY}"
                ) from error

        return await self.patience.until_done(ask)
