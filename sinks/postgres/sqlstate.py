"""Tells by SQLSTATE who is to blame when PostgreSQL refuses: the record, the service, or us; and what to do.

The rule (class or code → who must act, and how) is a table, so that a change is one line here and one row in
its test. Source: PostgreSQL documentation, Appendix A, Error Codes.
"""

from __future__ import annotations

import asyncio
import ssl

import asyncpg
from asyncpg.exceptions._base import (
    DataError,  # a value its type cannot hold; asyncpg.DataError is SQLSTATE 22000
)

from models.errors import BadRecord, Reason
from sinks.errors import CannotGoOn, ServiceDown, SinkError

#: What asyncpg raises when a statement could not be carried out; anything else is a bug of ours.
DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A connection that breaks at the wrong moment ("another operation is in progress"), or none of several
    # servers that is the primary.
    asyncpg.InternalClientError,
    asyncio.IncompleteReadError,
    OSError,
    TimeoutError,
)
#: Waiting helps; what else does, for a person. The first that fits, so the codes before their classes.
WAIT = {
    "25006": "it is read-only or a standby: promote it, or let DATABASE_URL name the primary",
    "25P03": "it ends idle transactions: raise its idle_in_transaction_session_timeout",
    "25P04": "a transaction took longer than its statements may: see what slows it down",
    "40": "writers get into each other's way, which passes; if it lasts, see who else writes",
    "53100": "its disk is full: give it space",
    "53200": "its memory is used up: see what else runs on it",
    "53300": "no connection is left: lower DATABASE_POOL_SIZE, or raise its max_connections",
    "53": "it lacks resources: see its log",
    "55006": "something holds what we need: see pg_locks",
    "55P03": "a lock is held: find who holds it with pg_blocking_pids()",
    "57014": "a statement took longer than DATABASE_TIMEOUT_S: find who blocks it with pg_blocking_pids()",
    "57P": "it stops, starts or ends sessions: see its log if that lasts",
    "58": "its disk or its files fail: see its log",
    "08": "the connection broke: see its log and the network",
}
#: What asyncpg says when the server was asked for TLS, and has none; it has no type for it.
_NO_TLS = "rejected SSL upgrade"
#: These are of a server that goes away in the middle; other errors of TLS are of certificates and versions.
_TLS_BROKE_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
REFUSES_THE_USER = "refuses user or password: check DATABASE_URL"
NO_SUCH_DATABASE = "has no such database: create it, or correct DATABASE_URL"
UNKNOWN_PARAMETER = "does not take a parameter of DATABASE_URL: {said}; remove it"
#: By a part of what PgBouncer says, whose every error is one of connections (class 08): no waiting helps.
#: What else it says is of the server, which it does not reach itself.
_POOLER_REFUSES = {
    "authentication failed": REFUSES_THE_USER,
    "no such user": REFUSES_THE_USER,
    "no such database": NO_SUCH_DATABASE,
    '" does not exist': NO_SUCH_DATABASE,
    "unsupported startup parameter": UNKNOWN_PARAMETER,
    "statement pooling mode": "is behind a pooler that gives each statement another session: set its "
    "pool_mode to transaction, or to session",
}
#: The record is to blame: data exceptions, constraints, and limits it goes over (an index row, a field).
RECORD = ("22", "23", "54")


def classify(error: Exception) -> SinkError | BadRecord:
    """Return what `error`, one of `DRIVER_ERRORS`, means for the batch that was being written.

    Returns:
        ServiceDown to wait, BadRecord to look for the record to blame, CannotGoOn to stop.
    """
    if isinstance(error, asyncpg.PostgresError):
        return _of_sqlstate(error.sqlstate or "", error)
    # What these two say can quote the value, or the URL.
    if isinstance(error, DataError):
        return BadRecord(Reason.REJECTED_BY_DATABASE, "a value is out of the range of its column")
    return _of_connection(error)


def _of_connection(error: Exception) -> SinkError:
    if isinstance(error, asyncpg.ClientConfigurationError):
        return CannotGoOn(
            "DATABASE_URL is not understood: correct it; `chatlog check` says how it is written"
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, _TLS_BROKE_OFF):
        return CannotGoOn(f"PostgreSQL cannot be trusted by TLS, or does not trust us: {error}")
    if type(error) is ConnectionError and _NO_TLS in str(error):
        return CannotGoOn("PostgreSQL has no TLS, and sslmode in DATABASE_URL asks for it: have it use TLS")
    kind = type(error).__name__
    # What a TimeoutError says is nothing: the server holds the connection, and does not answer.
    if isinstance(error, TimeoutError):
        return ServiceDown(f"PostgreSQL does not answer ({kind}): is it frozen, or the network cut?")
    return ServiceDown(
        f"PostgreSQL cannot be reached ({kind}): start it, or correct DATABASE_URL; {error}".rstrip("; ")
    )


def refused_by_pooler(said: str) -> str | None:
    """Return what to do about a refusal of PgBouncer's that waiting does not mend; None for any other."""
    return next((remedy for part, remedy in _POOLER_REFUSES.items() if part in said), None)


def _of_sqlstate(code: str, error: asyncpg.PostgresError) -> SinkError | BadRecord:
    # The server's message can quote the row, so it is passed on only where it cannot hold content.
    if code.startswith(RECORD):
        return BadRecord(Reason.REJECTED_BY_DATABASE, f"{type(error).__name__} (SQLSTATE {code})")
    if code.startswith("08") and (refusal := refused_by_pooler(str(error))):
        return CannotGoOn(f"PostgreSQL {refusal.format(said=error)}")
    for known, remedy in WAIT.items():
        if code.startswith(known):
            return ServiceDown(
                f"PostgreSQL refuses for now (SQLSTATE {code}): {remedy}; it says: {error.args[0]}"
            )
    if code == "42P01":
        return CannotGoOn("A table is missing: run `chatlog migrate up` on this database")
    if code == "42501":
        return CannotGoOn(
            f"The database user lacks a right: `chatlog check` tells which role to grant it (SQLSTATE {code})"
        )
    return CannotGoOn(f"PostgreSQL refuses (SQLSTATE {code}): {error.args[0]}; run `chatlog check`")
