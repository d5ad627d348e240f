from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.local.embedded import free_port
from app.postgres.connections import DatabaseRefuses, DatabaseUnavailable, connect, create_pool, server_of
from app.settings import ConfigurationError, Settings
from tests.services import settings_from

SECRET = "s3cret-and-more"


def settings_for(url: str | None, **more: object) -> Settings:
    return settings_from(database_url=url, **more)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("postgresql://user:pw@db.example:6543/chat", "db.example:6543/chat"),
        ("postgres://user:pw@db.example/chat", "db.example:5432/chat"),
        ("postgres://user:p%40w@db.example/chat", "db.example:5432/chat"),
        ("postgres://user:pw@one:1,two/chat?target_session_attrs=primary", "one:1,two:5432/chat"),
        ("postgres://user:pw@[::1]:5432/chat", "[::1]:5432/chat"),
        ("postgres://user@/chat?host=/run/postgresql", "/run/postgresql:5432/chat"),
        ("postgres://localhost", "localhost:5432"),
    ],
)
def test_a_server_is_named_without_credentials(url: str, server: str) -> None:
    assert server_of(url) == server


async def test_a_session_says_who_it_is_speaks_utc_and_is_bounded(database_url: str) -> None:
    connection = await connect(
        settings_for(database_url, database_timeout_s=2.5).database, application_name="me"
    )
    shown = [await connection.fetchval(f"SHOW {name}") for name in _SHOWN]
    assert shown == ["me", "UTC", "2500ms"]
    await connection.close()


async def test_a_pool_opens_sessions_alike(database_url: str) -> None:
    async with await create_pool(settings_for(database_url, database_pool_size=2).database) as pool:
        assert [await pool.fetchval(f"SHOW {name}") for name in _SHOWN] == ["chatlog", "UTC", "15s"]
        assert pool.get_max_size() == 2


_SHOWN = ("application_name", "timezone", "statement_timeout")


async def test_the_server_ends_a_statement_that_takes_too_long(database_url: str) -> None:
    connection = await connect(settings_for(database_url, database_timeout_s=0.1).database)
    with pytest.raises(asyncpg.QueryCanceledError, match="statement timeout"):
        await connection.execute("SELECT pg_sleep(60)")
    await connection.close()


async def test_a_statement_may_be_let_take_its_time(database_url: str) -> None:
    settings = settings_for(database_url, database_timeout_s=0.1)
    connection = await connect(settings.database, statement_timeout_s=0)
    await connection.execute("SELECT pg_sleep(0.3)")
    await connection.close()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_either_scheme_and_parameters_are_understood(database_url: str, scheme: str) -> None:
    url = urlsplit(database_url)._replace(scheme=scheme, query="sslmode=disable&search_path=other").geturl()
    connection = await connect(settings_for(url).database)
    assert await connection.fetchval("SHOW search_path") == "other"
    await connection.close()


async def test_without_an_url_the_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        await connect(settings_for(None).database)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"user": "nobody-here"}, "refuses user or password: check DATABASE_URL"),
        ({"password": SECRET}, "refuses user or password: check DATABASE_URL"),
        ({"path": "/no-such-database"}, "has no such database: create it, or correct DATABASE_URL"),
        ({"query": "connect_timeout=3"}, 'unrecognized configuration parameter "connect_timeout"; remove it'),
        ({"query": "work_mem=plenty"}, 'invalid value for parameter "work_mem": "plenty"; remove it'),
        ({"query": "sslmode=nonsense"}, "DATABASE_URL is not understood; accepted: postgresql://"),
        ({"query": "sslmode=verify-full"}, "no certificate of an authority to do it by: add &sslrootcert="),
        ({"query": "sslmode=verify-ca"}, "no certificate of an authority to do it by: add &sslrootcert="),
        (
            {"query": "sslmode=verify-full&sslrootcert=/nonexistent.crt"},
            "names sslrootcert=/nonexistent.crt, which cannot be read (No such file or directory)",
        ),
        (
            {"query": "sslmode=require&sslkey=/"},
            "DATABASE_URL names sslkey=/, which cannot be read (Is a directory)",
        ),
        (
            {"query": f"sslmode=verify-full&sslrootcert={__file__}"},
            "check sslmode and sslrootcert in DATABASE_URL",
        ),
        ({"query": "sslmode=require"}, "rejected SSL upgrade"),
    ],
)
async def test_what_waiting_does_not_mend_is_one_line_that_says_what_to_do(
    database_url: str, changed: dict[str, str], message: str
) -> None:
    """Whether the server may be away or not; and never is weaker TLS suggested than was asked for."""
    settings = settings_for(_changed(database_url, **changed))
    for opened in (connect, create_pool, partial(create_pool, min_size=0)):
        with pytest.raises(DatabaseRefuses) as raised:
            await opened(settings.database)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)
        assert SECRET not in str(raised.value)
        assert "sslmode=require" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"postgresql://u:{SECRET}@no-such-host.invalid/d", "has an unknown host name: correct DATABASE_URL"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/d", "does not answer: start it, or correct DATABASE_URL"),
        ("postgresql://u@/d?host=/no-such-directory", "cannot be reached (No such file or directory)"),
    ],
)
async def test_a_server_that_is_away_may_be_waited_for(url: str, message: str) -> None:
    settings = settings_for(url)
    for opened in (connect, create_pool):
        with pytest.raises(DatabaseUnavailable) as raised:
            await opened(settings.database)
        assert not isinstance(raised.value, DatabaseRefuses)
        assert message in str(raised.value)
    (await create_pool(settings.database, min_size=0)).terminate()


async def test_a_server_that_is_down_is_told_at_once() -> None:
    with pytest.raises(DatabaseUnavailable, match="does not answer: start it, or correct DATABASE_URL"):
        await connect(settings_for(f"postgres://u:{SECRET}@127.0.0.1:{free_port()}/d").database)


async def test_a_pool_may_be_opened_while_the_server_is_down() -> None:
    pool = await create_pool(settings_for(f"postgres://u:p@127.0.0.1:{free_port()}/d").database, min_size=0)
    with pytest.raises(OSError, match="Connect call failed"):
        await pool.fetchval("SELECT 1")
    await pool.close()


def _changed(
    url: str,
    *,
    scheme: str | None = None,
    user: str | None = None,
    password: str | None = None,
    host: str | None = None,
    path: str | None = None,
    query: str | None = None,
) -> str:
    parts = urlsplit(url)
    account = f"{user or parts.username}:{password or parts.password}"
    netloc = f"{account}@{host or parts.hostname}:{parts.port}"
    return parts._replace(
        scheme=scheme or parts.scheme,
        netloc=netloc,
        path=path or parts.path,
        query=query or parts.query,
    ).geturl()
