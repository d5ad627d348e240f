"""PostgreSQL makes the same ids of the same as `models.ids`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.ids import chat_log_id, conversation_key, id_at, message_source, source_of
from models.text import clean_text

if TYPE_CHECKING:
    import asyncpg

    Database = asyncpg.Connection[asyncpg.Record]

#: What a text column can hold.
TEXTS = st.text().map(clean_text)
SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC)
#: From 1970 to 9999; a microsecond less, as asyncpg takes the last one for infinity.
TIMES_US = st.integers(0, 253_402_300_799_999_998)

# The database is only asked.
of_one_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@of_one_database
@given(TEXTS, TEXTS, TEXTS)
@example("twitch", "", "")
@example("a\nb", "c", "\U0001f642 \u0939\u0948")
async def test_a_conversation_has_the_same_key(
    database: Database, platform: str, channel: str, external_id: str
) -> None:
    made = await database.fetchval(
        "SELECT conversation_key($1, $2, $3)::text", platform, channel, external_id
    )
    assert made == conversation_key(platform, channel, external_id)


@of_one_database
@given(TEXTS, TEXTS, TIMES_US)
@example("twitch", "id", 0)
@example("twitch", "id", 1_764_460_800_000_999)
@example("twitch", "id", 253_402_300_799_999_998)
async def test_a_message_has_the_same_id_and_source(
    database: Database, platform: str, source_id: str, said_us: int
) -> None:
    source = message_source(platform, source_id)
    ours = id_at(source, said_us // 1000)
    (made,) = await database.fetch(
        "SELECT message_id_at($1, $2)::text, message_source($3)::text, message_source($4, $5)::text, "
        "message_time($3)",
        source,
        SINCE_1970 + timedelta(microseconds=said_us),
        *(ours, platform, source_id),
    )
    said = SINCE_1970 + timedelta(milliseconds=said_us // 1000)
    assert tuple(made) == (ours, source_of(ours), source, said)
    assert source_of(ours) == source


async def test_they_are_the_same_whatever_the_session_is_set_to(database: Database) -> None:
    await database.execute(
        "SET timezone = 'Asia/Kathmandu'; SET datestyle = 'SQL, DMY'; SET search_path = ''"
    )
    source = message_source("twitch", "id")
    (made,) = await database.fetch(
        "SELECT id::text, public.message_time(id) = '2026-11-30 00:00:00.123+00' "
        "FROM public.message_id_at($1, '2026-11-30 00:00:00.123456+00') AS id",
        source,
    )
    assert tuple(made) == (id_at(source, 1_795_996_800_123), True)


@of_one_database
@given(TEXTS, TIMES_US, st.sampled_from(["bot", "user"]))
@example("2050", 1_764_460_800_000_999, "user")
async def test_a_message_of_chat_log_has_the_same_id(
    database: Database, userid: str, said_us: int, direction: str
) -> None:
    said = SINCE_1970 + timedelta(microseconds=said_us)
    made = await database.fetchval("SELECT chat_log_id($1, $2, $3)::text", userid, said, direction)
    assert made == chat_log_id(userid, said_us, direction)


async def test_a_time_that_no_id_can_hold_gives_none(database: Database) -> None:
    for said in ("1969-12-31 23:59:59Z", "10000-01-01", "-infinity", "infinity", "20000-01-01"):
        assert await database.fetchval(f"SELECT chat_log_id('u', '{said}', 'bot')") is None
