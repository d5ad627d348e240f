"""Keeps the join of a capture worker for as long as its group has the members that it has, and then anew.

It gives the join what the brokers and the consumer know of the logs, lets the other workers know how far this
one is, and sees to it that it is known where users have their homes.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, cast

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.capture.join import Join
from agents.capture.logs import Log, Logs
from app.worker.capture.homes import PARTITION
from models.partitioners import Partitioner
from sinks.errors import ServiceDown
from sinks.kafka.producer import REMEDY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from faust.types import AppT

    from agents.capture.watermarks import Watermarks
    from app.kafka.topics import Topics
    from app.stream.transport import ChunkConsumer
    from app.worker.capture.homes import PartitionerChoice
    from app.worker.capture.watermarks import WatermarkExchange
    from sinks.kafka.repartition import Repartition
    from sinks.retry import RetryPolicy

#: How often it is looked how far the worker is, and said if that is news: events of others wait for it.
TICK_S = 0.02
#: How often it is said at least, for those that came late.
SAY_EVERY_S = 1.0
#: How often it is looked whether events that do not come hold up the forgetting of states, and where the
#: homes are as long as that is not known.
LOOK_EVERY_S = 0.5


class CaptureJoin:
    """The join of the present generation of the group.

    Args:
        app: the worker.
        topics: what it reads.
        counts: how many partitions each topic had at the start.
        choice: settles where users have their homes.
        events_led: leads events home.
        states_led: leads states home.
        exchange: with the other workers.
        retry_policy: waits while the brokers are down.
    """

    def __init__(
        self,
        app: AppT,
        topics: Topics,
        counts: Mapping[str, int],
        choice: PartitionerChoice,
        events_led: Repartition,
        states_led: Repartition,
        exchange: WatermarkExchange,
        retry_policy: RetryPolicy,
    ) -> None:
        self._app = app
        self._topics = topics
        self._counts = counts
        self._choice = choice
        self._homes = choice.homes
        self._events_led, self._states_led = events_led, states_led
        self._exchange = exchange
        self._retry_policy = retry_policy
        self._worker = uuid.uuid4().hex
        self._join: Join | None = None
        self._making = asyncio.Lock()
        #: The last that was heard of each worker, perhaps before this one knew of the generation.
        self._heard: dict[str, Watermarks] = {}
        self._said: Watermarks | None = None
        self._said_at = self._looked_at = float("-inf")

    async def current(self) -> Join:
        """Return the join of the present generation, in which this worker has its partitions."""
        generation = self._app.consumer_generation_id
        if self._join is None or self._join.generation != generation:
            async with self._making:
                if self._join is None or self._join.generation != generation:
                    self._join = await self._make(generation)
        return self._join

    def forget(self) -> None:
        """Let go of the join, as the partitions are given up."""
        self._join = None

    async def listen(self) -> None:
        """Heed what other workers say, for as long as the worker runs."""
        async for watermarks in self._exchange.listen():
            if watermarks.worker == self._worker:
                continue
            self._heard = {
                worker: heard
                for worker, heard in self._heard.items()
                if heard.generation >= watermarks.generation
            }
            self._heard[watermarks.worker] = watermarks
            if self._join is not None:
                await self._join.hear(watermarks)
            if watermarks.partitioner is not None:
                self._homes.settle(Partitioner(watermarks.partitioner))

    async def tell(self) -> None:
        """Say how far this worker is, whenever that is news, for as long as it runs."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._consumer.progress():
                await self._tell(await self.current())

    @property
    def _consumer(self) -> ChunkConsumer:
        return cast("ChunkConsumer", self._app.consumer)

    async def _tell(self, join: Join) -> None:
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            await join.look_for_idle_events()
            if self._homes.partitioner is None and PARTITION in join.homes:
                await self._choice.make(is_still_ours=lambda: join is self._join)
        if join is not self._join:
            return  # given up meanwhile
        # Copies: what is said stays as it was said, or it could not be told from what is news.
        states_led_to, events_led_to = list(self._states_led.led_to), list(self._events_led.led_to)
        watermarks = join.say(self._homes.partitioner, states_led_to, events_led_to)
        if watermarks != self._said:
            await join.notify()
        elif now - self._said_at < SAY_EVERY_S:
            return
        self._said, self._said_at = watermarks, now
        if not self._is_alone(join):
            await self._exchange.say(watermarks)

    def _is_alone(self, join: Join) -> bool:
        logs = join.logs
        return all(len(part.mine) == part.partitions for part in (logs.states, logs.events, logs.events_led))

    async def _make(self, generation: int) -> Join:
        consumer, topics = self._consumer, self._topics
        logs = Logs(
            states=self._log(topics.state.name, consumer.done_to),
            # Acknowledged is not enough: what is not committed is read again after a crash.
            events=self._log(topics.events.name, consumer.committed_to),
            states_led=self._log(topics.states_by_user.name, consumer.done_to),
            events_led=self._log(topics.events_by_user.name, consumer.committed_to),
        )
        # What was led before by whoever had these partitions counts as led by their marks.
        self._states_led.note_ends(await logs.states_led.ends())
        self._events_led.note_ends(await logs.events_led.ends())
        join = Join(logs, generation, self._worker)
        self._looked_at = float("-inf")  # there is something to be found out at once
        for watermarks in self._heard.values():
            await join.hear(watermarks)
        return join

    def _log(self, topic: str, done_to: Callable[[TP], int]) -> Log:
        consumer = self._consumer
        partitions = consumer.topic_partitions(topic) or self._counts[topic]
        places = {partition: TP(topic, partition) for partition in range(partitions)}

        async def ends() -> Mapping[int, int]:
            async def ask() -> Mapping[int, int]:
                try:
                    found = await consumer.end_offsets(places.values())
                except KafkaError as error:
                    raise ServiceDown(
                        f"Kafka does not tell where {topic} ends: {error!r}; {REMEDY}"
                    ) from error
                return {place.partition: end for place, end in found.items()}

            return await self._retry_policy.run(ask)

        return Log(
            partitions=partitions,
            mine=frozenset(tp.partition for tp in consumer.assignment() if tp.topic == topic),
            ends=ends,
            done_to=lambda partition: done_to(places[partition]),
        )
