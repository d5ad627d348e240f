"""The outbox of exports: sends the job of every row that waits for it, so that no row stays without one.

A request only inserts its row; here every unpublished row is read, its job produced, and the row marked, in
one transaction. So a job has always a row, and a row gets its job although Kafka is down or this process dies
in between: another sends it then, or a second time, which the export agent allows for. Each API process runs
one; rows that another one has in hand are left to it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from app.kafka.clients import client_settings
from app.kafka.former_names import refuse_to_begin_anew
from app.kafka.topic_admin import KafkaUnavailable
from app.kafka.topics import topics_of
from app.settings import ConfigurationError, Role
from models.exports import ExportJob, Source
from sinks.kafka.delivery import end_producer
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from app.settings import Settings

log = logging.getLogger(__name__)

#: How often the outbox is looked at when no request here fills it: rows of processes that died, and retries.
SWEEP_EVERY_S = 3.0
#: How long the brokers may take to connect, or to take jobs; rows are locked meanwhile.
KAFKA_WITHIN_S = 5.0

_SQL = statements("outbox")
_LET_GO = _SQL.let_go_when_frozen
_TAKE = _SQL.take_unpublished
_MARK = _SQL.mark_published
_COUNT = _SQL.count_unpublished
_REFUSE = _SQL.refuse_unpublished


class Outbox:
    """Sends the jobs of unpublished rows, until stopped; an async context manager.

    Args:
        settings: where Kafka is, and which topic takes jobs.
        pool: connections that may read and update export_status.

    Attributes:
        pending: how many rows wait for Kafka, as last seen; None before it was.
        is_well: whether jobs could be sent when it last looked; None before it did.
    """

    def __init__(self, settings: Settings, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._settings = settings
        self._client = client_settings(settings)
        self._topic = topics_of(settings).exports.name
        self._pool = pool
        self._producer: AIOKafkaProducer | None = None
        self._wanted = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self.pending: int | None = None
        self.is_well: bool | None = None

    def wake(self) -> None:
        """Have it look now: a row was added."""
        self._wanted.set()

    async def __aenter__(self) -> Self:
        self._sweeping = asyncio.create_task(self._sweep_again_and_again(), name="outbox")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        await self._disconnect()

    async def _sweep_again_and_again(self) -> None:
        while True:
            self._wanted.clear()
            await self._sweep_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._wanted.wait()

    async def _sweep_once(self) -> None:
        """Send what waits; whatever is down, the next sweep tries again."""
        try:
            # Before any row is locked, so that an outage of Kafka holds up neither owners nor workers.
            producer = await self._connected()
            while await self._publish_some(producer):
                continue
            self._note_kafka(None)
        except (KafkaError, KafkaUnavailable, ConfigurationError, TimeoutError) as error:
            self._note_kafka(error)
            await self._disconnect()
        except DRIVER_ERRORS as error:
            log.warning("The outbox of exports cannot be read", extra={"error": type(error).__name__})
        with suppress(*DRIVER_ERRORS):
            self.pending = await self._pool.fetchval(_COUNT)

    async def _publish_some(self, producer: AIOKafkaProducer) -> bool:
        """Send the jobs of some rows; tell whether there were any."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LET_GO)
            rows = await connection.fetch(_TAKE)
            if not rows:
                return False
            jobs, no_jobs = _jobs_of(rows)
            async with asyncio.timeout(KAFKA_WITHIN_S):
                sent = [await producer.send(self._topic, **job) for job in jobs]
                await asyncio.gather(*sent)
            await connection.execute(_MARK, [row["id"] for row in rows])
            if no_jobs:
                await connection.execute(_REFUSE, no_jobs)
                log.error(
                    "Exports that this version cannot ask for have failed", extra={"records": len(no_jobs)}
                )
            return True

    async def _connected(self) -> AIOKafkaProducer:
        """Return a producer whose brokers have just answered."""
        async with asyncio.timeout(KAFKA_WITHIN_S):
            if self._producer is None:
                if self._settings.vlab_exports_topic is None:
                    # Workers that kept the topic's former name would never see what goes to the new one.
                    await refuse_to_begin_anew(self._settings, Role.EXPORT)
                producer = AIOKafkaProducer(**self._client, acks="all", enable_idempotence=True)
                try:
                    await producer.start()
                    self._producer = producer
                finally:
                    if self._producer is None:
                        await end_producer(producer)
            await self._producer.partitions_for(self._topic)
            if not await self._producer.client.force_metadata_update():
                raise KafkaConnectionError("no broker answers")
            return self._producer

    async def _disconnect(self) -> None:
        """End the producer, so that nothing it could not deliver is delivered behind our back."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await end_producer(producer)

    def _note_kafka(self, error: Exception | None) -> None:
        was_well, self.is_well = self.is_well, error is None
        if error is not None and was_well is not False:
            log.warning(
                "Jobs of exports wait, as they cannot be sent; their rows are kept",
                extra={"topic": self._topic, "error": repr(error)},
            )
        if error is None and was_well is False:
            log.info("Jobs of exports are sent again", extra={"topic": self._topic})


def _jobs_of(rows: Sequence[asyncpg.Record]) -> tuple[list[dict[str, Any]], list[UUID]]:
    """Return the records of the rows, and the ids of those that are none: one must not hold up the rest."""
    jobs, no_jobs = [], []
    for row in rows:
        try:
            jobs.append(_record_of(row))
        except ValueError:  # an unknown source or option: another version's, or another program's
            no_jobs.append(row["id"])
    return jobs, no_jobs


def _record_of(row: asyncpg.Record) -> dict[str, Any]:
    job = ExportJob(
        export_id=row["id"],
        user=row["user_id"],
        survey=row["survey_id"],
        source=Source(row["source"]),
        options=orjson.loads(row["options"]),
    )
    return {"key": str(row["id"]).encode(), "value": orjson.dumps(job.encode())}
