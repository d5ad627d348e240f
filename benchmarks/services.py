"""Kafka and PostgreSQL for the benchmarks: embedded, in a scratch directory, fresh for each contender.

How PostgreSQL is set differs from its defaults where those would put noise between contenders: each
difference is in `POSTGRES_SETTINGS` with its reason, and in the results.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import topics_of
from app.local.embedded import EmbeddedKafka, EmbeddedPostgres, scratch_directory
from app.postgres.connections import connect
from app.settings import Settings, by_area
from migrations.history import up
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import asyncpg

PARTITIONS = 4

POSTGRES_SETTINGS = {
    "track_commit_timestamp": "on",  # tells when each row was committed, exactly, without polling
    "autovacuum": "off",  # would come upon some contenders and not upon others
    "max_wal_size": "8GB",  # and so would checkpoints
    "shared_buffers": "512MB",
}

#: What contenders fill.
_FILLED = (
    "chat_log",
    *("messages", "conversations", "message_days", "message_day_deltas", "message_versions"),
    *("message_clears", "message_feedback", "told_by_updates", "people", "presences", "stays", "stay_deltas"),
    *(
        "assistant.chat_sessions",
        "sampled_out",
        "channel_parents",
        "chat_logging_config",
        "chat_logging_config_versions",
        "thread_events",
        "idempotency_keys",
    ),
    *("backfill_runs", "crm_leads", "crm_audits"),
)

#: The broker notes when it got each record: the exact times of what capture produces.
_STAMPED = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(4 * 1024 * 1024)}


@dataclass(frozen=True, slots=True)
class Services:
    """Running services, with schema and topics.

    Attributes:
        settings: how contenders reach them; as shipped, but for what is named after the run.
        directory: for logs and data; removed at the end.
    """

    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres
    settings: Settings
    directory: Path

    async def fresh(self, name: str, **values: object) -> Settings:
        """Return the settings of one contender: groups and output topics of its own, and empty tables.

        Args:
            name: part of the names; each at most once in a run.
            values: other variables, in small letters.
        """
        settings = self.settings.replace(
            **by_area(
                {
                    "capture_group": f"capture-{name}",
                    "capture_platforms_group": f"capture-platforms-{name}",
                    "persist_group": f"persist-{name}",
                    "vlab_chat_log_topic": f"entries-{name}",
                    **values,
                }
            )
        )
        topics = topics_of(settings.topology)
        stamped = [spec.name for spec in topics.messages.values()]
        if "vlab_chat_log_topic" not in values:
            stamped += [topics.chat_log.name, topics.state_changelog.name]
        if stamped:
            await self.create_topics(*stamped, config=_STAMPED)
        await ensure_topics(settings.kafka, settings.topology)
        await self.empty_tables()
        return settings

    async def create_topics(self, *names: str, config: Mapping[str, str] | None = None) -> None:
        """Create topics with `PARTITIONS` partitions; those that are there stay as they are."""
        async with self._admin() as admin:
            await admin.create_topics([NewTopic(n, PARTITIONS, 1, topic_configs=config) for n in names])

    async def drop_topics(self, *names: str) -> None:
        """Delete what a contender produced."""
        async with self._admin() as admin:
            await admin.delete_topics(list(names))

    async def empty_tables(self) -> None:
        """Leave no row, no half-full index and nothing to write back; and no rules of channels."""
        connection = await self.connect()
        try:
            await connection.execute(f"TRUNCATE {', '.join(_FILLED)} CASCADE")
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Open a connection for looking."""
        return await connect(self.settings.database, application_name="benchmarks", statement_timeout_s=0)

    async def postgres_version(self) -> str:
        """Return what the server calls itself."""
        connection = await self.connect()
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def services() -> AsyncIterator[Services]:
    """Start Kafka and PostgreSQL, and leave nothing of them at the end, however that comes."""
    with scratch_directory() as directory:
        kafka, postgres = EmbeddedKafka(directory / "kafka"), EmbeddedPostgres(directory / "postgres")
        async with kafka, postgres:
            variables = {
                "database_url": postgres.url,
                "kafka_bootstrap_servers": kafka.bootstrap_servers,
                "vlab_env": "bench",
                "vlab_chat_log_topic": "vlab-bench-chat-log",
                "topic_partitions": PARTITIONS,
                "topic_replication": 1,
                "log_format": "text",
                "data_dir": directory,
            }
            values: dict[str, Any] = {"_env_file": None, **by_area(variables)}
            settings = Settings(**values)
            started = Services(kafka, postgres, settings, directory)
            await _prepare(started)
            yield started


async def _prepare(started: Services) -> None:
    connection = await started.connect()
    try:
        for name, value in POSTGRES_SETTINGS.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    finally:
        await connection.close()
    await started.postgres.restart()
    await up(lambda: connect(started.settings.database, statement_timeout_s=0), say=lambda _: None)
    connection = await started.connect()
    try:
        await connection.execute(statements("partitions").make_partitions)
    finally:
        await connection.close()
    await ensure_topics(started.settings.kafka, started.settings.topology)
