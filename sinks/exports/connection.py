"""The connection that an export reads by: one moment, its own settings, and errors that say who must act.

A server that has vanished is noticed, however long the export takes. What is read is not decided here.
"""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg

from models.errors import BadRecord
from sinks.errors import CannotGoOn
from sinks.exports.scope import ExportImpossible
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator

#: Asked after 15 s of silence, every 5 s, three times: a vanished server is noticed within half a minute.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


@asynccontextmanager
async def snapshot(connection: asyncpg.Connection[asyncpg.Record], session: str) -> AsyncIterator[None]:
    """Give a transaction that sees one moment, and has settings of its own.

    Args:
        connection: outside of a transaction. If it is closed meanwhile, that is as well.
        session: statements that are run first.
    """
    transaction = connection.transaction(isolation="repeatable_read", readonly=True)
    with mapped_errors():
        await transaction.start()
    try:
        with mapped_errors():
            await connection.execute(session)
        yield
    finally:
        if not connection.is_closed():
            with suppress(*DRIVER_ERRORS):
                await transaction.rollback()


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Say of what PostgreSQL refuses who must act.

    Raises:
        ExportImpossible: nobody can; the message is for the owner of the survey.
        ServiceDown, CannotGoOn: instead of what asyncpg raises.
    """
    try:
        yield
    except asyncpg.InsufficientPrivilegeError:
        raise CannotGoOn(
            "The database user may not read what exports need: grant it the role chatlog_exporter"
        ) from None
    except DRIVER_ERRORS as error:
        found = classify(error)
        if isinstance(found, BadRecord):
            raise ExportImpossible(f"PostgreSQL cannot write these rows: {found.detail}") from None
        raise found from None


def enable_keepalive(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Have the kernel ask whether the server is still there: while it computes, it says nothing."""
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined] # noqa: SLF001  no option
    connected: socket.socket = transport.get_extra_info("socket")
    if connected.family in {socket.AF_INET, socket.AF_INET6}:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            # Not every system lets a program say how often.
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
