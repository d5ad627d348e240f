"""Capture of platforms without a state: raw events → records on the platform's topic of messages.

Nothing is joined and nothing is remembered but the first times of messages, where a platform tells another
one with each delivery. These are not kept anywhere: what was produced tells them, so whoever takes a
partition over reads the end of what came of it (`FirstTimes`). What is committed was produced before, and
what is not is read again in the same order, so that the times are the same whoever reads, however often.
"""

from __future__ import annotations

import logging
import time
from collections import Counter as Tally
from functools import partial
from typing import TYPE_CHECKING, Protocol

from prometheus_client import Counter

from models.capturing import Capturing, SteadyTimes, capture, encode_within_limits
from models.channels import Unrecorded
from models.dead_letters import came_at
from models.errors import BadRecord
from models.first_times import KEPT_MS, FirstTimesWindow
from models.ids import short_of, time_of
from models.messages import UNKNOWN, ChannelParent, Message
from models.records import message_told_in
from sinks.dead_letters import dead_letter_of
from sinks.kafka.delivery import OutRecord
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.chunks import Chunk
    from models.capturing import FirstTimes
    from models.channels import Rules
    from models.dead_letters import DeadLetter
    from models.platforms import Platform
    from sinks.dead_letters import DeadLetterTopic
    from sinks.kafka.producer import RecordProducer
    from sinks.postgres.fresh import Fresh

    #: A record of events, and one that came of it.
    _Made = tuple[ConsumerRecord, OutRecord]
    #: How many are to be counted by a counter of a platform, under a label of it.
    _Tally = Tally[tuple[Counter, str]]

log = logging.getLogger(__name__)

#: Unknown kinds of one platform that are named in the log, each once; a platform may make up more.
NAMED_MAX = 100
#: Channels that belong to another which are remembered here, until the rules know them.
PARENTS_MAX = 100_000


class CaptureFigures:
    """What is counted of all platforms; none of the labels is anything that somebody said.

    Attributes:
        events_read: counts the events of which everything is safe.
        kinds: counts events by platform and kind, so that an unknown one is seen.
        records: counts the records that were handed over, by platform.
        not_recorded: counts what the rules leave out, by platform and reason.
        sampled_out: counts what a sample leaves out, by platform.
        withheld: counts messages whose text the platform keeps back, by platform.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.events_read = Counter(
            "chatlog_events_read", "Raw events of which everything is safe.", registry=registry
        )
        self.kinds = Counter(
            "chatlog_platform_events",
            "Raw events by platform and kind.",
            ["platform", "kind"],
            registry=registry,
        )
        self.records = Counter(
            "chatlog_message_records",
            "Records handed over to the topics of messages.",
            ["platform"],
            registry=registry,
        )
        self.not_recorded = Counter(
            "chatlog_not_recorded",
            "What the rules of channels leave out.",
            ["platform", "reason"],
            registry=registry,
        )
        self.sampled_out = Counter(
            "chatlog_sampled_out", "What a sample leaves out.", ["platform"], registry=registry
        )
        self.withheld = Counter(
            "chatlog_withheld_messages",
            "Messages whose text the platform keeps back.",
            ["platform"],
            registry=registry,
        )

    def begin(self, platform: Platform) -> None:
        """Serve zeros: of a counter that begins at 1, Prometheus does not see the first step."""
        for kind in (*platform.kinds, UNKNOWN):
            self.kinds.labels(platform.name, kind)
        for reason in Unrecorded:
            self.not_recorded.labels(platform.name, reason)
        for counter in (self.records, self.sampled_out, self.withheld):
            counter.labels(platform.name)


class Recall(Protocol):
    """Reads back what was produced."""

    def __call__(self, partition: int, since_ms: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """Yield what a partition of messages got from a time on, up to its end as of now, or the last of it.

        None is left out that was there when this was called. It waits while Kafka is away.
        """


class FirstTimesOfPartitions:
    """The first times of the messages of each partition that is captured here.

    Args:
        recall: reads back the topic of messages.
        partitions: how many that topic has.
    """

    def __init__(self, recall: Recall, partitions: int) -> None:
        self._recall = recall
        self._partitions = partitions
        self._windows: dict[int, FirstTimesWindow] = {}

    async def of(self, partition: int, log_ms: int) -> FirstTimesWindow:
        """Return the times of a partition of events; those that others found are read back before.

        Args:
            partition: of the events; one chunk at a time asks for it.
            log_ms: the time of the first event that is to be captured now.
        """
        window = self._windows.get(partition)
        if window is None:
            window = FirstTimesWindow()
            async for records in self._recall(partition % self._partitions, log_ms - KEPT_MS):
                for record in records:
                    message = message_told_in(record.value)
                    if message is not None:
                        # What other partitions got may be far ahead, and would let the rest be forgotten.
                        window.move_to(min(record.timestamp, log_ms))
                        window.first(short_of(message), time_of(message))
            self._windows[partition] = window
        return window

    def forget(self) -> None:
        """Forget all: others may go on with these partitions."""
        self._windows.clear()


class MessagesTopic:
    """A platform's topic of messages, whatever its number of partitions.

    Its records have the times at which Kafka got their events: by these, a successor finds the last hour.

    Args:
        producer: writes to it.
        name: of the topic.
        partitions: how many it has.
        backdated_ms_max: how far back its records may be dated, that they do not expire before they are read.
    """

    def __init__(self, producer: RecordProducer, name: str, partitions: int, backdated_ms_max: int) -> None:
        self._producer = producer
        self._name = name
        self._partitions = partitions
        self._backdated_ms_max = backdated_ms_max

    def dated(self, event: ConsumerRecord, now_ms: int) -> int:
        """Return the time that the records of an event get."""
        came_ms: int = event.timestamp
        return min(max(came_ms, now_ms - self._backdated_ms_max), now_ms)

    async def write(self, partition: int, made: Sequence[_Made]) -> tuple[int, list[tuple[_Made, BadRecord]]]:
        """Return when Kafka has the records of a partition of events; and those that it does not take."""
        return await write_or_split(made, partial(self._produce, partition % self._partitions))

    async def _produce(self, partition: int, made: Sequence[_Made]) -> int:
        await self._producer.send(self._name, partition, [record for _, record in made])
        return len(made)


class CapturePlatform:
    """Captures the events of a chunk, of one platform.

    Args:
        platform: whose.
        rules: of its channels.
        times: the first times of its messages; None where the platform has steady ones.
        topic: of its messages.
        dead_letters: takes the events that come to no record.
        figures: where it is counted.
    """

    def __init__(
        self,
        platform: Platform,
        rules: Fresh[Rules],
        times: FirstTimesOfPartitions | None,
        topic: MessagesTopic,
        dead_letters: DeadLetterTopic,
        figures: CaptureFigures,
    ) -> None:
        self._platform = platform
        self._rules = rules
        self._times = times
        self._topic = topic
        self._dead_letters = dead_letters
        self._figures = figures
        self._parents: dict[str, str] = {}
        self._named: set[str] = set()
        figures.begin(platform)

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every event of `chunk` is records in Kafka, nothing, or a dead letter."""
        rules = (await self._rules.known()).of(self._platform.name)
        times: FirstTimes = _STEADY
        if self._times is not None:
            begins_ms = self._topic.dated(chunk.records[0], _now_ms())
            times = await self._times.of(chunk.partition, begins_ms)
        with_ = Capturing(
            self._platform.name, rules, times, remembers=self._times is not None, parents=self._parents
        )
        bad: list[DeadLetter] = []
        made = self._capture(chunk, with_, bad)
        if made:
            written, refused = await self._topic.write(chunk.partition, made)
            self._figures.records.labels(self._platform.name).inc(written)
            bad.extend(dead_letter_of(event, error) for (event, _), error in refused)
        await self._dead_letters.send(bad)
        self._figures.events_read.inc(len(chunk))

    def _capture(self, chunk: Chunk, to: Capturing, bad: list[DeadLetter]) -> list[_Made]:
        """Return what comes of the events, encoded; collect those of which nothing can come."""
        dated, now_ms = self._topic.dated, _now_ms()
        window = to.times if isinstance(to.times, FirstTimesWindow) else None
        tally: _Tally = Tally()
        made: list[_Made] = []
        for event in chunk:
            date_ms = dated(event, now_ms)
            if window is not None:
                window.move_to(date_ms)
            try:
                for value in self._records_of(event, to, tally):
                    made.append((event, OutRecord(event.key, value, (), date_ms)))  # noqa: PERF401  a bad one
            except BadRecord as error:
                bad.append(dead_letter_of(event, error))
        for (counter, reason), count in tally.items():
            counter.labels(*((self._platform.name, reason) if reason else (self._platform.name,))).inc(count)
        return made

    def _records_of(self, event: ConsumerRecord, to: Capturing, tally: _Tally) -> Iterator[bytes]:
        """Yield the records that come of an event, encoded.

        Raises:
            BadRecord: no more can come of it.
        """
        figures = self._figures
        kind, found, unknown = self._platform.extract(event.value)
        tally[figures.kinds, kind] += 1
        if unknown is not None:
            self._name(unknown)
        came_ms: int = came_at(event.headers, event.timestamp) if event.headers else event.timestamp
        for one in found:
            record, unrecorded, sampled_out = capture(one, to, came_ms)
            if unrecorded is not None:
                tally[figures.not_recorded, unrecorded] += 1
            elif sampled_out:
                tally[figures.sampled_out, ""] += 1
            if type(one) is Message and one.is_withheld:
                tally[figures.withheld, ""] += 1
            elif type(one) is ChannelParent:
                self._remember(one)
            if record is not None:
                yield encode_within_limits(record)

    def _remember(self, parent: ChannelParent) -> None:
        """Remember whose rules hold for a channel: what is told in its topic is known to the rules later."""
        if len(self._parents) >= PARENTS_MAX:
            del self._parents[next(iter(self._parents))]
        self._parents[parent.channel] = parent.parent

    def _name(self, unknown: str) -> None:
        if unknown not in self._named and len(self._named) < NAMED_MAX:
            self._named.add(unknown)
            log.warning(
                "An event of a kind that is not known: it comes to nothing, and is counted",
                extra={"platform": self._platform.name, "kind": unknown},
            )


_STEADY = SteadyTimes()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
