"""Surveys are looked up in real tables, and no state of those keeps an entry from being stored."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.postgres.connections import create_pool
from sinks.postgres.survey_lookup import fresh_surveys
from sinks.retry import RetryPolicy
from tests.services import changed, eventually, migrate, settings_for_tests
from tests.survey_tables import ANN, BENS, FIRST, MADE, SECOND, SURVEY, execute, make_surveys, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from app.local.embedded import EmbeddedPostgres
    from app.settings import Settings
    from models.surveys import SurveyMap
    from sinks.postgres.fresh import Fresh


def us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@asynccontextmanager
async def kept_fresh(pool: asyncpg.Pool) -> AsyncIterator[Fresh[SurveyMap]]:
    """A lookup that a worker keeps fresh, in much less than a minute."""
    lookup = fresh_surveys(pool, RetryPolicy("test"), every_s=0.05)
    task = asyncio.create_task(lookup.keep_fresh())
    try:
        yield lookup
    finally:
        task.cancel()


async def found(lookup: Fresh[SurveyMap], page: str = "page-of-ann", *, later: int = 1) -> str | None:
    """Look up a message of `form` that was said so many µs after the first surveys were made."""
    return (await lookup.known()).surveyid_of(page, "form", us(MADE) + later)


async def test_a_message_gets_the_survey_of_its_pages_owner(database: Settings, pool: asyncpg.Pool) -> None:
    await make_surveys(database)
    lookup = fresh_surveys(pool, RetryPolicy("test"))

    assert await found(lookup) == FIRST
    assert await found(lookup, "page-of-ben") == BENS
    assert await found(lookup, "page-of-both") is None
    assert await found(lookup, later=0) is None


async def test_a_new_version_is_known_soon(database: Settings, pool: asyncpg.Pool) -> None:
    await make_surveys(database)
    async with kept_fresh(pool) as lookup:
        assert await found(lookup, later=3_000_000) == FIRST
        await execute(database, SURVEY, SECOND, ANN, "form", MADE + timedelta(seconds=2))

        async def is_known() -> bool:
            return await found(lookup, later=3_000_000) == SECOND

        await eventually(is_known)
        assert await found(lookup, later=1_000_000) == FIRST


async def test_a_survey_without_owner_or_time_is_left_out(database: Settings, pool: asyncpg.Pool) -> None:
    await make_surveys(database)
    await execute(database, SURVEY, SECOND, ANN, "form", datetime.max)  # noqa: DTZ901 -- infinity, to asyncpg
    lookup = fresh_surveys(pool, RetryPolicy("test"))

    assert await found(lookup, later=10**15) == FIRST


@pytest.mark.parametrize(
    ("closed", "says"),
    [
        ("REVOKE SELECT ON surveys FROM chatlog_writer", "GRANT SELECT (id, userid, shortcode, created)"),
        (
            "REVOKE SELECT ON credentials FROM chatlog_writer",
            "GRANT SELECT (userid, entity, facebook_page_id)",
        ),
        ("DROP TABLE surveys CASCADE", "chatlog migrate up"),
        ("ALTER TABLE credentials DROP COLUMN facebook_page_id CASCADE", "facebook_page_id"),
    ],
    ids=["surveys are closed", "credentials are closed", "a table is missing", "a column is missing"],
)
async def test_tables_that_cannot_be_read_are_told_once_and_nothing_is_looked_up(
    database: Settings, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture, closed: str, says: str
) -> None:
    await make_surveys(database)
    await as_writer(database)
    await execute(database, f"SET ROLE NONE; {closed}")
    async with kept_fresh(pool) as lookup:
        assert await found(lookup) is None
        await asyncio.gather(*(lookup.refresh() for _ in range(3)))

    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert says in told.__dict__["error"]


async def test_a_right_that_is_granted_later_needs_no_restart(database: Settings, pool: asyncpg.Pool) -> None:
    await make_surveys(database)
    await as_writer(database)
    await execute(database, "SET ROLE NONE; REVOKE SELECT ON surveys FROM chatlog_writer")
    async with kept_fresh(pool) as lookup:
        assert await found(lookup) is None
        await execute(database, "SET ROLE NONE; GRANT SELECT ON surveys TO chatlog_writer")

        async def is_known() -> bool:
            return await found(lookup) == FIRST

        await eventually(is_known)


async def test_tables_that_are_locked_at_the_start_hold_up_nobody(
    database_url: str, unique_env: str, tmp_path: Path
) -> None:
    settings = settings_for_tests(unique_env, "127.0.0.1:1", database_url, tmp_path)
    await make_surveys(settings)
    pool = await create_pool(changed(settings, database_timeout_s=0.3).database, min_size=0)
    try:
        async with session(settings) as connection, connection.transaction():
            await connection.execute("LOCK TABLE surveys IN ACCESS EXCLUSIVE MODE")
            async with kept_fresh(pool) as lookup:
                assert await found(lookup) is None
    finally:
        pool.terminate()


async def test_while_the_database_is_away_what_was_known_is_looked_up(
    dedicated_postgres: EmbeddedPostgres, unique_env: str, tmp_path: Path
) -> None:
    settings = settings_for_tests(unique_env, "127.0.0.1:1", dedicated_postgres.url, tmp_path)
    await migrate(dedicated_postgres.url)
    await make_surveys(settings)
    pool = await create_pool(settings.database, min_size=0)
    try:
        lookup = fresh_surveys(pool, RetryPolicy("test"))
        assert await found(lookup) == FIRST

        await dedicated_postgres.kill()
        await lookup.refresh()

        assert await found(lookup) == FIRST
    finally:
        pool.terminate()


async def test_at_the_start_it_waits_for_a_database_that_is_down(
    dedicated_postgres: EmbeddedPostgres, unique_env: str, tmp_path: Path
) -> None:
    """Or the first entries after an outage would be stored without the surveyid that they can have."""
    settings = settings_for_tests(unique_env, "127.0.0.1:1", dedicated_postgres.url, tmp_path)
    await migrate(dedicated_postgres.url)
    await make_surveys(settings)
    await dedicated_postgres.kill()
    retry_policy = RetryPolicy("test")
    pool = await create_pool(settings.database, min_size=0)
    try:
        asking = asyncio.create_task(found(fresh_surveys(pool, retry_policy)))
        await eventually(lambda: retry_policy.retries > 0)
        await dedicated_postgres.start()
        started = changed(settings, database_url=SecretStr(dedicated_postgres.url))
        assert started.database.require_url() == settings.database.require_url()

        assert await asking == FIRST
    finally:
        pool.terminate()


async def as_writer(settings: Settings) -> None:
    """Let every new session be the role that workers have."""
    async with session(settings) as connection:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"ALTER DATABASE {name} SET role = chatlog_writer")
