"""Makes `migrations/schema.json` from the migrations: `python -m tests.migrations.snapshots`."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import migrations
from app.local.embedded import EmbeddedPostgres, scratch_directory
from migrations.schema import OTHERS, SNAPSHOT, Column, Index
from sinks.sql import statements
from tests.migrations.connecting import connect_to, go_up

if TYPE_CHECKING:
    import asyncpg

_SQL = statements("doctor")
_TABLES = """
    SELECT array_agg(relname::text ORDER BY pg_class.oid)
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        AND relname <> 'chatlog_schema_version'
"""


async def snapshot(connect: migrations.Connect) -> str:
    """Migrate an empty database, a revision at a time; return the columns and indexes that it ever had."""
    kept: dict[Column | Index, dict[str, Any]] = {}
    gone: list[dict[str, Any]] = []
    revisions = migrations.known_revisions()
    for revision in revisions:
        await go_up(connect, revision)
        there = await _look(connect)
        gone += [kept.pop(part) | {"until": revision} for part in set(kept) - set(there)]
        kept |= {part: asdict(part) | {"since": revision} for part in there if part not in kept}
    parts = [kept[part] for part in there] + sorted(gone, key=lambda part: (part["table"], part["name"]))
    columns = _lines([part for part in parts if "type" in part])
    indexes = _lines([part for part in parts if "definition" in part])
    return f'{{\n"revision": "{revisions[-1]}",\n"columns": {columns},\n"indexes": {indexes}\n}}\n'


async def _look(connect: migrations.Connect) -> list[Column | Index]:
    connection = await connect()
    try:
        tables = await connection.fetchval(_TABLES)
        columns = await connection.fetch(_SQL.find_columns, tables)
        indexes = await connection.fetch(_SQL.find_indexes, tables, OTHERS)
    finally:
        await connection.close()
    columns.sort(key=lambda row: tables.index(row["table"]))
    indexes.sort(key=lambda row: (tables.index(row["table"]), row["name"] or ""))
    return [*(Column(*row) for row in columns), *(_index(row) for row in indexes if _is_of_a_whole(row))]


def _is_of_a_whole(row: asyncpg.Record) -> bool:
    return bool(row["is_whole"] and row["name"])


def _index(row: asyncpg.Record) -> Index:
    return Index(row["table"], row["name"], row["definition"], row["is_unique"], row["is_primary"])


def _lines(parts: list[dict[str, Any]]) -> str:
    """Return a JSON array with a line for each, so that a change of the schema is a readable diff."""
    return "[\n" + ",\n".join(json.dumps(part) for part in parts) + "\n]"


async def _renew() -> None:
    with scratch_directory() as directory:
        async with EmbeddedPostgres(directory / "postgres") as postgres:
            SNAPSHOT.write_text(await snapshot(connect_to(postgres.url)), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_renew())
    sys.stdout.write(f"Written: {SNAPSHOT}\n")
