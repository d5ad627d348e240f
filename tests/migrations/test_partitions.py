from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.migrations.test_chat_log import write
from tests.services import eventually

if TYPE_CHECKING:
    import migrations

    Database = asyncpg.Connection[asyncpg.Record]


def month(distance: int) -> datetime:
    """Return the middle of the month that many months from now."""
    now = datetime.now(UTC)
    count = now.year * 12 + now.month - 1 + distance
    return datetime(count // 12, count % 12 + 1, 15, tzinfo=UTC)


def partition(distance: int) -> str:
    """Return the name of that month's partition."""
    return f"chat_log_{month(distance):%Y_%m}"


async def make(database: Database, back: int, ahead: int) -> list[str]:
    return [row[0] for row in await database.fetch("SELECT chat_log_make_partitions($1, $2)", back, ahead)]


async def partitions(database: Database) -> set[str]:
    rows = await database.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'chat_log'::regclass"
    )
    return {row[0] for row in rows}


async def where(database: Database, userid: str) -> str | None:
    found: str | None = await database.fetchval(
        "SELECT tableoid::regclass::text FROM chat_log WHERE userid = $1", userid
    )
    return found


async def test_migrating_makes_three_months_back_and_three_ahead(database: Database) -> None:
    months = {partition(distance) for distance in range(-3, 4)}
    assert await partitions(database) == months | {"chat_log_default"}


async def test_only_what_is_missing_is_made(database: Database) -> None:
    assert await make(database, 3, 3) == []
    assert await make(database, 4, 4) == [partition(-4), partition(4)]
    assert await make(database, 4, 4) == []


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
async def test_the_sessions_time_zone_does_not_matter(database: Database, time_zone: str) -> None:
    await database.execute(f"SET timezone = '{time_zone}'")
    await make(database, 0, 4)
    await database.execute("SET timezone = 'UTC'")
    bound = await database.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = $1", partition(4)
    )
    assert f"FROM ('{month(4):%Y-%m}-01 00:00:00+00')" in bound
    assert f"TO ('{month(5):%Y-%m}-01 00:00:00+00')" in bound


async def test_rows_that_wait_in_the_default_partition_move_to_their_month(database: Database) -> None:
    await write(database, "old", month(-40))
    await write(database, "early", month(5))
    await write(database, "other", month(6))
    assert {await where(database, userid) for userid in ("old", "early", "other")} == {"chat_log_default"}

    assert await make(database, 0, 5) == [partition(4), partition(5)]

    assert await where(database, "early") == partition(5)
    assert await where(database, "old") == "chat_log_default"
    assert await where(database, "other") == "chat_log_default"


async def test_a_partition_that_took_rows_over_is_like_any_other(database: Database) -> None:
    await write(database, "early", month(5))
    await make(database, 0, 5)

    shapes = []
    for name in (partition(3), partition(5)):
        indexes = await database.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = $1", name)
        shapes.append({row[0].replace(name, "PARTITION") for row in indexes})
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 8
    # Each of its indexes is part of chat_log's, or dropping or rebuilding those would pass it by.
    attached = await database.fetchval(
        "SELECT count(*) FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid "
        "WHERE indrelid = $1::regclass",
        partition(5),
    )
    assert attached == 8


async def may_wait(database: Database, how_long: str) -> None:
    """Have the function wait for its locks for so long."""
    await database.execute(
        f"ALTER FUNCTION chat_log_make_partitions(integer, integer) SET lock_timeout = '{how_long}'"
    )


async def test_two_at_once_both_succeed(migrated: migrations.Connect, database: Database) -> None:
    await write(database, "early", month(5))
    await may_wait(database, "60s")
    first, second = await migrated(), await migrated()
    made = await asyncio.gather(make(first, 6, 6), make(second, 6, 6))
    assert sorted(map(len, made)) == [0, 6]
    assert await where(database, "early") == partition(5)
    await first.close()
    await second.close()


async def test_readers_and_writers_notice_nothing_while_rows_move(
    migrated: migrations.Connect, database: Database
) -> None:
    waiting = 2_000
    await may_wait(database, "60s")
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) "
        "SELECT n::text, $1, 'user', 'x' FROM generate_series(1, $2::int) AS n",
        month(5),
        waiting,
    )
    reader, writer = await migrated(), await migrated()
    counts: list[int] = []
    written = 0
    moved = asyncio.Event()

    async def read() -> None:
        while not moved.is_set():
            counts.append(await reader.fetchval("SELECT count(*) FROM chat_log WHERE content = 'x'"))

    async def keep_writing() -> None:
        nonlocal written
        while not moved.is_set():
            await write(writer, f"new-{written}", month(5 + written % 3))
            written += 1

    async def move() -> None:
        await eventually(lambda: counts and written)
        for ahead in (5, 6, 7):
            await make(database, 0, ahead)
        moved.set()

    await asyncio.gather(read(), keep_writing(), move())

    assert set(counts) == {waiting}
    assert await database.fetchval("SELECT count(*) FROM chat_log") == waiting + written
    in_default = await database.fetchval("SELECT count(*) FROM ONLY chat_log_default")
    assert in_default == 0
    await reader.close()
    await writer.close()


async def test_a_long_query_makes_it_give_up_instead_of_holding_everyone_up(
    migrated: migrations.Connect, database: Database
) -> None:
    await may_wait(database, "50ms")
    reader = await migrated()
    async with reader.transaction():
        await reader.execute("SELECT FROM chat_log")
        assert await make(database, 3, 3) == []
        with pytest.raises(asyncpg.LockNotAvailableError):
            await make(database, 3, 4)
    assert await make(database, 3, 4) == [partition(4)]
    await reader.close()


@pytest.mark.parametrize(("back", "ahead"), [(-1, 0), (0, -1), (121, 0), (0, 121)])
async def test_nobody_can_make_partitions_without_end(database: Database, back: int, ahead: int) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="from 0 to 120"):
        await make(database, back, ahead)


async def test_ten_years_either_way_fit_into_one_call(database: Database) -> None:
    await make(database, 120, 120)
    assert len(await partitions(database)) == 242


async def test_a_table_in_the_way_is_left_alone(database: Database) -> None:
    await database.execute(f"CREATE TABLE {partition(4)} (of_someone_else int)")
    assert await make(database, 3, 5) == [partition(5)]
    await write(database, "u", month(4))
    assert await where(database, "u") == "chat_log_default"
