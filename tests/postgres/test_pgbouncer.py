"""Connections through a real PgBouncer, in transaction mode and as Debian sets it up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.postgres.connections import DatabaseRefuses, connect, create_pool
from tests.services import changed, settings_from, shared_pgbouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.settings import Settings
    from tests.services import PgBouncer


@pytest.fixture
def pooled(pooler: PgBouncer, database_url: str) -> Settings:
    """Settings with a database of the test's own, behind a pooler."""
    return settings_from(database_url=pooler.url_of(database_url), database_pool_size=8)


async def test_a_session_says_who_it_is_speaks_utc_and_is_bounded(pooled: Settings) -> None:
    connection = await connect(changed(pooled, database_timeout_s=2.5).database, application_name="me")
    shown = [await connection.fetchval(f"SHOW {name}") for name in _SHOWN]
    assert shown == ["me", "UTC", "2500ms"]
    await connection.close()


_SHOWN = ("application_name", "timezone", "statement_timeout")


@pytest.mark.parametrize("work", ["execute", "fetch", "fetchrow", "fetchval"])
async def test_the_server_ends_a_statement_that_takes_too_long(pooled: Settings, work: str) -> None:
    connection = await connect(changed(pooled, database_timeout_s=0.1).database)
    with pytest.raises(asyncpg.QueryCanceledError, match="statement timeout"):
        await getattr(connection, work)("SELECT pg_sleep(60)")
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_statement_may_be_let_take_its_time(pooled: Settings) -> None:
    settings = changed(pooled, database_timeout_s=0.1)
    connection = await connect(settings.database, statement_timeout_s=0)
    async with connection.transaction():
        await connection.execute("SELECT pg_sleep(0.3)")
    await connection.close()


async def test_without_a_pooler_statements_stay_prepared(database_url: str) -> None:
    connection = await connect(settings_from(database_url=database_url).database)
    first, second = [await connection.fetch(_OURS) for _ in range(2)]
    assert [row["name"] for row in first] == [row["name"] for row in second] != []
    await connection.close()


_OURS = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%pg_prepared_statements%'"


async def test_many_connections_share_few_sessions_and_each_gets_its_own_answers(
    pgbouncer: PgBouncer, database_url: str
) -> None:
    """More connections than PgBouncer has sessions, with as many kinds of statements, all at once."""
    settings = settings_from(database_url=pgbouncer.url_of(database_url))
    pools = [await create_pool(settings.database, max_size=8) for _ in range(2)]

    async def ask(pool: asyncpg.Pool[asyncpg.Record], number: int) -> None:
        assert await pool.fetchval(f"SELECT $1::int + {number}", number) == 2 * number
        row: Any = await pool.fetchrow(f"SELECT {number} AS number, $1::text AS said", str(number))
        assert dict(row) == {"number": number, "said": str(number)}
        assert await pool.execute(f"SELECT generate_series(1, {number}) WHERE $1", True) == f"SELECT {number}"

    await asyncio.gather(*(ask(pools[number % 2], number) for number in range(300)))
    for pool in pools:
        await pool.close()


async def test_nothing_is_left_behind_in_a_session(pgbouncer: PgBouncer, database_url: str) -> None:
    settings = settings_from(database_url=pgbouncer.url_of(database_url))
    connection = await connect(settings.database, statement_timeout_s=7)
    await connection.execute("CREATE TABLE seen (number int)")
    await connection.executemany("INSERT INTO seen VALUES ($1)", [(1,), (2,)])
    await connection.close()

    stranger = await asyncpg.connect(pgbouncer.url_of(database_url))
    async with stranger.transaction():
        assert (
            await stranger.fetch("SELECT name FROM pg_prepared_statements WHERE name LIKE 'chatlog%'") == []
        )
        assert await stranger.fetchval("SHOW statement_timeout") == "0"
    await stranger.close()


async def test_a_transaction_is_one_and_is_taken_back_whole(pooled: Settings) -> None:
    connection = await connect(pooled.database)
    await connection.execute("CREATE TABLE seen (number int PRIMARY KEY)")

    async def insert_twice() -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO seen VALUES ($1)", 1)
            await connection.execute("INSERT INTO seen VALUES ($1)", 1)

    with pytest.raises(asyncpg.UniqueViolationError):
        await insert_twice()
    assert await connection.fetchval("SELECT count(*) FROM seen") == 0
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.executemany("INSERT INTO seen VALUES ($1)", [(1,), (1,)])
    assert await connection.fetchval("SELECT count(*) FROM seen") == 0
    await connection.close()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (("://chatlog:", "://chatlog:not-"), "refuses user or password: check DATABASE_URL"),
        (("://chatlog:", "://nobody:"), "refuses user or password: check DATABASE_URL"),
        (("/test_", "/no_test_"), "has no such database: create it, or correct DATABASE_URL"),
        (
            ("/test_", "?search_path=x&database=test_"),
            "unsupported startup parameter: search_path; remove it",
        ),
    ],
)
async def test_what_a_pooler_refuses_is_told_at_once(
    pooled: Settings, replaced: tuple[str, str], message: str
) -> None:
    url = pooled.database.require_url().replace(*replaced)
    settings = changed(pooled, database_url=SecretStr(url))
    with pytest.raises(DatabaseRefuses) as raised:
        await create_pool(settings.database, min_size=0)
    assert message in str(raised.value)


@pytest.fixture
def statement_mode(postgres: str) -> Iterator[PgBouncer]:
    with shared_pgbouncer(postgres, {"pool_mode": "statement"}) as pooler:
        yield pooler


async def test_a_pooler_in_statement_mode_is_refused(statement_mode: PgBouncer, postgres: str) -> None:
    settings = settings_from(database_url=statement_mode.url_of(postgres))
    with pytest.raises(DatabaseRefuses, match="set its pool_mode to transaction"):
        await create_pool(settings.database, min_size=0)
