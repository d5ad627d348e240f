"""Goes from one version of the schema to another: `up`, `down`, `status`.

Each run is one transaction under an advisory lock of the database: it happens whole or leaves no trace, and
when two run at once the second waits, and finds nothing to do. So a change that cannot run in a transaction
(CREATE INDEX CONCURRENTLY) has no place here.

Connections come from the caller, who knows how to reach the database. Progress is told to `say`, a line at
a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import asyncpg
import tenacity
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script.revision import RevisionMap
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from migrations import rights
from migrations.changes import changes, run_on
from migrations.errors import CAUSES, MigrationError, explain
from models.platforms import OF_MESSAGES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import sqlalchemy as sa
    from alembic.runtime.migration import MigrationInfo
    from alembic.script import Script

#: Opens one connection; without a limit on the time of a statement, for waiting and moving rows take theirs.
Connect: TypeAlias = "Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]]"
Say: TypeAlias = Callable[[str], None]

#: Ours alone, since other programs that use Alembic may share the database.
VERSION_TABLE = "chatlog_schema_version"
#: Any number will do that no other program takes for an advisory lock: these are the bytes of "chatlog".
LOCK_KEY = int.from_bytes(b"chatlog")
_GIVE_RIGHTS = "SELECT set_config('chatlog.rights', $1, true)"
#: How often to try again when a long query holds the table; each try waits for 5 s (0001_chat_log.up.sql).
PARTITION_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered change of the schema, and whether the database has it."""

    revision: str
    title: str
    applied: bool


@dataclass(frozen=True, slots=True)
class Status:
    """Where the database stands. `current` is None before the first change."""

    current: str | None
    head: str
    steps: tuple[Step, ...]

    @property
    def is_up_to_date(self) -> bool:
        """Whether the database has every change this version knows, and none that it doesn't."""
        return self.current == self.head


async def up(connect: Connect, revision: str = "head", *, say: Say) -> None:
    """Apply the changes up to `revision`, ensure roles and grants, and make partitions ahead.

    Raises:
        MigrationError: the schema is as it was; or only the partitions could not be made, as it then says.
    """
    wanted = _wanted(revision)
    async with _locked(connect, say) as connection:
        count = await connection.run_sync(_count)
        if wanted > count:
            await connection.run_sync(_go, count, wanted, say)
        else:
            say(f"Nothing to do: the schema is at {_name(count)}.")
        if max(wanted, count):
            await _run_with_rights(connection, "roles.up.sql")
    await _make_partitions(connect, say)


async def down(connect: Connect, revision: str | None = None, *, say: Say) -> None:
    """Undo the changes after `revision`, which stays; the last change if None; all for "base".

    Raises:
        MigrationError: the schema is as it was.
    """
    wanted = None if revision is None else _wanted(revision)
    async with _locked(connect, say) as connection:
        count = await connection.run_sync(_count)
        target = max(count - 1, 0) if wanted is None else wanted
        if target >= count:
            say(f"Nothing to undo: the schema is at {_name(count)}.")
            return
        await connection.run_sync(_go, count, target, say)
        if target == 0:
            await _run_with_rights(connection, "roles.down.sql")


async def status(connect: Connect) -> Status:
    """Compare the database with the changes this version knows. Changes nothing.

    Raises:
        MigrationError: the user may not look.
    """
    async with _connected(connect) as connection:
        current = await connection.run_sync(_current)
    known = [(script.revision, script.doc) for script in changes()]
    # A newer version leaves a revision that is unknown here, and all that are known applied.
    revisions = [revision for revision, _ in known]
    applied = revisions.index(current) + 1 if current in revisions else len(known) if current else 0
    steps = tuple(Step(revision, title, number < applied) for number, (revision, title) in enumerate(known))
    return Status(current, revisions[-1], steps)


def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this version of chatlog, the oldest first."""
    return tuple(script.revision for script in changes())


@asynccontextmanager
async def _locked(connect: Connect, say: Say) -> AsyncIterator[AsyncConnection]:
    """Hold the lock and a transaction, which is committed at the end of the block."""

    def pass_on(_: object, message: asyncpg.PostgresLogMessage) -> None:
        if message.severity_en == "WARNING":
            say(f"Warning: {message.message}")

    async with _connected(connect) as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.add_log_listener(pass_on)
        free = await connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})")
        if not free.scalar_one():
            say("Another migration is running on this database; waiting for it ...")
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
        yield connection
        await connection.commit()


@asynccontextmanager
async def _connected(connect: Connect) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            yield connection
    except CAUSES as error:
        raise MigrationError(explain(error)) from error
    finally:
        await engine.dispose()


async def _run_with_rights(connection: AsyncConnection, name: str) -> None:
    await connection.exec_driver_sql(_GIVE_RIGHTS, (rights.as_json(),))
    await connection.run_sync(run_on, name)


def _current(connection: sa.Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _go(connection: sa.Connection, count: int, target: int, say: Say) -> None:
    """Apply or undo changes, from those that the database has to as many as it is to have."""
    known = RevisionMap(changes)
    upper, lower = _name(max(count, target)), _name(min(count, target))
    between = cast("list[Script]", list(known.iterate_revisions(upper, lower)))
    if target > count:
        steps = [MigrationStep.upgrade_from_script(known, change) for change in reversed(between)]
    else:
        steps = [MigrationStep.downgrade_from_script(known, change) for change in between]
    titles = {change.revision: change.doc for change in changes()}

    def tell(*, step: MigrationInfo, **_: object) -> None:
        # The upper revision of a step is the change itself, whichever way it goes.
        change = step.up_revision_id or ""
        say(f"{'Applied' if step.is_upgrade else 'Undid'} {change} {titles[change]}")

    options = {"version_table": VERSION_TABLE, "fn": lambda *_: steps, "on_version_apply": (tell,)}
    MigrationContext.configure(connection, opts=options).run_migrations(connection=connection)


def _count(connection: sa.Connection) -> int:
    """Return how many changes the database has."""
    current = _current(connection)
    if current is None:
        return 0
    known = known_revisions()
    if current not in known:
        raise MigrationError(
            f"The database is at revision {current}, and this chatlog knows up to {known[-1]} only: a newer "
            "one has migrated it; use that one"
        )
    return known.index(current) + 1


def _wanted(revision: str) -> int:
    """Return how many changes a database at this revision has."""
    known = known_revisions()
    counts = {"base": 0, "head": len(known)} | {name: count for count, name in enumerate(known, start=1)}
    if revision not in counts:
        raise MigrationError(f"There is no revision {revision}; accepted: {', '.join(counts)}")
    return counts[revision]


def _name(count: int) -> str:
    return ("base", *known_revisions())[count]


async def _make_partitions(connect: Connect, say: Say) -> None:
    connection = await connect()
    try:
        if await connection.fetchval("SELECT to_regclass('chat_log') IS NOT NULL"):
            await _make(connection, say, "SELECT chat_log_make_partitions()")
        if await connection.fetchval("SELECT to_regclass('messages') IS NOT NULL"):
            for platform in OF_MESSAGES:
                await _make(connection, say, "SELECT make_message_partitions($1)", [platform])
    except CAUSES as error:
        raise MigrationError(
            f"The schema is up to date, but partitions are missing. {explain(error)}"
        ) from error
    finally:
        await connection.close()


async def _make(
    connection: asyncpg.Connection[asyncpg.Record], say: Say, call: str, *arguments: list[str]
) -> None:
    busy = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(asyncpg.LockNotAvailableError),
        stop=tenacity.stop_after_attempt(PARTITION_ATTEMPTS),
        wait=tenacity.wait_random(0, 1),
        reraise=True,
    )
    async for attempt in busy:
        with attempt:
            for partition in await connection.fetch(call, *arguments):
                say(f"Made partition {partition[0]}")
