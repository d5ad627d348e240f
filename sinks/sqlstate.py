"""Tells by SQLSTATE who is to blame when PostgreSQL refuses: the record, the service, or us.

The rule (class or code → verdict) is a table, so that a change is one line here and one row in its test.
Source: PostgreSQL documentation, Appendix A, Error Codes.
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
#: Waiting helps: connections, resources, operator intervention, serialization, deadlock, lock timeout,
#: system errors, and a server that is read-only or in recovery for now.
WAIT = ("08", "53", "57P", "57014", "58", "40", "55P03", "55006", "25006", "25P03")
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
    return ServiceDown(f"PostgreSQL cannot be reached ({type(error).__name__}): {error}".rstrip(": "))


def _of_sqlstate(code: str, error: asyncpg.PostgresError) -> SinkError | BadRecord:
    # The server's message can quote the row, so it is passed on only where it cannot hold content.
    if code.startswith(RECORD):
        return BadRecord(Reason.REJECTED_BY_DATABASE, f"{type(error).__name__} (SQLSTATE {code})")
    if code.startswith(WAIT):
        return ServiceDown(f"PostgreSQL refuses for now (SQLSTATE {code}): {error.args[0]}")
    if code == "42P01":
        return CannotGoOn("A table is missing: run `chatlog migrate up` on this database")
    if code == "42501":
        return CannotGoOn(
            f"The database user may not write: grant it the role chatlog_writer (SQLSTATE {code})"
        )
    return CannotGoOn(f"PostgreSQL refuses (SQLSTATE {code}): {error.args[0]}; run `chatlog check`")
