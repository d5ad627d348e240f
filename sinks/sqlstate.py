"""Tells by SQLSTATE who is to blame when PostgreSQL refuses: the record, the service, or us; and what to do.

The rule (class or code → verdict, remedy) is a table, so that a change is one line here and one row in its
test. Source: PostgreSQL documentation, Appendix A, Error Codes.
"""

from __future__ import annotations

import asyncio

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
#: The record is to blame: data exceptions, constraints, and limits it goes over (an index row, a field).
RECORD = ("22", "23", "54")


def verdict(error: Exception) -> SinkError | BadRecord:
    """Return what `error`, one of `DRIVER_ERRORS`, means for the batch that was being written.

    Returns:
        ServiceDown to wait, BadRecord to look for the record to blame, CannotGoOn to stop.
    """
    if isinstance(error, asyncpg.PostgresError):
        return _of_sqlstate(error.sqlstate or "", error)
    # What these two say can quote the value, or the URL.
    if isinstance(error, DataError):
        return BadRecord(Reason.REJECTED_BY_DATABASE, "a value is out of the range of its column")
    if isinstance(error, asyncpg.ClientConfigurationError):
        return CannotGoOn(
            "DATABASE_URL is not understood: correct it; `chatlog check` says how it is written"
        )
    kind = type(error).__name__
    # What a TimeoutError says is nothing: the server holds the connection, and does not answer.
    if isinstance(error, TimeoutError):
        return ServiceDown(f"PostgreSQL does not answer ({kind}): is it frozen, or the network cut?")
    return ServiceDown(
        f"PostgreSQL cannot be reached ({kind}): start it, or correct DATABASE_URL; {error}".rstrip("; ")
    )


def _of_sqlstate(code: str, error: asyncpg.PostgresError) -> SinkError | BadRecord:
    # The server's message can quote the row, so it is passed on only where it cannot hold content.
    if code.startswith(RECORD):
        return BadRecord(Reason.REJECTED_BY_DATABASE, f"{type(error).__name__} (SQLSTATE {code})")
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
