"""The API's role, and the tenant that a transaction names: whatever is asked, nothing of another's is there.

Statements here have no condition on a tenant, as one that somebody forgot. By a login that has the role of
the API alone, with the connections that it has; to the server, and through PgBouncer in transaction mode.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.postgres.connections import connect, create_pool
from app.postgres.tenants import ask_for_tenant
from tests.services import TRANSACTION_MODE, settings_from, shared_pgbouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    Pool = asyncpg.Pool[asyncpg.Record]
    Database = asyncpg.Connection[asyncpg.Record]

#: Where something is said, and whose it is.
PLACES = {
    ("threads", "acme"): "acme",
    ("threads", "north"): "north",
    ("threads", "default"): "default",
    ("twitch", "acme"): "default",
}
_DAY, _AT = "'2026-11-24'", "'2026-11-24 14:00Z'"
#: A row of each table in a place ($1, $2), whose conversation is $3.
ROWS = {
    "conversations": (
        f"(id, platform, channel, external_id, started, last_at) VALUES ($3, $1, $2, 'x', {_AT}, {_AT})"
    ),
    "messages": (
        "(platform, id, timestamp, conversation_id, channel, role, content) "
        f"VALUES ($1, gen_random_uuid(), {_AT}, $3, $2, 'user', $2)"
    ),
    "message_versions": (
        "(platform, source, kind, changed, content, conversation_id) "
        f"VALUES ($1, gen_random_uuid(), 'edit', {_AT}, $2::varchar, $3)"
    ),
    "message_days": f"VALUES ($1, $2, {_DAY}, 'user', 1, 1)",
    "message_day_deltas": f"(platform, channel, day, role) VALUES ($1, $2, {_DAY}, 'user')",
    "message_clears": f"VALUES ($1, $2, 'p', {_AT})",
    "stays": f"VALUES ($1, $2, 'p', {_AT}, {_AT})",
    "figure_days": f"VALUES ({_DAY}, $1, $2, NULL, 'user', 1, 1, 1, 0, 0, 0)",
    "figure_hours": f"VALUES ({_AT}, $1, $2, NULL, 'user', 1, 1, 1, 0)",
    "figure_responses": f"VALUES ({_DAY}, $1, $2, NULL, 'user', 1, 1)",
    "figure_people": f"VALUES ({_DAY}, $1, $2, NULL, 1)",
    "figure_weeks": f"VALUES ($1, $2, NULL, {_DAY}, {_DAY}, 1)",
    "person_weeks": f"VALUES ($1, 'p', {_DAY}, $2)",
    "live_figures": f"VALUES ('w', {_AT}, $1, $2, NULL, 1, 1)",
}
#: Of these, what is read of a thread tells no tenant, so there is nothing of threads in them for anybody.
NOBODYS = {
    "people": "VALUES ($1, $2, 'Somebody', now())",
    "message_feedback": "(platform, source, refers_to, value, given, author_id) "
    f"VALUES ($1, gen_random_uuid(), gen_random_uuid(), 1, {_AT}, $2)",
}
#: What has a platform and is no tenant's: what operators say of channels, and what other platforms have.
FOR_ALL = {
    *("chat_logging_config", "chat_logging_config_versions", "channel_parents", "connector_gaps", "opt_outs"),
    "figure_closings",
}


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Database]:
    """The owner of the tables, who wrote a row of each in every place."""
    connection = await asyncpg.connect(database_url)
    for (platform, channel), tenant in PLACES.items():
        talk = await connection.fetchval("SELECT gen_random_uuid()")
        for table, row in (ROWS | NOBODYS).items():
            values = values_of(table, platform, channel, talk)
            await connection.execute(f"INSERT INTO {table} {row}", *values)
        await connection.execute(
            "INSERT INTO access_log (who, tenant, roles, action, route, subject) "
            "VALUES ('a', $1, '{}', 'a', 'r', '{}')",
            tenant,
        )
    # Of a platform as a whole.
    await connection.execute(f"INSERT INTO figure_people VALUES ({_DAY}, 'threads', NULL, NULL, 3)")
    yield connection
    await connection.close()


@pytest.fixture
async def login(owner: Database, database_url: str) -> AsyncIterator[str]:
    """The URL of the database for a user with the role of the API alone."""
    user = f"api_{secrets.token_hex(4)}"
    await owner.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{user}' IN ROLE chatlog_api")
    parts = urlsplit(database_url)
    yield parts._replace(netloc=f"{user}:{user}@{parts.netloc.rpartition('@')[2]}").geturl()
    await owner.execute(f"DROP OWNED BY {user}")
    await owner.execute(f"DROP ROLE {user}")


@pytest.fixture(params=["to the server", "through PgBouncer"])
def api_url(request: pytest.FixtureRequest, login: str) -> Iterator[str]:
    """The same; or through a pooler, in which all connections share one session."""
    if request.param == "to the server":
        yield login
        return
    with shared_pgbouncer(login, TRANSACTION_MODE | {"default_pool_size": "1"}) as pooler:
        yield pooler.url_of(login)


@pytest.fixture
async def pool(api_url: str) -> AsyncIterator[Pool]:
    made = await create_pool(settings_from(database_url=api_url).database, max_size=4)
    yield made
    await made.close()


@asynccontextmanager
async def asking_for(tenant: str) -> AsyncIterator[None]:
    """Ask for a tenant in the block, as a request does by itself."""
    ask_for_tenant(tenant)
    try:
        yield
    finally:
        ask_for_tenant("default")


def of(tenant: str) -> set[tuple[str, str]]:
    return {place for place, whose in PLACES.items() if whose == tenant}


def values_of(table: str, *values: Any) -> list[Any]:
    """Return those of a place and a conversation that the row of a table has a parameter for."""
    row = (ROWS | NOBODYS)[table]
    return [value for number, value in enumerate(values, 1) if f"${number}" in row]


def user_of(url: str) -> str:
    return str(urlsplit(url).username)


@pytest.mark.parametrize("tenant", ["acme", "north", "default", "elsewhere", "o'hara\\'; --", "京都"])
async def test_whatever_is_asked_there_is_nothing_but_the_tenants_own(pool: Pool, tenant: str) -> None:
    async with asking_for(tenant):
        for table in ROWS:
            channel = "content AS channel" if table == "message_versions" else "channel"
            rows = await pool.fetch(f"SELECT platform, {channel} FROM {table}")
            assert {tuple(row) for row in rows} == of(tenant), table
            assert await pool.fetchval(f"SELECT count(*) FROM {table}") == len(of(tenant))
            # In a transaction as by itself.
            async with pool.acquire() as connection, connection.transaction(readonly=True):
                assert len(await connection.fetch(f"SELECT * FROM {table}")) == len(of(tenant))
        rows = await pool.fetch("SELECT platform, channel FROM all_messages")
        assert {tuple(row) for row in rows} == of(tenant)
        for table in NOBODYS:
            rows = await pool.fetch(f"SELECT platform FROM {table}")
            assert [row["platform"] for row in rows] == (["twitch"] if tenant == "default" else []), table
        whose = await pool.fetch("SELECT tenant FROM access_log")
        assert {row["tenant"] for row in whose} == {tenant} & {*PLACES.values()}


async def test_tenants_that_ask_at_once_get_their_own(pool: Pool) -> None:
    async def ask(tenant: str) -> None:
        ask_for_tenant(tenant)
        for _ in range(20):
            rows = await pool.fetch("SELECT platform, channel FROM all_messages")
            assert {tuple(row) for row in rows} == of(tenant)

    await asyncio.gather(*(asyncio.create_task(ask(tenant)) for tenant in ("acme", "north", "default") * 4))


async def test_nothing_of_a_tenant_is_left_in_the_session(pool: Pool, api_url: str) -> None:
    async with asking_for("acme"):
        assert await pool.fetchval("SELECT count(*) FROM messages") == 1
        with pytest.raises(asyncpg.DivisionByZeroError):
            await pool.fetchval("SELECT 1 / (count(*) - 1) FROM messages")
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT current_setting('chatlog.tenant', true)") == "acme"
    assert await pool.fetchval("SELECT coalesce(current_setting('chatlog.tenant', true), '')") == ""
    stranger = await asyncpg.connect(api_url, statement_cache_size=0)
    async with stranger.transaction():
        rows = await stranger.fetch("SELECT platform, channel FROM messages")
    await stranger.close()
    assert {tuple(row) for row in rows} == of("default"), "who says nothing asks for the default tenant"


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("conversations", "title = 'mine'"),
        ("messages", "role = 'bot'"),
        ("message_day_deltas", "role = 'bot'"),
    ],
)
async def test_nothing_of_anothers_is_written_changed_or_deleted(
    pool: Pool, owner: Database, api_url: str, table: str, change: str
) -> None:
    await owner.execute(f"GRANT INSERT, UPDATE, DELETE ON {table} TO {user_of(api_url)}")
    talk = await owner.fetchval("SELECT gen_random_uuid()")
    if table == "messages":
        talk = await owner.fetchval("SELECT id FROM conversations WHERE channel = 'acme'")
    async with asking_for("acme"):
        for place in set(PLACES) - of("acme"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await pool.execute(f"INSERT INTO {table} {ROWS[table]}", *values_of(table, *place, talk))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await pool.execute(f"UPDATE {table} SET channel = 'north'")
        assert await pool.execute(f"UPDATE {table} SET {change}") == "UPDATE 1"
        assert await pool.execute(f"DELETE FROM {table}") == "DELETE 1"
        mine = values_of(table, "threads", "acme", talk)
        assert await pool.execute(f"INSERT INTO {table} {ROWS[table]}", *mine) == "INSERT 0 1"
    left = await owner.fetch(f"SELECT platform, channel FROM {table} WHERE ({change}) IS NOT TRUE")
    assert {tuple(row) for row in left} == set(PLACES)


async def test_a_partition_is_not_to_be_had_by_its_own_name(pool: Pool) -> None:
    for partition in ("messages_default", "messages_threads"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.fetch(f"SELECT * FROM {partition}")


async def test_whoever_does_not_serve_tenants_sees_all_until_they_name_one(
    owner: Database, login: str
) -> None:
    user = user_of(login)
    for role in ("chatlog_writer", "chatlog_exporter", "chatlog_maintainer", "chatlog_reader"):
        await owner.execute(f"GRANT {role} TO {user}")
        connection = await connect(settings_from(database_url=login).database)
        assert await connection.fetchval("SELECT count(id) FROM messages") == len(PLACES), role
        async with connection.transaction():
            await connection.execute("SELECT set_config('chatlog.tenant', 'acme', true)")
            assert await connection.fetchval("SELECT count(id) FROM messages") == 1
        await connection.close()
        await owner.execute(f"REVOKE {role} FROM {user}")
    assert await owner.fetchval("SELECT count(*) FROM all_messages") == len(PLACES)
    async with owner.transaction():
        await owner.execute("SELECT set_config('chatlog.tenant', 'acme', true)")
        assert await owner.fetchval("SELECT count(*) FROM all_messages") == 1


async def test_what_has_a_platform_and_is_read_by_the_api_is_kept_to_tenants(owner: Database) -> None:
    rows = await owner.fetch(
        "SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition "
        "AND has_any_column_privilege('chatlog_api', oid, 'SELECT, INSERT, UPDATE') AND EXISTS ("
        "SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname IN ('platform', 'tenant'))"
    )
    held = {row["relname"]: row["relrowsecurity"] for row in rows}
    assert {name for name, is_held in held.items() if is_held} == {*ROWS, *NOBODYS, "access_log"}
    assert {name for name, is_held in held.items() if not is_held} == FOR_ALL


async def test_the_tenant_is_asked_for_once_in_a_statement(pool: Pool) -> None:
    """Asked for with each row, it would take longer than the rest."""
    for asked in ("messages", "conversations", "message_days", "all_messages"):
        async with asking_for("acme"), pool.acquire() as connection, connection.transaction():
            plan = "\n".join(
                row[0] for row in await connection.fetch(f"EXPLAIN VERBOSE SELECT * FROM {asked}")
            )
        assert "InitPlan" in plan
        filters = [line for line in plan.splitlines() if "Filter" in line or "Cond" in line]
        assert not [line for line in filters if "seen_tenant" in line]


async def test_of_what_was_said_the_api_changes_threads_alone(pool: Pool, owner: Database) -> None:
    changed = {
        table: await pool.execute(f"UPDATE {table} SET {change}")
        for table, change in (("conversations", "title = 'mine'"), ("messages", "content = ''"))
    }
    assert changed == dict.fromkeys(changed, "UPDATE 1"), "the thread of the default tenant"
    assert await pool.execute("DELETE FROM conversations") == "DELETE 1"
    rows = await owner.fetch("SELECT platform, channel FROM conversations")
    assert {tuple(row) for row in rows} == set(PLACES) - {("threads", "default")}
