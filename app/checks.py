"""What is wrong with everything this program depends on, and how to mend it: settings, topics, database.

Only looks. Whatever is down is a finding, and holds up nothing else; each part answers within `LIMIT_S`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import asyncpg

import migrations
from app.database import DatabaseUnavailable, connect, server_of
from app.findings import Finding, Level
from app.group_checks import check_groups
from app.groups import find_groups
from app.schema_checks import check_schema
from app.settings import ConfigurationError
from app.topic_admin import KafkaUnavailable, admin_of, inspect_topics
from app.topics import topics_of
from app.way_checks import check_ways

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from app.settings import Settings
    from app.topic_differences import TopicReport

#: How long each of Kafka and PostgreSQL may take for everything that is asked of it.
LIMIT_S = 8.0


async def run_checks(settings: Settings) -> list[Finding]:
    """Compare settings, topics and database with what this version needs. Never raises for what it finds."""
    kafka, database = await asyncio.gather(
        _within_limit("Kafka", lambda: _check_kafka(settings)),
        _within_limit("PostgreSQL", lambda: _check_database(settings)),
    )
    return [*_check_settings(settings), *kafka, *database]


async def _within_limit(service: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        async with asyncio.timeout(LIMIT_S):
            return await check()
    except (ConfigurationError, KafkaUnavailable, DatabaseUnavailable) as error:
        return [Finding("connection", Level.WRONG, str(error))]
    except TimeoutError:
        message = f"{service} does not answer within {LIMIT_S:g} s: see whether it is overloaded or locked"
        return [Finding("connection", Level.WRONG, message)]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        said = error.args[0] if error.args else type(error).__name__
        return [
            Finding(
                "connection", Level.WRONG, f"{service} broke off while it was asked: {said}", "run it again"
            )
        ]


def _check_settings(settings: Settings) -> Iterator[Finding]:
    if settings.capture_is_on:
        yield Finding("settings", Level.OK, "capture is on")
    else:
        yield Finding(
            "settings",
            Level.NOTE,
            "capture is off, because VLAB_CHAT_LOG_TOPIC is unset or empty",
            f"to turn it on: VLAB_CHAT_LOG_TOPIC={topics_of(settings).chat_log.name}",
        )


async def _check_kafka(settings: Settings) -> list[Finding]:
    reports = await inspect_topics(settings)
    async with admin_of(settings) as admin:
        groups = await find_groups(admin)
    counts = {report.spec.name: report.found.partitions for report in reports if report.found}
    servers = ",".join(settings.require_kafka())
    return [
        Finding("connection", Level.OK, f"Kafka at {servers} answers"),
        *(finding for report in reports for finding in _topic_findings(report)),
        *await check_ways(settings, counts),
        *check_groups(settings, groups),
    ]


def _topic_findings(report: TopicReport) -> Iterator[Finding]:
    name = report.spec.name
    if report.found is None:
        yield Finding("topic", Level.WRONG, f"{name} is missing", "chatlog topics")
    elif not report.differences:
        yield Finding("topic", Level.OK, f"{name} is as needed")
    for difference in report.differences:
        level = Level.WRONG if difference.matters else Level.NOTE
        yield Finding("topic", level, f"{name}: {difference.what}", difference.mend)


async def _check_database(settings: Settings) -> list[Finding]:
    open_connection = partial(connect, settings, application_name="chatlog-check")
    connection = await open_connection()
    try:
        schema_findings = await check_schema(connection)
    finally:
        connection.terminate()
    server = server_of(settings.require_database_url())
    return [
        Finding("connection", Level.OK, f"PostgreSQL at {server} answers"),
        await _check_revision(open_connection),
        *schema_findings,
    ]


async def _check_revision(open_connection: migrations.Connect) -> Finding:
    try:
        status = await migrations.status(open_connection)
    except migrations.MigrationError as error:
        return Finding("schema", Level.WRONG, str(error))
    if status.is_up_to_date:
        return Finding("schema", Level.OK, f"at revision {status.head}, as needed")
    if all(step.applied for step in status.steps):
        return Finding(
            "schema",
            Level.NOTE,
            f"at revision {status.current}, which is newer than this chatlog knows ({status.head})",
            "use the chatlog that migrated it",
        )
    at = f"at revision {status.current}" if status.current else "not there"
    return Finding("schema", Level.WRONG, f"{at}, and {status.head} is needed", "chatlog migrate up")
