"""One round of what the tables need, by one process at a time: who comes second does nothing.

To add something is a line in `TASKS`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.maintenance.pieces import Pieces
from app.postgres.pooled_connection import PooledConnection
from models.errors import ChatlogError, MustAct
from models.platforms import OF_MESSAGES
from sinks.errors import SinkError
from sinks.postgres.counting import count_people
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]
    Say = Callable[[str], None]

log = logging.getLogger(__name__)

_SQL, _PARTITIONS = statements("maintain"), statements("partitions")
#: Any number will do that no other program takes for an advisory lock: the bytes of "maintain".
LOCK_KEY = int.from_bytes(b"maintain")


class NotByPooler(ChatlogError):
    """Indexes are made in no transaction, by one session, which a pooler of transactions does not give."""

    must_act = MustAct.OPERATOR

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL leads to a pooler in transaction mode, through which no index can be made beside "
            "the writers: let it name the server itself for this command"
        )


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done.

    Attributes:
        name: what people read while it is done.
        run: does it, on a connection outside any transaction, and says what it did.
    """

    name: str
    run: Callable[[Connection, Say], Awaitable[None]]


async def _make_partitions(connection: Connection, say: Say) -> None:
    for row in await connection.fetch(_PARTITIONS.make_partitions):
        say(f"Made partition {row[0]}")
    # One platform a transaction, or they wait for each other's locks.
    for platform in OF_MESSAGES:
        for row in await connection.fetch(_PARTITIONS.make_message_partitions, [platform]):
            say(f"Made partition {row[0]}")


async def _make_pieces(connection: Connection, say: Say) -> None:
    await Pieces(connection, datetime.now(UTC), say).bring_up_to_date()


async def _count_people(connection: Connection, say: Say) -> None:
    if days := await count_people(connection):
        say(f"Counted the people of {days} day{'' if days == 1 else 's'}")


#: In this order: a search needs its indexes, and to count the people of years takes long.
TASKS = (
    Task("Making partitions", _make_partitions),
    Task("Making what search goes by", _make_pieces),
    Task("Counting people", _count_people),
)


async def maintain(connection: Connection, say: Say, *, begin: Say = lambda _: None) -> bool:
    """Do one round; tell whether it was done: not if another process is at it.

    What one task fails in holds up none of the others.

    Args:
        connection: of the tables' owner, without a limit on the time of a statement.
        say: told what was done, a line at a time.
        begin: told what is being done.

    Raises:
        NotByPooler: a pooler stands before the server.
        SinkError: the server is down, or refuses; all other tasks were done.
    """
    # Of a class with which asyncpg takes any connection for an instance of any.
    if type(connection) is PooledConnection:
        raise NotByPooler
    if not await connection.fetchval(_SQL.try_lock, LOCK_KEY):
        return False
    failed: Exception | None = None
    try:
        for task in TASKS:
            begin(task.name)
            try:
                await task.run(connection, say)
            except SinkError as error:
                failed = error
            except DRIVER_ERRORS as error:
                failed = classify(error)
            else:
                continue
            log.warning("A task of maintenance failed", extra={"task": task.name, "error": str(failed)})
    finally:
        if not connection.is_closed():
            await connection.fetchval(_SQL.unlock, LOCK_KEY)
    if failed is not None:
        raise failed
    return True
