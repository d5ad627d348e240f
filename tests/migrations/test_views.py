from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.migrations.test_chat_log import write
from tests.migrations.test_documents import now, say

if TYPE_CHECKING:
    Database = asyncpg.Connection[asyncpg.Record]


async def plan_of(database: Database, query: str) -> str:
    """Return how PostgreSQL would go about it, if there were much to read."""
    await database.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
    return "\n".join(row[0] for row in await database.fetch(f"EXPLAIN {query}"))


async def test_what_was_said_anywhere_is_in_one_list(database: Database) -> None:
    await say(database, "on twitch", now() - timedelta(minutes=1))
    await write(database, "ann", now(), "on messenger")
    await database.execute(
        "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, shortcode) "
        "VALUES ('ann', 'page', $1, 'bot', 'asked', 'form')",
        now() + timedelta(minutes=1),
    )
    rows = await database.fetch("SELECT * FROM all_messages ORDER BY timestamp")
    assert [(row["platform"], row["channel"], row["role"], row["author_id"]) for row in rows] == [
        ("twitch", "my_channel", "user", "1"),
        ("messenger", None, "user", "ann"),
        ("messenger", "page", "assistant", "ann"),
    ]
    assert [row["content"] for row in rows] == ["on twitch", "on messenger", "asked"]
    assert rows[2]["shortcode"] == "form"


@pytest.mark.parametrize(
    ("deletion", "is_seen"), [(None, True), ("keep", True), ("blank", True), ("hide", False)]
)
async def test_deleted_messages_are_seen_unless_they_are_to_be_hidden(
    database: Database, deletion: str | None, is_seen: bool
) -> None:
    await say(database, "taken back", now(), deletion=deletion)
    assert bool(await database.fetch("SELECT FROM all_messages")) is is_seen
    assert bool(await database.fetch("SELECT FROM live.chat_messages")) is is_seen


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("channel = 'attic'", "timestamp_idx"),
        ("author_id = 'ann'", "author_id_timestamp_idx"),
        ("conversation_id = '00000000-0000-0000-0000-000000000001'", "conversation_id_timestamp_id_idx"),
    ],
)
async def test_the_newest_are_read_from_the_ends_of_the_platforms_indexes(
    database: Database, asked: str, index: str
) -> None:
    plan = await plan_of(
        database,
        f"SELECT * FROM all_messages WHERE platform = 'twitch' AND {asked} ORDER BY timestamp DESC LIMIT 50",
    )
    assert "Merge Append" in plan
    assert f"Index Scan Backward using messages_twitch_{now():%Y_%m}_{index}" in plan
    # Neither what a view that is not taken apart leaves, nor another platform.
    for unwanted in (
        "Subquery Scan",
        "Seq Scan",
        "Sort  (",
        "messages_discord",
        "messages_default",
        "chat_log",
    ):
        assert unwanted not in plan


async def test_messengers_are_read_from_chat_log_alone(database: Database) -> None:
    plan = await plan_of(
        database,
        "SELECT * FROM all_messages WHERE platform = 'messenger' AND author_id = 'ann' "
        "ORDER BY timestamp DESC LIMIT 50",
    )
    assert f"Index Scan Backward using chat_log_{now():%Y_%m}_pkey" in plan
    assert "Subquery Scan" not in plan
    assert "Seq Scan" not in plan


async def test_a_sessions_turns_are_found_by_indexes(database: Database) -> None:
    await database.execute(
        "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response) "
        "SELECT n::text, 'q', 'a' FROM generate_series(1, 500) AS n; ANALYZE messages; ANALYZE conversations"
    )
    plan = await plan_of(
        database,
        "SELECT * FROM assistant.chat_conversations WHERE session_id = 's' ORDER BY timestamp LIMIT 50",
    )
    assert "Index Scan using conversations_channel_idx" in plan
    assert "(conversation_id = session.id)" in plan
    assert "(id = answer.reply_to)" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    "said", ["1969-12-31 23:59:59+00", "1970-01-01 00:00:00+00", "-infinity", "12000-01-01", "infinity"]
)
async def test_a_turn_of_a_time_that_no_id_can_hold_is_refused(database: Database, said: str) -> None:
    with pytest.raises(asyncpg.DatetimeFieldOverflowError):
        await database.execute(
            "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response, timestamp) "
            f"VALUES ('s', 'question', 'answer', '{said}')"
        )


async def test_no_sum_that_somebody_sets_keeps_turns_from_being_stored(database: Database) -> None:
    await database.execute(
        "INSERT INTO assistant.chat_sessions (id, total_messages) VALUES ('s', 2147483647)"
    )
    await database.execute(
        "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response) "
        "VALUES ('s', 'question', 'answer')"
    )
    assert await database.fetchval("SELECT total_messages FROM assistant.chat_sessions") == 1
