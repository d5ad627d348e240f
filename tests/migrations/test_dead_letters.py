from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

    Database = asyncpg.Connection[asyncpg.Record]

INSERT = """
INSERT INTO dead_letters (topic, partition, "offset", reason, key, value)
VALUES ($1, 0, $2, 'not_json', $3, $4) ON CONFLICT (topic, partition, "offset") DO NOTHING
"""


async def test_a_record_that_is_refused_again_is_one_row(database: Database) -> None:
    assert await database.execute(INSERT, "events", 7, b"k", b"\x00\xff") == "INSERT 0 1"
    assert await database.execute(INSERT, "events", 7, b"k", b"\x00\xff") == "INSERT 0 0"
    assert await database.execute(INSERT, "events", 8, None, None) == "INSERT 0 1"


async def test_a_record_is_kept_byte_for_byte(database: Database) -> None:
    await database.execute(INSERT, "events", 7, b"\x00k", bytes(range(256)))
    row = await database.fetchrow("SELECT * FROM dead_letters")
    assert row is not None
    assert (row["key"], row["value"]) == (b"\x00k", bytes(range(256)))
    assert (row["headers"], row["replayed_at"]) == ("[]", None)
    assert row["created"] is not None
