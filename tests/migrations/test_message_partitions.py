from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import asyncpg
import pytest

from models.ids import message_id
from tests.migrations.test_partitions import month
from tests.services import eventually

if TYPE_CHECKING:
    from datetime import datetime

    import migrations

    Database = asyncpg.Connection[asyncpg.Record]

#: No platform of ours has these names: nothing is made before a test does it.
PARROT, RAVEN = "parrot", "raven"
CONVERSATION = uuid.UUID(int=1)


def partition(distance: int, platform: str = PARROT) -> str:
    """Return the name of a month's partition."""
    return f"messages_{platform}_{month(distance):%Y_%m}"


async def make(database: Database, platforms: list[str | None], back: int = 1, ahead: int = 1) -> list[str]:
    made = await database.fetch("SELECT make_message_partitions($1, $2, $3)", platforms, back, ahead)
    return [row[0] for row in made]


async def say(
    database: Database, said: str, when: datetime, platform: str = PARROT, author: str = "ann"
) -> None:
    await database.execute(
        "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, author_id, content) "
        "VALUES ($1, $2, $3, $4, 'perch', 'user', $5, $6)",
        platform,
        message_id(platform, said, int(when.timestamp() * 1000)),
        when,
        CONVERSATION,
        author,
        said,
    )


async def where(database: Database, said: str) -> str:
    found: str = await database.fetchval(
        "SELECT tableoid::regclass::text FROM messages WHERE content = $1", said
    )
    return found


async def partitions_of(database: Database, table: str) -> set[str]:
    rows = await database.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass($1)", table
    )
    return {row[0] for row in rows}


async def test_a_platform_gets_its_partition_with_a_default_and_months(database: Database) -> None:
    made = await make(database, [PARROT])
    assert made == ["messages_parrot", partition(-1), partition(0), partition(1)]
    assert "messages_parrot" in await partitions_of(database, "messages")
    assert await partitions_of(database, "messages_parrot") == {"messages_parrot_default", *made[1:]}


async def test_only_what_is_missing_is_made(database: Database) -> None:
    await make(database, [PARROT])
    assert await make(database, [PARROT]) == []
    made = await make(database, [RAVEN, PARROT, RAVEN], 0, 2)
    assert made == [partition(2), "messages_raven", *(partition(distance, RAVEN) for distance in (0, 1, 2))]


async def test_without_saying_how_many_it_is_three_months_either_way(database: Database) -> None:
    made = await database.fetch("SELECT make_message_partitions('{parrot}')")
    assert [row[0] for row in made[1:]] == [partition(distance) for distance in range(-3, 4)]


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
async def test_the_sessions_time_zone_does_not_matter(database: Database, time_zone: str) -> None:
    await database.execute(f"SET timezone = '{time_zone}'")
    await make(database, [PARROT])
    await database.execute("SET timezone = 'UTC'")
    bound = await database.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = $1", partition(1)
    )
    assert f"FROM ('{month(1):%Y-%m}-01 00:00:00+00')" in bound
    assert f"TO ('{month(2):%Y-%m}-01 00:00:00+00')" in bound


async def test_messages_of_a_platform_without_partition_wait_and_move(database: Database) -> None:
    for said, when in (("today", month(0)), ("old", month(-40)), ("early", month(4))):
        await say(database, said, when)
    await say(database, "of a raven", month(0), RAVEN)
    assert {await where(database, said) for said in ("today", "old", "of a raven")} == {"messages_default"}

    await make(database, [PARROT])
    assert await where(database, "today") == partition(0)
    assert await where(database, "old") == await where(database, "early") == "messages_parrot_default"
    assert await where(database, "of a raven") == "messages_default"

    assert await make(database, [PARROT], 0, 4) == [partition(distance) for distance in (2, 3, 4)]
    assert await where(database, "early") == partition(4)
    assert await where(database, "old") == "messages_parrot_default"


async def test_every_partition_is_like_messages_itself(database: Database) -> None:
    await say(database, "today", month(0))
    await make(database, [PARROT])
    shapes = []
    for name in ("messages", "messages_default", "messages_parrot", "messages_parrot_default", partition(0)):
        indexes = await database.fetch(
            "SELECT substring(pg_get_indexdef(indexrelid) FROM 'USING .*'), "
            "EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid) AS is_attached "
            "FROM pg_index WHERE indrelid = $1::regclass",
            name,
        )
        columns = await database.fetch(
            "SELECT attname, attnum, atttypid, attnotnull, attstattarget, pg_get_expr(adbin, adrelid) "
            "FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
            "WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
            name,
        )
        # Each of its indexes is part of messages' own, or dropping or rebuilding those would pass it by.
        assert {row["is_attached"] for row in indexes} == {name != "messages"}
        shapes.append((sorted(row[0] for row in indexes), columns))
    assert shapes == [shapes[0]] * len(shapes)
    assert len(shapes[0][0]) == 4


async def test_what_was_said_is_in_no_statistics(database: Database) -> None:
    await make(database, [PARROT])
    for number in range(100):
        await say(database, f"secret {number % 2}-{number}", month(0))
    await say(database, "secret elsewhere", month(0), RAVEN)
    await database.execute("ANALYZE messages")
    known = await database.fetch(
        "SELECT attname::text FROM pg_stats WHERE tablename LIKE 'messages%' "
        "AND (most_common_vals IS NOT NULL OR histogram_bounds IS NOT NULL)"
    )
    assert "content" not in {row[0] for row in known}
    assert "timestamp" in {row[0] for row in known}


async def test_a_message_that_comes_again_is_one_row_wherever_it_lies(database: Database) -> None:
    await make(database, [PARROT])
    for when in (month(0), month(-40)):
        await say(database, "again", when)
        with pytest.raises(asyncpg.UniqueViolationError):
            await say(database, "again", when)


async def may_wait(database: Database, how_long: str) -> None:
    """Have the function wait for its locks for so long."""
    await database.execute(
        f"ALTER FUNCTION make_message_partitions(varchar[], integer, integer) SET lock_timeout = '{how_long}'"
    )


async def test_two_at_once_both_succeed(migrated: migrations.Connect, database: Database) -> None:
    await say(database, "today", month(0))
    await may_wait(database, "60s")
    first, second = await migrated(), await migrated()
    made = await asyncio.gather(make(first, [PARROT]), make(second, [PARROT]))
    assert sorted(map(len, made)) == [0, 4]
    assert await where(database, "today") == partition(0)
    await first.close()
    await second.close()


async def test_readers_and_writers_notice_nothing_while_rows_move(
    migrated: migrations.Connect, database: Database
) -> None:
    waiting = 500
    await may_wait(database, "60s")
    for number in range(waiting):
        await say(database, f"{number}", month(number % 3), author="early")
    reader, writer = await migrated(), await migrated()
    counts: list[int] = []
    written = 0
    moved = asyncio.Event()

    async def read() -> None:
        while not moved.is_set():
            counts.append(
                await reader.fetchval(
                    "SELECT count(*) FROM messages WHERE platform = 'parrot' AND author_id = 'early'"
                )
            )

    async def keep_writing() -> None:
        nonlocal written
        while not moved.is_set():
            await say(writer, f"new {written}", month(written % 3))
            written += 1

    async def move() -> None:
        await eventually(lambda: counts and written)
        for ahead in (0, 1, 2):
            seen = len(counts), written
            await make(database, [PARROT], 0, ahead)
            await eventually(lambda: len(counts) > seen[0] and written > seen[1])  # noqa: B023
        moved.set()

    await asyncio.gather(read(), keep_writing(), move())

    assert set(counts) == {waiting}
    assert await database.fetchval("SELECT count(*) FROM messages") == waiting + written
    left = await database.fetchval(
        "SELECT (SELECT count(*) FROM messages_default) + (SELECT count(*) FROM messages_parrot_default)"
    )
    assert left == 0
    await reader.close()
    await writer.close()


async def test_a_long_query_on_one_platform_does_not_hold_up_another(
    migrated: migrations.Connect, database: Database
) -> None:
    await make(database, [PARROT])
    await make(database, [RAVEN])
    await may_wait(database, "50ms")
    reader = await migrated()
    async with reader.transaction():
        await reader.execute("SELECT FROM messages WHERE platform = 'parrot'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await make(database, [PARROT], 1, 2)
        assert await make(database, [RAVEN], 1, 2) == [partition(2, RAVEN)]
    assert await make(database, [PARROT], 1, 2) == [partition(2)]
    await reader.close()


@pytest.mark.parametrize(("back", "ahead"), [(-1, 0), (0, -1), (121, 0), (0, 121)])
async def test_nobody_can_make_partitions_without_end(database: Database, back: int, ahead: int) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="from 0 to 120"):
        await make(database, [PARROT], back, ahead)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "Parrot",
            "1parrot",
            "par-rot",
            'par"rot',
            "parrot; DROP TABLE messages",
            "parrot\n",
            "попугай",
        ),
        *("a" * 32, "default", "parrot_default", "parrot_2026_11", None),
    ],
)
async def test_a_name_that_could_be_another_tables_is_refused(database: Database, name: str | None) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="no platform can be called"):
        await make(database, [RAVEN, name])
    assert await database.fetchval("SELECT to_regclass('messages_raven') IS NULL")


async def test_a_name_as_long_as_may_be_has_its_months(database: Database) -> None:
    assert len(await make(database, ["a" * 31])) == 4


@pytest.mark.parametrize("in_the_way", ["messages_parrot", partition(1)])
async def test_a_table_in_the_way_is_left_alone(database: Database, in_the_way: str) -> None:
    await database.execute(f"CREATE TABLE {in_the_way} (of_someone_else int)")
    made = await make(database, [PARROT])
    assert made == (
        [] if in_the_way == "messages_parrot" else ["messages_parrot", partition(-1), partition(0)]
    )
    await say(database, "next month", month(1))
    assert (await where(database, "next month")).endswith("_default")
