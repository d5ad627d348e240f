"""Where a consumer group stands, as the brokers know it: ends, beginnings, committed offsets, timestamps.

Asked by clients of its own, never of Faust's memory, which remembers a failed commit as a success. It only
asks; what the answers mean is `app.worker.watch.lag`'s matter.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from faust.types import TP

from app.kafka.clients import client_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from app.settings.kafka import KafkaSettings

#: How long one request may take.
REQUEST_TIMEOUT_S = 4.0
#: How long all timestamps may take; those that do not come in time come with the next question.
TIMESTAMPS_TIMEOUT_S = 2.0
#: How often to look whether a topic has got more partitions.
PARTITIONS_EVERY_S = 60.0
#: Bytes fetched of a partition for one timestamp. The brokers send a whole batch in any case.
FETCH_BYTES = 16 * 1024
#: How long disconnecting may take when the brokers are gone.
CLOSE_TIMEOUT_S = 1.0

#: What a group that never committed has.
NEVER_COMMITTED = -1


@dataclass(frozen=True, slots=True)
class Offsets:
    """What the brokers say of one partition.

    Attributes:
        beginning: the first offset that is still there.
        end: up to where can be read: after the last record, or where the first open transaction begins.
        committed: None while the group never committed.
        written: the offset after the last record, though it be behind an open transaction.
    """

    beginning: int
    end: int
    committed: int | None
    written: int


class GroupOffsets:
    """Asks for one group and its topics. Connects when first asked, and anew after `close`.

    Args:
        kafka: how to reach the brokers.
        group: the consumer group.
        topics: what it reads; one that is missing is left out of the answers.
    """

    def __init__(self, kafka: KafkaSettings, group: str, topics: Collection[str]) -> None:
        self._kafka = kafka
        self._group = group
        self._topics = frozenset(topics)
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        #: Sees also what open transactions hold back.
        self._sees_all: AIOKafkaConsumer | None = None
        self._partitions: list[TP] = []
        self._partitions_asked_at = -PARTITIONS_EVERY_S

    async def ask(self) -> dict[TP, Offsets]:
        """Return the offsets of every partition of the topics, whoever reads it.

        The commits are of a later moment than the ends: what lies between the two was there, and is not done.
        A commit past its end is of a log that was longer.

        Raises:
            KafkaError, OSError, TimeoutError: the brokers do not answer; `close`, then ask again.
        """
        admin, consumer, sees_all = await self._connected()
        if time.monotonic() - self._partitions_asked_at >= PARTITIONS_EVERY_S:
            self._partitions = await self._find_partitions(admin)
            if {tp.topic for tp in self._partitions} == self._topics:
                self._partitions_asked_at = time.monotonic()
        if not self._partitions:
            return {}
        # The ends first: what comes in while a broker is slow, or away, would otherwise count as lag.
        # And what is written before what can be read: else what comes in between would count as held back.
        written = await sees_all.end_offsets(self._partitions)
        ends = await consumer.end_offsets(self._partitions)
        beginnings = await consumer.beginning_offsets(self._partitions)
        committed = await committed_by(admin, self._group, self._partitions)
        if past := [tp for tp in self._partitions if committed[tp] > ends[tp]]:
            # Most often of records that came in since; if not, the end says so when it is asked again.
            again = await consumer.end_offsets(past)
            ends |= {tp: min(again[tp], committed[tp]) for tp in past}
        return {
            tp: Offsets(
                beginning=beginnings[tp],
                end=ends[tp],
                committed=None if committed[tp] == NEVER_COMMITTED else committed[tp],
                written=written[tp],
            )
            for tp in self._partitions
        }

    async def timestamps(self, offsets: Mapping[TP, int]) -> dict[TP, int]:
        """Return the timestamp (ms) of the first record at or after each offset.

        What does not come in time, or cannot be read, is left out: the offsets count without it.
        """
        _, consumer, _ = await self._connected()
        found: dict[TP, int] = {}
        consumer.assign(list(offsets))
        try:
            for tp, offset in offsets.items():
                consumer.seek(tp, offset)
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(TIMESTAMPS_TIMEOUT_S):
                    while len(found) < len(offsets):
                        fetched = await consumer.getmany(timeout_ms=250)
                        consumer.pause(*fetched)
                        found |= {TP(*tp): records[0].timestamp for tp, records in fetched.items()}
        finally:
            # Or it would go on fetching in the background.
            consumer.unsubscribe()
        return found

    async def close(self) -> None:
        """Disconnect. Idempotent; the next question connects again."""
        clients = [c for c in (self._admin, self._consumer, self._sees_all) if c is not None]
        self._admin = self._consumer = self._sees_all = None
        for client in clients:
            stop = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(stop(), CLOSE_TIMEOUT_S)

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaConsumer]:
        if self._admin is None or self._consumer is None or self._sees_all is None:
            timeout_ms = round(REQUEST_TIMEOUT_S * 1000)
            client = client_settings(self._kafka) | {"request_timeout_ms": timeout_ms}
            self._admin = AIOKafkaAdminClient(**client)
            # Without a group: it must never be taken for a member, nor commit.
            self._consumer = AIOKafkaConsumer(
                **client,
                max_partition_fetch_bytes=FETCH_BYTES,
                enable_auto_commit=False,
                isolation_level="read_committed",
            )
            self._sees_all = AIOKafkaConsumer(**client, enable_auto_commit=False)
            for one in (self._admin, self._consumer, self._sees_all):
                await one.start()
        return self._admin, self._consumer, self._sees_all

    async def _find_partitions(self, admin: AIOKafkaAdminClient) -> list[TP]:
        # All topics are asked for: to ask for one by name can make it, where brokers create topics as asked.
        return sorted(
            TP(topic["topic"], partition["partition"])
            for topic in await admin.describe_topics()
            if topic["topic"] in self._topics
            for partition in topic["partitions"]
        )


async def committed_by(admin: AIOKafkaAdminClient, group: str, partitions: Collection[TP]) -> dict[TP, int]:
    """Return what the group committed in each partition, or `NEVER_COMMITTED`.

    As the client's own `list_consumer_group_offsets`, which calls the error of a partition "NoError" and
    overlooks one of the answer as a whole (aiokafka 0.14).

    Raises:
        KafkaError: what the coordinator says of the group, or of a partition.
    """
    by_topic = defaultdict(list)
    for tp in partitions:
        by_topic[tp.topic].append(tp.partition)
    coordinator = await admin.find_coordinator(group)
    request = OffsetFetchRequest(group, list(by_topic.items()))
    answer = await admin._send_request(request, coordinator)  # noqa: SLF001  there is no public way to ask
    if code := answer.error_code:
        raise for_code(code)(f"the group {group}")
    committed: dict[TP, int] = {}
    for topic, answers in answer.topics:
        for partition, offset, _, code in answers:
            if code:
                raise for_code(code)(f"the group {group} in {topic}[{partition}]")
            committed[TP(topic, partition)] = offset
    return committed
