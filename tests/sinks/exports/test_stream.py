"""The stream as a whole: one snapshot, bounded memory, an end to everything that can fail on the way."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import secrets
import time
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest
from pydantic import SecretStr

from app.postgres.connections import connect
from models.exports import ExportOptions, Source
from sinks.errors import CannotGoOn, ServiceDown
from sinks.exports import copy as export_copy
from sinks.exports.copy import BLOCK_BYTES, BLOCKS_AHEAD
from sinks.exports.stream import WantedExport, Written, write_export
from tests.services import LIMIT_S, changed, eventually, migrate, settings_for_tests
from tests.sinks.exports.exporting import BEGIN, World, cells, exported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from app.local.embedded import EmbeddedPostgres
    from app.settings import Settings

OWNER = "a@example.org"
EVERYTHING = ExportOptions(include_metadata=True, include_raw_payload=True)
EXPORT = WantedExport(OWNER, "Health", Source.CHAT_LOG, EVERYTHING)
#: Bytes of `raw_payload`, incompressible, so that the file is as long as the rows say.
PAYLOAD = 3_000


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        yield World(connection)
    finally:
        await connection.close()


async def fill(connection: asyncpg.Connection[asyncpg.Record], rows: int) -> None:
    """Store long messages of one survey, each of several lines."""
    world = World(connection)
    surveyid = await world.survey(await world.owner(OWNER, "page"), "Health", "flu")
    await connection.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content, surveyid, raw_payload, metadata) "
        "SELECT 'u' || n % 100, $2::timestamptz + n * interval '1 s', 'user', E'a\\nb, \"c\"\\n' || n, $1, "
        "jsonb_build_object('data', $3 || n), '{}' FROM generate_series(1, $4::int) AS n",
        surveyid,
        BEGIN,
        secrets.token_hex(PAYLOAD // 2),
        rows,
    )


async def test_a_file_of_many_blocks_has_every_row_once(database: Settings, world: World) -> None:
    await fill(world.connection, 3_000)
    progress = Written()

    file = await exported(
        database, OWNER, "Health", progress=progress, include_raw_payload=True, include_metadata=True
    )

    assert len(file) > 5 * BLOCK_BYTES
    rows = cells(file)[1:]
    assert sorted(int(row[4].split("\n")[-1]) for row in rows) == list(range(1, 3_001))
    assert (progress.rows, progress.bytes) == (3_000, len(file))


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"format": "jsonl"}, {"format": "parquet"}])
async def test_every_format_of_many_blocks_tells_its_rows_and_bytes(
    database: Settings, world: World, options: dict[str, Any]
) -> None:
    await fill(world.connection, 3_000)
    progress = Written()

    file = await exported(database, OWNER, "Health", progress=progress, include_raw_payload=True, **options)

    assert (progress.rows, progress.bytes) == (3_000, len(file))
    if "compression" in options:
        assert len(list(csv.reader(io.StringIO(gzip.decompress(file).decode(), newline="")))) == 3_001
    if options.get("format") == "jsonl":
        assert len([orjson.loads(line) for line in file.splitlines()]) == 3_000


async def test_progress_is_close_before_the_end_though_cells_have_lines(
    database: Settings, world: World
) -> None:
    await fill(world.connection, 3_000)
    connection = await connect(database.database, statement_timeout_s=0)
    progress, seen = Written(), []

    async def write(data: bytes) -> None:
        seen.append((progress.rows, progress.bytes, len(data)))

    await write_export(connection, EXPORT, write, progress)
    await connection.close()

    for rows, before, _ in seen[2:-1]:
        # What is read is ahead of what is written, by a few blocks.
        assert before / PAYLOAD * 0.8 < rows < (before + 6 * BLOCK_BYTES) / PAYLOAD * 1.2
    assert [rows for rows, _, _ in seen] == sorted(rows for rows, _, _ in seen)


async def test_the_file_shows_one_moment(database: Settings, world: World) -> None:
    await fill(world.connection, 3_000)
    connection = await connect(database.database, statement_timeout_s=0)
    pieces: list[bytes] = []

    async def write(data: bytes) -> None:
        if not pieces:
            await world.connection.execute("DELETE FROM chat_log")
        pieces.append(data)

    await write_export(connection, EXPORT, write, Written())
    await connection.close()

    assert len(cells(b"".join(pieces))) == 3_001


async def test_who_writes_slowly_holds_up_postgresql_and_not_the_memory(
    database: Settings, world: World
) -> None:
    await fill(world.connection, 10_000)
    connection = await connect(database.database, statement_timeout_s=0)
    progress = Written()
    go_on = asyncio.Event()

    async def write(data: bytes) -> None:
        await go_on.wait()

    writing = asyncio.create_task(write_export(connection, EXPORT, write, progress))
    await until_it_stands_still(progress)
    # One that is written, those that wait, and one that is put together.
    assert progress.rows < (BLOCKS_AHEAD + 3) * 2 * BLOCK_BYTES / PAYLOAD
    go_on.set()
    await writing
    await connection.close()
    assert progress.rows == 10_000


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"format": "parquet"}])
async def test_the_event_loop_is_never_held(
    database: Settings, world: World, options: dict[str, Any]
) -> None:
    await fill(world.connection, 6_000)
    held: list[float] = []

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            held.append(time.thread_time() - began)

    watching = asyncio.create_task(watch())
    await exported(database, OWNER, "Health", include_raw_payload=True, **options)
    watching.cancel()

    # CPU time of this thread between two turns, so that a busy machine does not count, nor does a slow one.
    assert sorted(held)[-3] < _packing_s() / 2


async def test_what_the_writer_raises_ends_the_export_and_the_query(database: Settings, world: World) -> None:
    await fill(world.connection, 10_000)
    connection = await connect(database.database, statement_timeout_s=0, application_name="failing")

    async def write(data: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        await write_export(connection, EXPORT, write, Written())

    assert connection.is_closed()
    await eventually(lambda: _is_gone(world, "failing"))


async def test_a_cancelled_export_ends_at_once_and_leaves_no_query(database: Settings, world: World) -> None:
    await fill(world.connection, 10_000)
    connection = await connect(database.database, statement_timeout_s=0, application_name="cancelled")
    progress = Written()

    async def write(data: bytes) -> None:
        await asyncio.Event().wait()

    writing = asyncio.create_task(write_export(connection, EXPORT, write, progress))
    await until_it_stands_still(progress)
    writing.cancel()
    # Though nobody takes what is there to write, and never will.
    await asyncio.wait({writing}, timeout=LIMIT_S)

    assert writing.cancelled()
    await eventually(lambda: _is_gone(world, "cancelled"))


async def test_a_connection_that_is_ended_by_the_server_is_a_service_that_is_down(
    database: Settings, world: World
) -> None:
    await fill(world.connection, 10_000)
    connection = await connect(database.database, statement_timeout_s=0, application_name="ended")
    has_ended = False

    async def write(data: bytes) -> None:
        nonlocal has_ended
        if not has_ended:
            has_ended = True
            await world.connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ended'"
            )

    with pytest.raises(ServiceDown, match="PostgreSQL"):
        await write_export(connection, EXPORT, write, Written())


async def test_a_server_that_says_nothing_any_more_is_given_up(
    dedicated_postgres: EmbeddedPostgres,
    unique_env: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_for_tests(unique_env, "127.0.0.1:1", dedicated_postgres.url, tmp_path)
    await migrate(dedicated_postgres.url)
    filling = await connect(settings.database, statement_timeout_s=0)
    await fill(filling, 10_000)
    await filling.close()
    connection = await connect(settings.database, statement_timeout_s=0)
    monkeypatch.setattr(export_copy, "SILENCE_S", 2.0)
    server = psutil.Process(connection.get_server_pid())

    async def write(data: bytes) -> None:
        server.suspend()

    try:
        with pytest.raises(ServiceDown, match="does not answer"):
            await write_export(connection, EXPORT, write, Written())
    finally:
        server.resume()


async def test_a_table_that_is_missing_says_what_to_do(database: Settings, world: World) -> None:
    await world.survey(await world.owner(OWNER, "page"), "Health", "flu")
    await world.connection.execute("DROP TABLE responses")

    with pytest.raises(CannotGoOn, match="chatlog migrate up"):
        await exported(database, OWNER, "Health", Source.RESPONSES)


async def test_a_time_limit_and_a_zone_of_the_database_change_nothing(
    database: Settings, world: World
) -> None:
    await fill(world.connection, 10_000)
    before = await exported(database, OWNER, "Health", include_raw_payload=True)
    name = await world.connection.fetchval("SELECT current_database()")
    for setting in ("TimeZone = 'Asia/Kolkata'", "DateStyle = 'German'", "statement_timeout = '1s'"):
        await world.connection.execute(f"ALTER DATABASE {name} SET {setting}")
    import asyncpg  # noqa: PLC0415  only here is it not the application that connects

    connection = await asyncpg.connect(
        database.database.require_url(), server_settings={"application_name": "limited"}
    )
    pieces: list[bytes] = []

    async def write(data: bytes) -> None:
        if not pieces:
            await eventually(lambda: _is_beyond_the_limit(world, "limited"))
        pieces.append(data)

    since = BEGIN - timedelta(days=1)
    options = ExportOptions(include_raw_payload=True, since=since)
    await write_export(connection, WantedExport(OWNER, "Health", Source.CHAT_LOG, options), write, Written())
    await connection.close()

    assert b"".join(pieces) == before


async def test_the_rights_of_the_exporter_suffice(database: Settings, world: World) -> None:
    await fill(world.connection, 10)
    user = f"exporter_{secrets.token_hex(4)}"
    await world.connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{user}' IN ROLE chatlog_exporter")
    try:
        url = database.database.require_url()
        as_user = url.replace(url.split("//")[1].split("@")[0], f"{user}:{user}")
        file = await exported(changed(database, database_url=SecretStr(as_user)), OWNER, "Health")
    finally:
        await world.connection.execute(f"DROP ROLE {user}")

    assert len(cells(file)) == 11


def _packing_s() -> float:
    """Return how long this machine takes to compress a block by the standard library, in CPU time."""
    block = secrets.token_hex(BLOCK_BYTES // 2).encode()
    began = time.thread_time()
    zlib.compress(block)
    return time.thread_time() - began


async def until_it_stands_still(progress: Written) -> None:
    """Return when everything that may be in memory is full."""
    read: list[int] = []

    async def stands_still() -> bool:
        read.append(progress.rows)
        return read[-1] > 0 and read[-10:] == [read[-1]] * 10

    await eventually(stands_still)


async def _is_beyond_the_limit(world: World, name: str) -> bool:
    return bool(
        await world.connection.fetchval(
            "SELECT clock_timestamp() - query_start > interval '1.5 s' FROM pg_stat_activity "
            "WHERE application_name = $1 AND query LIKE 'COPY%' AND state = 'active'",
            name,
        )
    )


async def _is_gone(world: World, name: str) -> bool:
    found: int = await world.connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name
    )
    return found == 0
