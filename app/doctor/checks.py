"""What is wrong with everything that this program depends on, and how to mend it.

Only looks; but to see whether object storage takes files, it writes one and deletes it. Whatever is down is a
finding, and holds up nothing else; each part answers within `LIMIT_S`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import asyncpg

import migrations
from app.doctor.erasure_checks import check_erasures
from app.doctor.findings import Finding, Level
from app.doctor.gap_checks import check_gaps
from app.doctor.group_checks import check_groups
from app.doctor.lag_checks import check_lag
from app.doctor.provider_checks import check_provider
from app.doctor.schema_checks import check_schema
from app.doctor.storage_checks import check_storage
from app.doctor.way_checks import check_ways
from app.kafka.groups import find_groups
from app.kafka.topic_admin import admin_of, inspect_topics
from app.kafka.topics import topics_of
from app.postgres.connections import connect, server_of
from app.settings import ConfigurationError
from models.errors import ChatlogError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from app.kafka.topic_differences import TopicReport
    from app.settings import Settings
    from app.settings.database import DatabaseSettings
    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings

#: How long each part may take for everything that it asks.
LIMIT_S = 8.0


async def run_checks(settings: Settings) -> list[Finding]:
    """Compare everything outside with what this version needs. Never raises for what it finds."""
    told = list(check_settings(settings))
    parts = [_within_limit(service, check) for service, check in _parts(settings)]
    for findings in await asyncio.gather(*parts):
        told += findings
    return told


def _parts(settings: Settings) -> Iterator[tuple[str, Callable[[], Awaitable[list[Finding]]]]]:
    """Return what is looked at side by side: the service's name for people, and the check."""
    yield "Kafka", partial(_check_kafka, settings.kafka, settings.topology)
    yield "PostgreSQL", partial(_check_database, settings.database)
    if settings.storage.bucket is not None:
        yield "Object storage", partial(check_storage, settings.storage, settings.exports)
    if settings.oidc.issuer is not None:
        yield "The identity provider", partial(check_provider, settings.oidc, settings.api)


async def _within_limit(service: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        async with asyncio.timeout(LIMIT_S):
            return await check()
    except ChatlogError as error:
        return [Finding("connection", Level.WRONG, str(error))]
    except TimeoutError:
        message = f"{service} does not answer within {LIMIT_S:g} s: see whether it is overloaded or locked"
        return [Finding("connection", Level.WRONG, message)]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, aiohttp.ClientError, OSError) as error:
        said = error.args[0] if error.args else type(error).__name__
        return [
            Finding(
                "connection", Level.WRONG, f"{service} broke off while it was asked: {said}", "run it again"
            )
        ]


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Tell what the settings mean, and whether what they are for could start."""
    if settings.topology.capture_is_on:
        yield Finding("settings", Level.OK, "capture is on")
    else:
        yield Finding(
            "settings",
            Level.NOTE,
            "capture is off, because VLAB_CHAT_LOG_TOPIC is unset or empty",
            f"to turn it on: VLAB_CHAT_LOG_TOPIC={topics_of(settings.topology).chat_log.name}",
        )
    # With one of these set, somebody means to run the API here.
    if settings.api.model_fields_set | settings.oidc.model_fields_set:
        yield _check_api(settings)


def _check_api(settings: Settings) -> Finding:
    """Tell whether the API could start with these settings; nothing is started."""
    # They take a second to import.
    from app.site import create_app  # noqa: PLC0415
    from app.web.public_address import check_address  # noqa: PLC0415

    try:
        check_address(settings.api)
        create_app(settings)
    except ConfigurationError as error:
        return Finding("settings", Level.WRONG, f"the API cannot start: {error}")
    return Finding("settings", Level.OK, "the API has the settings that it needs")


async def _check_kafka(kafka: KafkaSettings, topology: TopologySettings) -> list[Finding]:
    reports = await inspect_topics(kafka, topology)
    async with admin_of(kafka) as admin:
        groups = await find_groups(admin)
    counts = {report.spec.name: report.found.partitions for report in reports if report.found}
    servers = ",".join(kafka.require_servers())
    return [
        Finding("connection", Level.OK, f"Kafka at {servers} answers"),
        *(finding for report in reports for finding in _topic_findings(report)),
        *await check_ways(kafka, topology, counts),
        *check_groups(topology, groups),
        *await check_lag(kafka, topology, groups),
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


async def _check_database(database: DatabaseSettings) -> list[Finding]:
    open_connection = partial(connect, database, application_name="chatlog-check")
    connection = await open_connection()
    try:
        schema_findings = [
            *await check_schema(connection),
            *await check_gaps(connection),
            *await check_erasures(connection),
        ]
    finally:
        connection.terminate()
    server = server_of(database.require_url())
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
