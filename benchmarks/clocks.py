"""When work was done, told by those who keep it: PostgreSQL's commit times, Kafka's append times and offsets.

Nothing here asks a contender, and nothing is polled while the exact answer can be had afterwards.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from benchmarks.processes import DidNotFinish
from benchmarks.services import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from benchmarks.processes import Contender
    from benchmarks.services import Services

#: How often the broker is asked how far a group is.
_POLL_S = 0.25

_COMMITS = {
    "chat_log": """
        SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at, count(*) AS rows
        FROM chat_log GROUP BY xmin ORDER BY 1
    """,
    "messages": """
        SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at, count(*) AS rows
        FROM messages GROUP BY xmin ORDER BY 1
    """,
}


@dataclass(frozen=True, slots=True)
class Span:
    """Work that was seen from its first part to its last; times are seconds since 1970.

    Attributes:
        counted: what was done after the first part, up to the last.
        total: all of it.
    """

    first: float
    last: float
    counted: int
    total: int

    @property
    def per_s(self) -> float:
        """How much was done in a second."""
        return self.counted / (self.last - self.first)


async def committed_rows(services: Services, table: str = "chat_log") -> Span:
    """Return from which commit to which the rows of chat_log, or of messages, came."""
    connection = await services.connect()
    try:
        commits = await connection.fetch(_COMMITS[table])
    finally:
        await connection.close()
    if len(commits) < 2:
        raise DidNotFinish("fewer than two batches were committed: measure with more --messages")
    total = sum(commit["rows"] for commit in commits)
    return Span(commits[0]["at"], commits[-1]["at"], total - commits[0]["rows"], total)


async def appended(services: Services, counted: str, *others: str) -> Span:
    """Return from when to when the broker got the records of some topics that it stamps.

    Args:
        services: with the broker.
        counted: the topic whose records count.
        others: topics that belong to the same work, as the state table's changelog: begun when the first
            record of any came, done when the last did.
    """
    async with _consumer(services) as consumer:
        tps = [TopicPartition(topic, number) for topic in (counted, *others) for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(tps)
        beginnings = await consumer.beginning_offsets(tps)
        full = [tp for tp in tps if ends[tp] > beginnings[tp]]
        if not full:
            raise DidNotFinish(f"nothing was appended to {counted}")
        stamps = [await _stamp(consumer, tp, beginnings[tp]) for tp in full]
        stamps += [await _stamp(consumer, tp, ends[tp] - 1) for tp in full]
    total = sum(ends[tp] for tp in tps if tp.topic == counted)
    return Span(min(stamps), max(stamps), total, total)


async def until_done(
    services: Services, group: str, topics: Sequence[str], contenders: Sequence[Contender], timeout_s: float
) -> None:
    """Return when a group has committed the ends of all `topics`.

    Raises:
        DidNotFinish: a contender ended, or it took longer than `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    tps = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=services.kafka.bootstrap_servers)
    async with _consumer(services) as consumer:
        ends = await consumer.end_offsets(tps)
        await admin.start()
        try:
            while True:
                left = await _left(admin, group, ends)
                if not left:
                    return
                for contender in contenders:
                    contender.check()
                if time.monotonic() > deadline:
                    raise DidNotFinish(
                        f"{contenders[0].name} had {left:,} records left after {timeout_s:.0f} s; is the "
                        f"machine busy with something else? The end of its log:\n{contenders[0].last_lines()}"
                    )
                await asyncio.sleep(_POLL_S)
        finally:
            await admin.close()


async def _left(admin: AIOKafkaAdminClient, group: str, ends: Mapping[TopicPartition, int]) -> int:
    try:
        committed = await admin.list_consumer_group_offsets(group, partitions=list(ends))
    except KafkaError as error:
        if not error.retriable:
            raise
        committed = {}  # a new broker makes the topic that holds offsets when it is first asked
    return sum(end - max(0, committed[tp].offset if tp in committed else 0) for tp, end in ends.items())


@asynccontextmanager
async def _consumer(services: Services) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=services.kafka.bootstrap_servers)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _stamp(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> float:
    consumer.assign([tp])
    consumer.seek(tp, offset)
    record = await consumer.getone(tp)
    return float(record.timestamp) / 1000
