"""How this application connects to PostgreSQL: one connection, or a pool.

Every session says who it is, speaks UTC and is bounded in time. What is asked of the database is not here:
each statement lives with the part that needs it.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from app.postgres.pooled_connection import PooledConnection, has_its_own_session
from app.postgres.tenants import TenantConnection
from app.settings.database import DATABASE_URL_FORM
from models.errors import ChatlogError, MustAct
from sinks.errors import ServiceDown
from sinks.postgres.sqlstate import (
    DRIVER_ERRORS,
    NO_SUCH_DATABASE,
    REFUSES_THE_USER,
    UNKNOWN_PARAMETER,
    classify,
    refused_by_pooler,
)

if TYPE_CHECKING:
    from app.settings.database import DatabaseSettings

#: How long a server may take to accept a connection before it counts as down.
CONNECT_TIMEOUT_S = 5.0
#: The server cancels a statement at DATABASE_TIMEOUT_S. The client gives up this much later: only when the
#: server has gone without a word, which no timeout on its side can tell us.
CLIENT_MARGIN_S = 5.0
_LIMIT = "statement_timeout"
#: What names a file in DATABASE_URL.
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


class DatabaseUnavailable(ChatlogError):
    """There is no connection to be had; the message says why in one line, and what to do, without secrets."""

    must_act = MustAct.SERVICE


class DatabaseRefuses(DatabaseUnavailable):
    """There will be none however long one waits: what DATABASE_URL says, or names, has to be mended."""

    must_act = MustAct.OPERATOR


async def connect(
    database: DatabaseSettings, *, application_name: str = "chatlog", statement_timeout_s: float | None = None
) -> asyncpg.Connection[asyncpg.Record]:
    """Open one connection to DATABASE_URL.

    Args:
        database: where, and how long a statement may take.
        application_name: what `pg_stat_activity` shows, so that an operator knows whose session it is.
        statement_timeout_s: instead of DATABASE_TIMEOUT_S; 0 for no limit.

    Raises:
        ConfigurationError: DATABASE_URL is not set.
        DatabaseUnavailable: the server is down; DatabaseRefuses, where waiting does not help.
    """
    url = database.require_url()
    _check_files(url)
    try:
        return await _open(url, **_session(database, application_name, statement_timeout_s))
    except _CONNECT_ERRORS as error:
        raise _unavailable(url, error) from error


async def create_pool(
    database: DatabaseSettings,
    *,
    application_name: str = "chatlog",
    min_size: int = 1,
    max_size: int | None = None,
) -> asyncpg.Pool[asyncpg.Record]:
    """Open a pool of connections to DATABASE_URL; the caller closes it.

    A connection is made here, so that what has to be mended is noticed here. Later ones are made as they are
    needed, and fail with what asyncpg raises, for the caller to classify and retry.

    Args:
        database: where, how long a statement may take, and how many connections (DATABASE_POOL_SIZE).
        application_name: what `pg_stat_activity` shows.
        min_size: connections to open at once and to keep; with 0, the server may be down.
        max_size: instead of DATABASE_POOL_SIZE.

    Raises:
        ConfigurationError: DATABASE_URL is not set.
        DatabaseUnavailable: the server is down; DatabaseRefuses, where waiting does not help.
    """
    url = database.require_url()
    _check_files(url)
    size = max_size or database.pool_size
    session = _session(database, application_name, None)
    if not min_size:
        await _try(url, session)
    try:
        pool: asyncpg.Pool[asyncpg.Record] = await asyncpg.create_pool(
            url,
            min_size=min(min_size, size),
            max_size=size,
            connect=cast("Any", _open),  # takes what it passes on
            connection_class=TenantConnection,
            **session,
        )
    except _CONNECT_ERRORS as error:
        raise _unavailable(url, error) from error
    return pool


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


async def _open(url: str, **session: Any) -> asyncpg.Connection[asyncpg.Record]:
    """Connect, in the way that fits whether there is a pooler of sessions before the server.

    Raises:
        OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError: what asyncpg raises.
    """
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url, **session)
    except asyncpg.ProtocolViolationError as error:
        # PgBouncer takes no limit on statements when a session begins, unless it is told to ignore it.
        if _LIMIT not in str(error):
            raise
        return await _open_pooled(url, **session)
    try:
        is_its_own = await has_its_own_session(connection, CONNECT_TIMEOUT_S)
    except BaseException:
        connection.terminate()
        raise
    if is_its_own:
        return connection
    await connection.close(timeout=CONNECT_TIMEOUT_S)
    return await _open_pooled(url, **session)


async def _open_pooled(
    url: str, *, server_settings: dict[str, str], **session: Any
) -> asyncpg.Connection[asyncpg.Record]:
    session |= {"connection_class": PooledConnection, "statement_cache_size": 0}
    others = {name: value for name, value in server_settings.items() if name != _LIMIT}
    connection: PooledConnection = await asyncpg.connect(url, server_settings=others, **session)
    connection.statement_timeout_ms = int(server_settings[_LIMIT])
    return connection


async def _try(url: str, session: dict[str, Any]) -> None:
    """Connect and ask something, if the server is there.

    Raises:
        DatabaseRefuses: it is, or need not be asked, and waiting does not help.
    """
    try:
        connection = await _open(url, **session)
        try:
            await connection.fetchval("SELECT true", timeout=CONNECT_TIMEOUT_S)
        finally:
            connection.terminate()
    except _CONNECT_ERRORS as error:
        told = _unavailable(url, error)
        if isinstance(told, DatabaseRefuses):
            raise told from error


def _session(
    database: DatabaseSettings, application_name: str, statement_timeout_s: float | None
) -> dict[str, Any]:
    limit_s = database.timeout_s if statement_timeout_s is None else statement_timeout_s
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": limit_s + CLIENT_MARGIN_S if limit_s else None,
        "server_settings": {
            "application_name": application_name,
            _LIMIT: str(round(limit_s * 1000)),
            "timezone": "UTC",
        },
    }


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit()


def _check_files(url: str) -> None:
    """Make sure that the files which the URL names can be read: asyncpg does not say which one cannot.

    Raises:
        DatabaseRefuses: one cannot.
    """
    named = parse_qs(urlsplit(url).query)
    for parameter, file in ((name, named[name][-1]) for name in _FILES if name in named):
        try:
            with Path(file).open("rb"):
                continue
        except OSError as error:
            raise DatabaseRefuses(
                f"DATABASE_URL names {parameter}={file}, which cannot be read ({error.strerror}): mend the "
                "file, or the path"
            ) from None


def _unavailable(url: str, error: Exception) -> DatabaseUnavailable:
    """Return what a failure to connect means: the server is away, or there is something to mend."""
    said = _said(error)
    message = next((text for kind, text in _MESSAGES if isinstance(error, kind)), _REFUSED)
    if isinstance(error, ValueError):
        # What these say can quote the URL, so it is left out.
        message = _NO_AUTHORITY if _verifies_by_default_file(url) else _NOT_UNDERSTOOD
    if isinstance(error, asyncpg.PostgresConnectionError):
        message = refused_by_pooler(said) or _BROKE_OFF
    # Others than `DRIVER_ERRORS` are about what the URL says.
    is_away = isinstance(error, DRIVER_ERRORS) and isinstance(classify(error), ServiceDown)
    kind = DatabaseUnavailable if is_away else DatabaseRefuses
    return kind(f"PostgreSQL at {server_of(url)} {message.format(said=said)}")


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error.args[0]) if error.args else type(error).__name__


def _verifies_by_default_file(url: str) -> bool:
    named = parse_qs(urlsplit(url).query)
    return named.get("sslmode", [""])[-1].startswith("verify-") and "sslrootcert" not in named


_REFUSED = "refuses the connection: {said}"
_BROKE_OFF = "breaks off the connection: {said}; see its log, or that of the pooler before it"
_NOT_UNDERSTOOD = (
    f"cannot be addressed: DATABASE_URL is not understood; accepted: {DATABASE_URL_FORM}, and for TLS "
    "?sslmode=verify-full&sslrootcert=FILE"
)
_NO_AUTHORITY = (
    "is to be verified, and there is no certificate of an authority to do it by: add &sslrootcert=FILE to "
    "DATABASE_URL"
)
#: The first that fits, so the special before the general: TLS errors and timeouts are OSErrors.
_MESSAGES: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InvalidPasswordError, REFUSES_THE_USER),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "refuses the user: {said}; check DATABASE_URL and the server's pg_hba.conf",
    ),
    (asyncpg.InvalidCatalogNameError, NO_SUCH_DATABASE),
    (
        asyncpg.TooManyConnectionsError,
        "has no connection left: lower DATABASE_POOL_SIZE, or raise its max_connections",
    ),
    (asyncpg.CannotConnectNowError, "is starting or stopping: try again in a moment"),
    (asyncpg.UndefinedObjectError, UNKNOWN_PARAMETER),
    (asyncpg.DataError, UNKNOWN_PARAMETER),
    (ssl.SSLError, "cannot be reached by TLS: {said}; check sslmode and sslrootcert in DATABASE_URL"),
    (TimeoutError, f"does not answer within {CONNECT_TIMEOUT_S:g} s: check DATABASE_URL and the network"),
    (socket.gaierror, "has an unknown host name: correct DATABASE_URL"),
    (ConnectionRefusedError, "does not answer: start it, or correct DATABASE_URL"),
    (OSError, "cannot be reached ({said}): check DATABASE_URL and the server"),
)
