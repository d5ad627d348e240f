"""Kafka, PostgreSQL and storage for one run: embedded, unless settings name real ones; schema and topics."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import migrations
from agents.side_by_side import side_by_side
from app.kafka.topic_admin import check_partitions, ensure_topics
from app.kafka.topic_differences import TopicState
from app.local.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedStorage, FetchProgress
from app.local.embedded.ports import is_free
from app.local.environment import settings_of_run
from app.postgres.connections import connect, server_of

if TYPE_CHECKING:
    from pathlib import Path

    from app.local.ports import LastPorts
    from app.local.screen import Screen, Step
    from app.settings import Settings

#: How often the fetching of Kafka is told where the output isn't a terminal.
_TELL_EVERY_S = 2.0


class Services:
    """The services of a run.

    Attributes:
        settings: how everything in the run reaches them; complete once all have started.
        kafka: the embedded broker, or None where settings name one.
        postgres: the embedded server, or None where settings name one.
        storage: the embedded server, or None where settings name a bucket.
    """

    def __init__(self, settings: Settings, directory: Path, screen: Screen, ports: LastPorts) -> None:
        self._screen = screen
        self._ports = ports
        self._fetching_told_at = 0.0
        self.kafka = (
            None
            if settings.kafka.bootstrap_servers
            else EmbeddedKafka(
                directory / "kafka", port=self._last_port(EmbeddedKafka.name), on_fetch=self._tell_fetching
            )
        )
        self.postgres = (
            EmbeddedPostgres(directory / "postgres", port=self._last_port(EmbeddedPostgres.name))
            if settings.database.url is None
            else None
        )
        self.storage = (
            EmbeddedStorage(directory / "storage", port=self._last_port(EmbeddedStorage.name))
            if settings.storage.bucket is None
            else None
        )
        self._kafka_step: Step | None = None
        self._given, self._directory = settings, directory

    @property
    def settings(self) -> Settings:
        """The settings with the addresses of what is embedded, which must have been started."""
        return self._settings(self.postgres, self.storage)

    @property
    def embedded(self) -> list[EmbeddedKafka | EmbeddedStorage | EmbeddedPostgres]:
        """The services to stop, in that order."""
        return [service for service in (self.kafka, self.storage, self.postgres) if service is not None]

    async def start(self) -> None:
        """Start what is embedded, side by side, and bring schema and topics to where the workers need them.

        Raises:
            ChatlogError: it cannot be.
        """
        await side_by_side(self._prepare_postgres(), self._prepare_kafka(), self._prepare_storage())
        for service in self.embedded:
            self._ports.keep(service.name, service.port)

    def _last_port(self, service: str) -> int | None:
        """Return the port that the service had the last time, if it can have it again."""
        port = self._ports.of(service)
        if port is None or is_free(port):
            return port
        self._screen.say(f"! Port {port}, which {service} had the last time, is taken: it gets another")
        return None

    def _settings(self, postgres: EmbeddedPostgres | None, storage: EmbeddedStorage | None) -> Settings:
        return settings_of_run(
            self._given,
            self._directory,
            embedded_kafka=self.kafka.bootstrap_servers if self.kafka else None,
            embedded_database=postgres.url if postgres else None,
            embedded_storage=storage,
        )

    async def _prepare_postgres(self) -> None:
        if self.postgres is not None:
            with self._screen.step("Starting PostgreSQL") as step:
                await self.postgres.start()
                step.done = f"PostgreSQL runs on 127.0.0.1:{self.postgres.port}"
        await self._migrate()

    async def _migrate(self) -> None:
        # The storage may not have been started yet, and is not needed for this.
        settings = self._settings(self.postgres, storage=None)
        with self._screen.step("Migrating the database") as step:
            # No limit on statements: waiting for another migration and moving rows take their time.
            connector = partial(
                connect, settings.database, application_name="chatlog-up", statement_timeout_s=0
            )
            await migrations.up(connector, say=step.update)
            status = await migrations.status(connector)
            where = "" if self.postgres else f" on {server_of(settings.database.require_url())}"
            step.done = f"The schema{where} is at revision {status.current}"

    async def _prepare_kafka(self) -> None:
        if self.kafka is not None:
            with self._screen.step("Starting Kafka") as self._kafka_step:
                await self.kafka.start()
                self._kafka_step.done = f"Kafka runs on {self.kafka.bootstrap_servers}"
        await self._make_topics()

    async def _make_topics(self) -> None:
        # The others may not have been started yet, and are not needed for this.
        settings = self._settings(postgres=None, storage=None)
        with self._screen.step("Making the topics") as step:
            reports = await ensure_topics(settings.kafka, settings.topology)
            await check_partitions(settings.kafka, settings.topology)
            made = sum(report.state is TopicState.CREATED for report in reports)
            where = "" if self.kafka else f" on {','.join(settings.kafka.require_servers())}"
            step.done = f"{len(reports)} topics{where}, {made} of them new"
            if not all(report.is_fit for report in reports):
                step.done += "; some are not as they should be: `chatlog topics` says how to mend them"

    async def _prepare_storage(self) -> None:
        if self.storage is not None:
            with self._screen.step("Starting the storage") as step:
                await self.storage.start()
                step.done = f"The storage runs on 127.0.0.1:{self.storage.port}"

    def _tell_fetching(self, progress: FetchProgress) -> None:
        text = (
            f"Fetching Kafka, once: {progress.done} of {progress.total} files, "
            f"{progress.size_bytes / 1e6:.0f} MB"
        )
        if self._kafka_step is not None:
            self._kafka_step.update(text if progress.done < progress.total else "Starting Kafka")
        is_due = time.monotonic() - self._fetching_told_at > _TELL_EVERY_S
        if not self._screen.is_live and (is_due or progress.done == progress.total):
            self._fetching_told_at = time.monotonic()
            self._screen.say(f"  {text}")
