"""How this application connects to PostgreSQL: one connection, or a pool.

Every session says who it is, speaks UTC and is bounded in time. What is asked of the database is not here:
each statement lives with the part that needs it.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

if TYPE_CHECKING:
    from app.settings import Settings

#: How long a server may take to accept a connection before it counts as down.
CONNECT_TIMEOUT_S = 5.0
#: The server cancels a statement at `database_timeout_s`. The client gives up this much later: only when the
#: server has gone without a word, which no timeout on its side can tell us.
CLIENT_MARGIN_S = 5.0
ACCEPTED_URL = "postgresql://user:password@host:port/database?sslmode=require"


class DatabaseUnavailable(Exception):
    """There is no connection to be had; the message says why in one line, and what to do, without secrets."""


async def connect(
    settings: Settings, *, application_name: str = "chatlog", statement_timeout_s: float | None = None
) -> asyncpg.Connection[asyncpg.Record]:
    """Open one connection to DATABASE_URL.

    Args:
        settings: where, and how long a statement may take.
        application_name: what `pg_stat_activity` shows, so that an operator knows whose session it is.
        statement_timeout_s: instead of `database_timeout_s`; 0 for no limit.

    Raises:
        ConfigurationError: DATABASE_URL is not set.
        DatabaseUnavailable: the server is down, or refuses us.
    """
    url = settings.require_database_url()
    try:
        return await asyncpg.connect(url, **_session(settings, application_name, statement_timeout_s))
    except _CONNECT_ERRORS as error:
        raise DatabaseUnavailable(_explain(url, error)) from error


async def create_pool(
    settings: Settings,
    *,
    application_name: str = "chatlog",
    min_size: int = 1,
    max_size: int | None = None,
) -> asyncpg.Pool[asyncpg.Record]:
    """Open a pool of connections to DATABASE_URL; the caller closes it.

    The first connections are made here, so that a database that is down is noticed here. Later ones are made
    as they are needed, and fail with what asyncpg raises, for the caller to classify and retry.

    Args:
        settings: where, how long a statement may take, and how many connections (`database_pool_size`).
        application_name: what `pg_stat_activity` shows.
        min_size: connections to open at once and to keep.
        max_size: instead of `database_pool_size`.

    Raises:
        ConfigurationError: DATABASE_URL is not set.
        DatabaseUnavailable: the server is down, or refuses us.
    """
    url = settings.require_database_url()
    size = max_size or settings.database_pool_size
    try:
        return await asyncpg.create_pool(
            url,
            min_size=min(min_size, size),
            max_size=size,
            **_session(settings, application_name, None),
        )
    except _CONNECT_ERRORS as error:
        raise DatabaseUnavailable(_explain(url, error)) from error


def server_of(url: str) -> str:
    """Name the server and database of a URL, for messages: `host:port/database`, never the credentials."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    hosts = parts.netloc.rpartition("@")[2] or query.get("host", ["localhost"])[0]
    database = unquote(parts.path.lstrip("/")) or query.get("dbname", [""])[0]
    named = ",".join(host if _has_port(host) else f"{host}:5432" for host in hosts.split(","))
    return f"{named}/{database}" if database else named


_CONNECT_ERRORS = (
    OSError,  # refused, unknown host, TLS, timeouts
    ValueError,  # a URL that asyncpg cannot read, its ClientConfigurationError among them
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


def _session(settings: Settings, application_name: str, statement_timeout_s: float | None) -> dict[str, Any]:
    limit_s = settings.database_timeout_s if statement_timeout_s is None else statement_timeout_s
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": limit_s + CLIENT_MARGIN_S if limit_s else None,
        "server_settings": {
            "application_name": application_name,
            "statement_timeout": str(round(limit_s * 1000)),
            "timezone": "UTC",
        },
    }


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit()


def _explain(url: str, error: Exception) -> str:
    said = str(error.args[0]) if error.args else type(error).__name__
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            return f"PostgreSQL at {server_of(url)} {message.format(said=said)}"
    return f"PostgreSQL at {server_of(url)} refuses the connection: {said}"


#: The first that fits, so the special before the general: asyncpg's ClientConfigurationError is a ValueError,
#: and TLS errors and timeouts are OSErrors.
_MESSAGES: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InvalidPasswordError, "refuses user or password: check DATABASE_URL"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "refuses the user: {said}; check DATABASE_URL and the server's pg_hba.conf",
    ),
    (asyncpg.InvalidCatalogNameError, "has no such database: create it, or correct DATABASE_URL"),
    (
        asyncpg.TooManyConnectionsError,
        "has no connection left: lower DATABASE_POOL_SIZE, or raise its max_connections",
    ),
    (asyncpg.CannotConnectNowError, "is starting or stopping: try again in a moment"),
    (asyncpg.UndefinedObjectError, "does not take a parameter of DATABASE_URL: {said}; remove it"),
    # What these say can quote the URL, so it is left out.
    (ValueError, f"cannot be addressed: DATABASE_URL is not understood; accepted: {ACCEPTED_URL}"),
    (ssl.SSLError, "cannot be reached by TLS: {said}; check sslmode and sslrootcert in DATABASE_URL"),
    (TimeoutError, f"does not answer within {CONNECT_TIMEOUT_S:g} s: check DATABASE_URL and the network"),
    (socket.gaierror, "has an unknown host name: correct DATABASE_URL"),
    (ConnectionRefusedError, "does not answer: start it, or correct DATABASE_URL"),
    (OSError, "cannot be reached ({said}): check DATABASE_URL and the server"),
)
