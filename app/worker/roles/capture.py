"""The capture role: events and states in, entries out."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry, Counter

from agents.capture.events import CaptureEvents, ChatLogTopic
from agents.capture.homes import Homes
from agents.capture.states import FeedStates
from agents.chunks import ChunkRunner
from app.kafka.clients import client_settings
from app.kafka.topic_admin import check_partitions
from app.kafka.topics import topics_of
from app.settings import ConfigurationError, Role
from app.stream.membership import Membership
from app.stream.table import StateTable
from app.worker.capture.homes import PartitionerChoice, find_partitioner
from app.worker.capture.join import CaptureJoin
from app.worker.capture.watermarks import WatermarkExchange
from app.worker.capture.ways import way_of
from app.worker.faust_settings import heartbeat_interval_s
from app.worker.roles import declare_agent, once_kafka_answers
from app.worker.watch.figures import total
from models.platforms import MESSENGER, MESSENGER_WITH_MEDIA
from models.states import decode_history, encode_history, merge
from sinks.dead_letters import DeadLetterTopic
from sinks.kafka.producer import RecordProducer
from sinks.kafka.repartition import Repartition
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import faust

    from agents.chunks import Chunk
    from app.settings import Settings
    from app.stream.transport import ChunkConsumer
    from app.worker.capture.ways import Way
    from app.worker.roles import Fail

log = logging.getLogger(__name__)


class CaptureWork:
    """Four agents on two topics and what is led home of them, and the table between."""

    def __init__(self, app: faust.App, settings: Settings, fail: Fail) -> None:
        if not settings.topology.capture_is_on:
            raise ConfigurationError(
                "capture is off because VLAB_CHAT_LOG_TOPIC is unset or empty; "
                f"to turn it on: VLAB_CHAT_LOG_TOPIC={topics_of(settings.topology).chat_log.name}"
            )
        self._app = app
        self._settings = settings
        self._fail = fail
        self.topics = topics = topics_of(settings.topology)
        self.retry_policy = RetryPolicy("capture")
        to_dead_letters = RetryPolicy("dead letters")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.retry_policies = (self.retry_policy, to_dead_letters)
        self.consumed = topics.read_by(Role.CAPTURE)
        #: What the parts count.
        self.registry = CollectorRegistry()
        self._producer = RecordProducer(client_settings(settings.kafka), self.retry_policy)
        # What others produced may have fitted only because it was compressed.
        self._leading_producer = RecordProducer(
            client_settings(settings.kafka), self.retry_policy, compress=True
        )
        self._dead_letter_producer = RecordProducer(
            client_settings(settings.kafka), to_dead_letters, compress=True
        )
        self._exchange = WatermarkExchange(
            client_settings(settings.kafka), topics.watermarks.name, self._producer, self.retry_policy
        )
        membership = Membership(
            settings.worker.session_timeout_s - heartbeat_interval_s(settings.worker),
            lambda: cast("ChunkConsumer", app.consumer).confirmed_at(),
        )
        self.table = StateTable(
            app,
            name="states",
            changelog=topics.state_changelog.name,
            producer=self._producer,
            merge=lambda kept, read: encode_history(merge(decode_history(kept), decode_history(read))),
            until_may_write=lambda: self.retry_policy.run(membership.check),
        )
        app.tables.add(self.table)
        self._tasks: list[asyncio.Task[None]] = []
        declare_agent(app, "capture", topics.events.name, lambda: self._events)
        declare_agent(app, "feed-states", topics.state.name, lambda: self._states)
        declare_agent(app, "capture-led", topics.events_by_user.name, lambda: self._events_led)
        declare_agent(app, "feed-states-led", topics.states_by_user.name, lambda: self._states_led)

    async def start(self) -> None:
        """Check the topics, connect, waiting while Kafka is away, and let the other workers know."""
        settings, topics, app = self._settings, self.topics, self._app
        counts = await once_kafka_answers(
            self.retry_policy, lambda: check_partitions(settings.kafka, settings.topology)
        )
        self._counts = counts
        await asyncio.gather(
            self._producer.start(), self._leading_producer.start(), self._dead_letter_producer.start()
        )
        await self._exchange.start()
        homes = counts[topics.state_changelog.name]
        self.homes = Homes(homes)
        led = Counter(
            "chatlog_led_home",
            "Records produced once more, to where their users have their homes.",
            ["topic"],
            registry=self.registry,
        )
        self.events_led, self.states_led = (
            Repartition(self._leading_producer, to.name, homes, led.labels(source.name))
            for source, to in (
                (topics.events, topics.events_by_user),
                (topics.state, topics.states_by_user),
            )
        )
        platform = MESSENGER_WITH_MEDIA if settings.worker.capture_media else MESSENGER
        find = partial(find_partitioner, settings.kafka, topics, counts, platform)
        choice = PartitionerChoice(find, self.table, self.homes, self.retry_policy)
        self._join = CaptureJoin(
            app, topics, counts, choice, self.events_led, self.states_led, self._exchange, self.retry_policy
        )
        self.dead_letters = DeadLetterTopic(
            self._dead_letter_producer,
            topics.dead_letters.name,
            counts[topics.dead_letters.name],
            self.registry,
        )
        self.capture = CaptureEvents(
            platform,
            self.table,
            self._join.current,
            self.homes,
            self.events_led,
            ChatLogTopic(self._producer, topics.chat_log.name, counts[topics.chat_log.name], homes),
            self.dead_letters,
            self.registry,
        )
        self.feed_states = FeedStates(
            self.table, self._join.current, self.homes, self.states_led, self.dead_letters, self.registry
        )
        self._events = self._runner("capture", self.capture)
        self._states = self._runner("feed-states", self.feed_states)
        self._events_led = self._runner("capture-led", self.capture.from_afar)
        self._states_led = self._runner("feed-states-led", self.feed_states.from_afar)
        parts = (self._join.listen, self._join.tell)
        self._tasks = [asyncio.create_task(self._go_on(part)) for part in parts]

    async def release(self) -> None:
        """Let go of all partitions: nothing is being worked on afterwards."""
        # Side by side: together with the commit that follows they must end before the stop is cut off.
        await asyncio.gather(
            *(runner.release() for runner in (self._events, self._states, self._events_led, self._states_led))
        )
        self._join.forget()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(
            self._exchange.stop(),
            self._producer.stop(),
            self._leading_producer.stop(),
            self._dead_letter_producer.stop(),
        )

    @property
    def ways(self) -> tuple[Way, ...]:
        """Which way events and states go to where their users have their homes."""
        topics, homes = self.topics, self.homes
        return tuple(
            way_of(
                topic.name,
                repartition.topic,
                partitions=self._counts[topic.name],
                homes=homes.partitions,
                partitioner=homes.partitioner,
                read=total(read),
                led=total(repartition.led),
            )
            for topic, repartition, read in (
                (topics.events, self.events_led, self.capture.visible),
                (topics.state, self.states_led, self.feed_states.states),
            )
        )

    def _runner(self, name: str, handle: Callable[[Chunk], Awaitable[None]]) -> ChunkRunner:
        return ChunkRunner(name, handle, in_order=True, fail=self._fail)

    async def _go_on(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part that goes on for as long as the worker; however it ends otherwise, the worker ends."""
        try:
            await part()
        except Exception as error:
            log.exception("The workers cannot tell one another how far they are; the worker stops")
            await self._fail(error)
        except asyncio.CancelledError as error:
            # aiokafka's clients raise it where a task of theirs was cancelled, and not we.
            if not cast("asyncio.Task[None]", asyncio.current_task()).cancelling():
                await self._fail(RuntimeError(f"cancelled from within: {error!r}"))
            raise
