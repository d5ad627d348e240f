from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from models.fields import INDEXED_MAX_BYTES
from tests.migrations.connecting import go_down, go_up

if TYPE_CHECKING:
    import migrations

    Database = asyncpg.Connection[asyncpg.Record]

#: As the existing writer sends it.
EXISTING_WRITER = (
    "INSERT INTO chat_log(userid,pageid,timestamp,direction,content,question_ref,shortcode,surveyid,"
    "message_type,raw_payload,metadata) VALUES {} ON CONFLICT(userid, timestamp, direction) DO NOTHING"
)
COLUMNS = 11
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def placeholders(rows: int) -> str:
    """Return `($1,$2,...),(...)`, as the existing writer builds it."""
    numbers = [f"${number}" for number in range(1, rows * COLUMNS + 1)]
    groups = [numbers[start : start + COLUMNS] for start in range(0, len(numbers), COLUMNS)]
    return ",".join(f"({','.join(group)})" for group in groups)


async def write(database: Database, userid: str = "u", when: datetime = NOON, content: str = "hi") -> None:
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ($1, $2, 'user', $3)",
        userid,
        when,
        content,
    )


async def test_the_existing_writers_statement_works_unchanged_and_twice_is_once(database: Database) -> None:
    bot = (
        "4321",
        "1234",
        NOON,
        "bot",
        "How old are you? 🙂",
        "ref-1",
        "form-a",
        "6f1e5d0e-5a9c-4f3b-8f4e-1a2b3c4d5e6f",
        "statement",
        '{"message": {"is_echo": true}}',
        '{"pageid": "1234"}',
    )
    user = ("4321", None, NOON, "user", "", None, None, None, "text", None, None)
    statement = EXISTING_WRITER.format(placeholders(2))

    assert await database.execute(statement, *bot, *user) == "INSERT 0 2"
    assert await database.execute(statement, *bot, *user) == "INSERT 0 0"
    rows = await database.fetch("SELECT * FROM chat_log ORDER BY direction")
    assert [(row["direction"], row["content"], row["message_type"]) for row in rows] == [
        ("bot", "How old are you? 🙂", "statement"),
        ("user", "", "text"),
    ]


async def test_the_columns_are_the_contract(database: Database) -> None:
    columns = await database.fetch(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
        "WHERE attrelid = 'chat_log'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert [tuple(column) for column in columns] == [
        ("userid", "character varying", True),
        ("pageid", "character varying", False),
        ("timestamp", "timestamp with time zone", True),
        ("direction", "character varying", True),
        ("content", "character varying", True),
        ("question_ref", "character varying", False),
        ("shortcode", "character varying", False),
        ("surveyid", "uuid", False),
        ("message_type", "character varying", False),
        ("raw_payload", "jsonb", False),
        ("metadata", "jsonb", False),
    ]


async def test_the_indexes_are_the_contract(database: Database) -> None:
    found = await database.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'chat_log'")
    definitions = " ".join(row[0] for row in found)
    for wanted in (
        'UNIQUE INDEX chat_log_pkey ON ONLY public.chat_log USING btree (userid, "timestamp", direction)',
        'USING btree (userid, "timestamp") INCLUDE (content, question_ref) WHERE',
        'USING btree (shortcode, userid, "timestamp")',
        "USING gin (metadata)",
        'USING btree (surveyid, userid, "timestamp", direction) WHERE (surveyid IS NOT NULL)',
        'USING btree (shortcode, userid, "timestamp", direction) WHERE (surveyid IS NULL)',
    ):
        assert wanted in definitions


async def test_any_direction_is_stored_as_the_existing_writer_would(database: Database) -> None:
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('u', now(), '?', '')"
    )


# Random, because PostgreSQL compresses before it measures.
@pytest.mark.parametrize("size_bytes", [0, 1_999, 2_000, 2_001, 2_704, 6_000, 1_000_000])
@pytest.mark.parametrize("userid_bytes", [16, INDEXED_MAX_BYTES])
async def test_a_message_of_any_length_is_stored(
    database: Database, userid_bytes: int, size_bytes: int
) -> None:
    userid = secrets.token_hex(userid_bytes // 2)
    content = secrets.token_hex(size_bytes)[:size_bytes]
    await write(database, userid, content=content)
    assert await database.fetchval("SELECT content FROM chat_log WHERE userid = $1", userid) == content


async def test_without_its_condition_the_index_would_refuse_long_messages(database: Database) -> None:
    await database.execute(
        "CREATE INDEX plain ON chat_log (userid, timestamp) INCLUDE (content, question_ref)"
    )
    with pytest.raises(asyncpg.ProgramLimitExceededError):
        await write(database, content=secrets.token_hex(3_000))


async def test_text_and_question_together_may_be_long(database: Database) -> None:
    for content_bytes, ref_bytes in ((1_000, 1_000), (1_000, 1_001), (1_500, 1_500)):
        await database.execute(
            "INSERT INTO chat_log (userid, timestamp, direction, content, question_ref, shortcode) "
            "VALUES ($1, $2, 'bot', $3, $4, $5)",
            secrets.token_hex(INDEXED_MAX_BYTES // 2),
            NOON,
            secrets.token_hex(content_bytes)[:content_bytes],
            secrets.token_hex(ref_bytes)[:ref_bytes],
            secrets.token_hex(INDEXED_MAX_BYTES // 2),
        )
    assert await database.fetchval("SELECT count(*) FROM chat_log") == 3


async def test_a_long_message_in_a_long_script_is_found_by_its_conversation(database: Database) -> None:
    messages = ["नमस्ते " * 300, "short", "مرحبا " * 400]
    for minute, content in enumerate(messages):
        await write(database, when=NOON + timedelta(minutes=minute), content=content)
    rows = await database.fetch("SELECT content FROM chat_log WHERE userid = 'u' ORDER BY timestamp")
    assert [row["content"] for row in rows] == messages


async def test_a_conversation_of_short_messages_is_answered_by_the_index_alone(database: Database) -> None:
    await write(database)
    await database.execute("VACUUM chat_log")
    await database.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    plan = await database.fetch(
        "EXPLAIN SELECT timestamp, content, question_ref FROM chat_log WHERE userid = 'u' "
        "AND octet_length(content) + coalesce(octet_length(question_ref), 0) <= 2000 ORDER BY timestamp"
    )
    assert any("Index Only Scan" in row[0] for row in plan)


async def test_a_survey_is_read_in_order_without_sorting(database: Database) -> None:
    for number in range(200):
        await write(database, f"u{number % 7}", NOON + timedelta(days=number))
    await database.execute("UPDATE chat_log SET shortcode = 'form'")
    await database.execute(
        "UPDATE chat_log SET surveyid = '00000000-0000-4000-8000-000000000001' WHERE userid < 'u4'"
    )
    # So few rows are sorted rather than walked, if that is left to the planner.
    await database.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
    for condition, count in (
        ("surveyid = '00000000-0000-4000-8000-000000000001'", 116),
        ("surveyid IS NULL AND shortcode = 'form'", 84),
    ):
        query = (
            f"SELECT userid, timestamp, direction FROM chat_log WHERE {condition} "
            "ORDER BY userid, timestamp, direction"
        )
        plan = "\n".join(row[0] for row in await database.fetch(f"EXPLAIN {query}"))
        assert "Merge Append" in plan
        assert "->  Sort" not in plan
        rows = [tuple(row) for row in await database.fetch(query)]
        assert rows == sorted(rows)
        assert len(rows) == count


async def test_the_indexes_by_survey_can_be_made_beforehand_as_the_procedure_says(
    empty: Database, open_connection: migrations.Connect
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (block,) = re.findall(r"### Indexes of a large chat_log\n.*?```sql\n(.*?)```", page, re.DOTALL)
    parents, making = block.split("\n\n")
    await go_up(open_connection, "0006")
    await write(empty)

    await empty.execute(parents)
    for row in await empty.fetch(making.replace("\\gexec", "")):
        for statement in row:
            await empty.execute(statement)
    await go_up(open_connection)

    indexes = await empty.fetch(
        "SELECT indrelid::regclass::text AS of, indisvalid FROM pg_index WHERE indrelid IN ("
        "SELECT relid FROM pg_partition_tree('chat_log')) AND pg_get_indexdef(indexrelid) LIKE '%surveyid%'"
    )
    assert all(index["indisvalid"] for index in indexes)
    assert len(indexes) == 2 * len({index["of"] for index in indexes})
    await go_down(open_connection, "0006")


@pytest.mark.parametrize(
    "when",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    ],
)
async def test_no_row_is_refused_for_its_date(database: Database, when: datetime) -> None:
    await write(database, when=when)
    assert await database.fetchval("SELECT tableoid::regclass::text FROM chat_log") == "chat_log_default"


async def test_a_month_begins_at_midnight_utc(database: Database) -> None:
    this_month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = this_month - timedelta(milliseconds=1)
    tokyo = timezone(timedelta(hours=9))
    await write(database, "first", this_month.astimezone(tokyo))
    await write(database, "last", before.astimezone(tokyo))

    rows = await database.fetch("SELECT userid, tableoid::regclass::text AS partition FROM chat_log")
    assert {row["userid"]: row["partition"] for row in rows} == {
        "first": f"chat_log_{this_month:%Y_%m}",
        "last": f"chat_log_{before:%Y_%m}",
    }
