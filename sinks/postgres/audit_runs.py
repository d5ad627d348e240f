"""The record of each run of `chatlog backfill audits`: who, of what, when, and what came of it."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import asyncpg
import msgspec

from models.errors import ChatlogError, MustAct
from sinks.errors import CannotGoOn, ServiceDown
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from typing import Any

    from sinks.retry import RetryPolicy

    Connection = asyncpg.Connection[asyncpg.Record]

Result = TypeVar("Result")

_SQL = statements("audits")
_ROLE = "chatlog_maintainer"


class RunStatus(StrEnum):
    """How far a run is: the values of `backfill_runs.status`."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"


class RunEnded(ChatlogError):
    """Somebody takes back what this run made, so it makes no more."""

    must_act = MustAct.CALLER

    def __init__(self, run: int) -> None:
        super().__init__(f"Run {run} is being rolled back, so it ends here.")


class NoSuchRun(ChatlogError):
    """There is no run of this number."""

    must_act = MustAct.CALLER

    def __init__(self, run: int) -> None:
        super().__init__(f"There is no run {run}; `chatlog backfill runs` lists them.")


async def begin_run(connection: Connection, who: str, source: str, options: Mapping[str, object]) -> int:
    """Note that a run begins; return its number.

    Args:
        connection: as the maintainer role.
        who: has it run.
        source: of the audits, without secrets.
        options: as they were given.

    Raises:
        ServiceDown, CannotGoOn: the database is down, or refuses.
    """
    with judged():
        run: int = await connection.fetchval(_SQL.begin_run, who, source, _as_json(options))
    return run


async def note_run(connection: Connection, run: int, counts: Mapping[str, object]) -> None:
    """Note what a run has done so far, in the transaction that does it.

    Raises:
        RunEnded: it is over.
    """
    if await connection.fetchval(_SQL.note_run, run, _as_json(counts)) is None:
        raise RunEnded(run)


async def end_run(connection: Connection, run: int, status: RunStatus, counts: Mapping[str, object]) -> None:
    """Note how a run ended; nothing if somebody takes it back.

    One that did not end well may not know whether its last batch was committed, so what that noted stays.

    Raises:
        ServiceDown, CannotGoOn: the database is down, or refuses.
    """
    with judged():
        await connection.execute(_SQL.end_run, run, status, _as_json(counts))


async def find_runs(connection: Connection) -> list[dict[str, Any]]:
    """Return the runs there were, the newest first.

    Raises:
        ServiceDown, CannotGoOn: the database is down, or refuses.
    """
    with judged():
        rows = await connection.fetch(_SQL.find_runs, None)
    return [{**row, "counts": msgspec.json.decode(row["counts"])} for row in rows]


async def once_it_can(
    connection: Connection, retry_policy: RetryPolicy, work: Callable[[], Awaitable[Result]]
) -> Result:
    """Do what is a transaction; again while the database refuses for now, as where a lock is held.

    Args:
        connection: by which it is done.
        retry_policy: how to wait.
        work: may be done again.

    Raises:
        ServiceDown: the connection is lost. Whatever else `work` raises.
    """

    async def attempt() -> Result | ServiceDown:
        try:
            return await work()
        except ServiceDown as error:
            if connection.is_closed():
                return error
            raise

    outcome = await retry_policy.run(attempt)
    if isinstance(outcome, ServiceDown):
        raise outcome
    return outcome


@contextmanager
def judged() -> Iterator[None]:
    """Tell what the driver raises as who must act.

    Raises:
        ServiceDown, CannotGoOn, BadRecord: instead of it.
    """
    try:
        yield
    except asyncpg.InsufficientPrivilegeError:
        raise CannotGoOn(
            f"The database user may not write histories: grant it the role {_ROLE} (`chatlog migrate up` "
            "makes it), or run this as the owner of the tables"
        ) from None
    except DRIVER_ERRORS as error:
        raise classify(error) from None  # the chain could quote a row


def _as_json(values: Mapping[str, object]) -> str:
    return msgspec.json.encode(dict(values)).decode()
