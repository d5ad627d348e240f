"""The export role: jobs in, files in object storage out, and their rows kept up to date."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from agents.chunks import ChunkRunner
from agents.exports.attempt import ExportAttempts
from agents.exports.file import FileMaker
from agents.exports.jobs import Exports
from agents.exports.run import ExportFigures
from app.kafka.clients import client_settings
from app.kafka.topic_admin import partition_counts
from app.kafka.topics import topics_of
from app.postgres.connections import DatabaseRefuses, DatabaseUnavailable, connect, create_pool
from app.settings import ConfigurationError, Role
from app.storage import open_storage
from app.worker.roles import declare_agent, once_kafka_answers
from models.export_names import flat_key, object_key
from sinks.dead_letters import DeadLetterTopic
from sinks.errors import CannotGoOn, ServiceDown
from sinks.exports.log import ExportLog
from sinks.kafka.producer import RecordProducer
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    import faust

    from app.settings import Settings
    from app.worker.roles import Fail
    from models.exports import ExportJob

#: How long a start waits for storage to be found fit or unfit. Storage that is merely down is waited for
#: afterwards, where it can be seen.
CHECK_STORAGE_S = 5.0
#: How long the end of a session may take before it is cut off.
CLOSE_S = 2.0


class ExportWork:
    """One agent, a pool for the rows, a connection for each file, object storage."""

    def __init__(self, app: faust.App, settings: Settings, fail: Fail) -> None:
        self._app = app
        self._settings = settings
        self._fail = fail
        self._storage = open_storage(settings.storage, retry_s=settings.exports.retry_s)
        self.topics = topics_of(settings.topology)
        self.retry_policy = RetryPolicy("export")
        to_dead_letters, self._storing = RetryPolicy("dead letters"), RetryPolicy("storage")
        #: What is looked at from outside: every part that may wait, and the topics that are read.
        self.retry_policies = (self.retry_policy, to_dead_letters, self._storing)
        self.consumed = self.topics.read_by(Role.EXPORT)
        #: What the parts count.
        self.registry = CollectorRegistry()
        self._producer = RecordProducer(client_settings(settings.kafka), to_dead_letters, compress=True)
        self._pool: asyncpg.Pool | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        declare_agent(app, "export", self.topics.exports.name, lambda: self._jobs)

    async def start(self) -> None:
        """Wait for Kafka and check the storage; PostgreSQL and the storage may be down, jobs wait for them.

        Raises:
            ConfigurationError, DatabaseRefuses: storage or database refuses us; says which setting to mend.
        """
        settings = self._settings
        counts = await once_kafka_answers(
            self.retry_policy, lambda: partition_counts(settings.kafka, [self.topics.dead_letters.name])
        )
        await self._producer.start()
        self.dead_letters = DeadLetterTopic(
            self._producer,
            self.topics.dead_letters.name,
            counts[self.topics.dead_letters.name],
            self.registry,
        )
        self._pool = await create_pool(settings.database, application_name="chatlog-export", min_size=0)
        self.attempts = ExportAttempts(
            ExportLog(self._pool, self.retry_policy), self._files(), figures=ExportFigures(self.registry)
        )
        self.exports = Exports(
            self.attempts,
            self.dead_letters,
            concurrency=settings.exports.concurrency,
            registry=self.registry,
        )
        self._jobs = ChunkRunner("export", self.exports, in_order=False, fail=self._fail)
        try:
            await self._storage.__aenter__()
            checking = asyncio.create_task(self._check_storage(), name="check-storage")
            await asyncio.wait({checking}, timeout=CHECK_STORAGE_S)
            if checking.done():
                checking.result()
        except CannotGoOn as error:
            raise ConfigurationError(str(error)) from None
        self._tasks = {checking, asyncio.create_task(self._fail_if_unfit(checking))}

    async def release(self) -> None:
        """Let go of all partitions. What is under way goes on, unless the worker stops."""
        await self._jobs.release()
        if self._app.should_stop:
            await self.exports.stop()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await self._producer.stop()
        if self._pool is not None:
            self._pool.terminate()
        await self._storage.__aexit__(None, None, None)

    def alive_at(self, partition: int) -> float:
        """Return when the jobs of a partition last showed life, by `time.monotonic()`."""
        return self.exports.alive_at(partition) if self._pool is not None else float("-inf")

    def _files(self) -> FileMaker:
        settings = self._settings
        own_keys = settings.exports.keys == "owner"
        return FileMaker(
            self._storage,
            self._connect,
            _own_key if own_keys else _flat_key,
            own_keys,
            link_lives_s=settings.exports.link_hours * 3600,
        )

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Give a connection that may take its time, and be busy when it is given back."""
        try:
            connection = await connect(
                self._settings.database, application_name="chatlog-export", statement_timeout_s=0
            )
        except DatabaseRefuses as error:
            raise CannotGoOn(str(error)) from None
        except DatabaseUnavailable as error:
            raise ServiceDown(f"PostgreSQL cannot be used: {error}") from None
        try:
            yield connection
            with suppress(*DRIVER_ERRORS):
                await connection.close(timeout=CLOSE_S)
        finally:
            connection.terminate()

    async def _check_storage(self) -> None:
        await self._storing.run(self._storage.check)
        self.exports.may_begin.set()

    async def _fail_if_unfit(self, checking: asyncio.Task[None]) -> None:
        try:
            await checking
        except CannotGoOn as error:
            await self._fail(error)


def _own_key(job: ExportJob) -> str:
    return object_key(job.user, job.export_id, job.survey, job.source, job.options)


def _flat_key(job: ExportJob) -> str:
    return flat_key(job.survey, job.source, job.options)
