"""Puts back what somebody asked the API to replay, so that it goes on whichever process dies.

What is to be put back stands in the table; each API process looks there, and takes some that no other has in
hand. Records are put back first and marked then, in one transaction: one that is put back twice is harmless.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from app.dead_letters.box import REPLAY_BATCH, DeadLetterBox, ReplayStopped, replay
from app.kafka.topic_admin import KafkaUnavailable, partitions_there
from app.looking import Looker
from sinks.errors import ServiceDown, SinkError
from sinks.kafka.producer import RecordProducer
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import asyncpg

    from app.settings.kafka import KafkaSettings

log = logging.getLogger(__name__)

#: How often it looks when no request here asks for a replay: for those of processes that died, and retries.
LOOK_EVERY_S = 3.0
#: How long Kafka may take for a batch. The rows are locked meanwhile, and a frozen process loses them after
#: 15 s (outbox.sql, begin_for_all_tenants).
KAFKA_WITHIN_S = 10.0

_SQL = statements("dead_letters")
_BEGIN = statements("outbox").begin_for_all_tenants


class Replayer(Looker):
    """Puts dead letters back until stopped; an async context manager.

    Args:
        client: how to reach the brokers.
        kafka: the same, for who asks which topics there are.
        pool: connections that may read and mark dead letters.

    Attributes:
        is_held_up: whether there is something to put back, and Kafka does not take it.
    """

    def __init__(
        self, client: dict[str, Any], kafka: KafkaSettings, pool: asyncpg.Pool[asyncpg.Record]
    ) -> None:
        super().__init__("replayer", LOOK_EVERY_S)
        self._client = client
        self._kafka = kafka
        self._pool = pool
        self._held_up = Trouble(log, over="Dead letters are put back again")
        self._unread = Trouble(log, over="What is to be replayed can be read again")
        self.is_held_up = False

    async def look(self) -> None:
        """Put back what is to be; whatever is down, the next look tries again."""
        try:
            topics = [row["topic"] for row in await self._pool.fetch(_SQL.find_topics_of_replays)]
            self._unread.end()
            if topics:
                await self._put_back(topics)
            self.is_held_up = False
            self._held_up.end()
        except DRIVER_ERRORS as error:
            self._unread.note("What is to be replayed cannot be read", {"error": type(error).__name__})
        except (SinkError, KafkaUnavailable, ReplayStopped) as error:
            self.is_held_up = True
            self._held_up.note(
                "Dead letters cannot be put back now; it is tried again", {"error": repr(error)}
            )

    async def _put_back(self, topics: list[str]) -> None:
        partitions = await partitions_there(self._kafka, topics)
        producer = RecordProducer(self._client, compress=True)
        try:
            async with _kafka_in_time():
                await producer.start()
            while await self._put_back_some(producer, partitions, topics):
                continue
        finally:
            await producer.stop()

    async def _put_back_some(
        self, producer: RecordProducer, partitions: Mapping[str, int], topics: list[str]
    ) -> bool:
        """Put some back that came from these topics; return whether there were any."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_BEGIN)
            rows = await connection.fetch(_SQL.take_replays, REPLAY_BATCH, topics)
            ids = [row["id"] for row in rows]
            async with _kafka_in_time():
                async for batch in replay(DeadLetterBox(connection), producer, partitions, ids):
                    if batch.impossible:
                        refused = (list(batch.impossible), list(batch.impossible.values()))
                        await connection.execute(_SQL.refuse_replays, *refused)
            return bool(ids)


@asynccontextmanager
async def _kafka_in_time() -> AsyncIterator[None]:
    """Give Kafka so long; a TimeoutError as such would be taken for one of the database."""
    try:
        async with asyncio.timeout(KAFKA_WITHIN_S):
            yield
    except TimeoutError:
        raise ServiceDown(
            f"Kafka does not take records within {KAFKA_WITHIN_S:g} s: see the brokers and the network"
        ) from None
