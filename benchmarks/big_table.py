"""A chat_log of many rows in PostgreSQL alone: started, partitioned, filled, looked at.

The rows are invented inside PostgreSQL (`sql/entries.sql`) and go through all indexes in the order of
time, as they would over the years. What is measured on the table is not decided here.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from app.local.embedded import EmbeddedPostgres, scratch_directory
from app.postgres.connections import connect
from app.settings import Settings
from benchmarks.services import POSTGRES_SETTINGS
from migrations.history import up
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

_ENTRIES, _PAGES = statements("entries", "benchmarks.sql"), statements("pages", "benchmarks.sql")
#: Written by one statement while filling.
FILL_ROWS = 10_000
#: Two writers fill the two cores of a small machine.
WRITERS = 2
#: What an ordinary person says in all, and what one who never stops does.
MESSAGES_OF_ONE, MESSAGES_OF_A_TALKER = 40, 10_000
#: `make_entries` gives every 50th entry to one who never stops.
TALKERS_SHARE = 50
#: `make_entries` tells so many people apart by name.
MAX_PEOPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Entries:
    """An endless row of invented entries, evenly in time.

    Attributes:
        begins_ms: the time of the first, in ms since 1970.
        step_ms: between two.
        people: how many talk in turn.
        talkers: how many talk all the time.
    """

    begins_ms: int
    step_ms: float
    people: int
    talkers: int

    def numbered(self, first: int, many: int) -> tuple[object, ...]:
        """Return the arguments with which `make_entries` makes some of them."""
        return first, many, self.begins_ms, self.step_ms, self.people, self.talkers


class BigTable:
    """A running PostgreSQL with the schema of this version and `make_entries` beside it."""

    def __init__(self, postgres: EmbeddedPostgres, settings: Settings) -> None:
        self.postgres = postgres
        self._settings = settings

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Open a connection without a limit on the time of a statement; the caller closes it."""
        return await connect(self._settings.database, application_name="benchmarks", statement_timeout_s=0)

    async def execute(self, query: str) -> None:
        """Run statements on a connection of their own."""
        connection = await self.connect()
        try:
            await connection.execute(query)
        finally:
            await connection.close()

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        """Run a query on a connection of its own."""
        connection = await self.connect()
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    async def version(self) -> str:
        """Return what the server calls itself."""
        return str((await self.fetch("SHOW server_version"))[0][0])

    async def empty(self, *, months: int) -> None:
        """Leave no row, and the partitions of so many months: this one and those before it."""
        children = await self.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'chat_log'::regclass"
        )
        await self.execute("TRUNCATE chat_log")
        for child in children:
            if child["name"] != "chat_log_default":
                await self.execute(f"DROP TABLE {child['name']}")
        await self.execute(f"SELECT chat_log_make_partitions({months - 1}, 0)")
        await self.execute("CHECKPOINT")

    async def entries(self, rows: int, *, months: int, people: int | None = None) -> Entries:
        """Describe `rows` entries that fill so many months, this one being the last.

        Args:
            rows: how many the months are to hold.
            months: of which each is as long as the calendar says.
            people: how many talk in turn; by default each says `MESSAGES_OF_ONE`.
        """
        connection = await self.connect()
        try:
            (span,) = await connection.fetch(_ENTRIES.months, months)
        finally:
            await connection.close()
        begins, ends = span
        return Entries(
            begins_ms=begins,
            step_ms=(ends - begins) / rows,
            people=min(MAX_PEOPLE, people or max(1_000, rows // MESSAGES_OF_ONE)),
            talkers=max(1, rows // TALKERS_SHARE // MESSAGES_OF_A_TALKER),
        )

    async def fill(self, entries: Entries, first: int, until: int, say: Callable[[str], None]) -> None:
        """Store the entries from number `first` up to, but not including, number `until`."""
        numbers = iter(range(first, until, FILL_ROWS))

        async def write() -> None:
            connection = await self.connect()
            try:
                for number in numbers:
                    many = min(FILL_ROWS, until - number)
                    await connection.execute(_ENTRIES.fill, *entries.numbered(number, many))
                    if (number + many) % 1_000_000 == 0:
                        say(f"{number + many:,} rows")
            finally:
                await connection.close()

        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(write())

    async def forget(self) -> None:
        """Restart the server, and have the kernel forget its files: what is read next comes from the disk."""
        await self.execute("CHECKPOINT")
        await self.postgres.stop()
        for path in self.postgres.directory.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        await self.postgres.start()

    async def sizes(self) -> dict[str, dict[str, int | None]]:
        """Return bytes and depth of the table and of each index, over all partitions."""
        await self.execute("CHECKPOINT")
        return {
            size["name"]: {"bytes": size["bytes"], "depth": size["depth"]}
            for size in await self.fetch(_PAGES.sizes)
        }


@asynccontextmanager
async def big_table() -> AsyncIterator[BigTable]:
    """Start PostgreSQL in a scratch directory, and leave nothing of it at the end, however that comes."""
    with scratch_directory() as directory:
        async with EmbeddedPostgres(directory / "postgres") as postgres:
            values: dict[str, Any] = {"_env_file": None, "database": {"url": postgres.url}}
            settings = Settings(**values)
            table = BigTable(postgres, settings)
            for name, value in POSTGRES_SETTINGS.items():
                await table.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            await postgres.restart()
            await up(partial(connect, settings.database, statement_timeout_s=0), say=lambda _: None)
            await table.execute(_ENTRIES.make_entries)
            yield table
