"""Sums of chat_log are what its rows are, however they came; of what has gone, nobody is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.postgres.connections import create_pool
from sinks.postgres.counting import count_people
from tests.services import in_own_loop
from tests.sinks.postgres.message_records import settler_on

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
LATER = MONDAY + timedelta(days=60)
SURVEYS = ["00000000-0000-8000-8000-00000000000a", "00000000-0000-8000-8000-00000000000b"]
INSERT = (
    "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, surveyid) "
    "VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT DO NOTHING"
)
TABLES = (
    "chat_log, conversations, message_days, message_day_deltas, figure_days, figure_hours, figure_closings, "
    "figure_people, figure_weeks, person_weeks"
)
_ROWS = """
    SELECT {time}, coalesce(pageid, ''), surveyid,
           CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END, count(*)
    FROM chat_log GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_SUMS = (
    "SELECT {time}, channel, surveyid, role, messages FROM {table} WHERE messages <> 0 ORDER BY 1, 2, 3, 4"
)
#: Who spoke in a week among those who first spoke in another: of all, of a page, of a survey.
_WEEKS = """
    SELECT channel, surveyid, first_week, week, count(*)
    FROM (
        SELECT DISTINCT level.channel, level.surveyid, week, userid,
               min(week) OVER (PARTITION BY level.number, level.channel, level.surveyid, userid) AS first_week
        FROM (SELECT *, date_trunc('week', timestamp AT TIME ZONE 'UTC')::date AS week FROM chat_log) AS said
        CROSS JOIN LATERAL (
            VALUES (1, NULL::varchar, NULL::uuid), (2, coalesce(pageid, ''), NULL), (3, NULL, surveyid)
        ) AS level (number, channel, surveyid)
        WHERE direction = 'user' AND (level.number < 3 OR level.surveyid IS NOT NULL)
    ) AS spoke
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_PEOPLE = """
    SELECT level.channel, level.surveyid, (timestamp AT TIME ZONE 'UTC')::date, count(DISTINCT userid)
    FROM chat_log
    CROSS JOIN LATERAL (
        VALUES (1, NULL::varchar, NULL::uuid), (2, coalesce(pageid, ''), NULL), (3, NULL, surveyid)
    ) AS level (number, channel, surveyid)
    WHERE direction = 'user' AND (level.number < 3 OR level.surveyid IS NOT NULL)
    GROUP BY level.number, 1, 2, 3 ORDER BY 1, 2, 3
"""

entries = st.tuples(
    st.sampled_from(["ann", "ben", "eve"]),
    st.sampled_from(["page", "other", None]),
    st.integers(0, 80).map(lambda steps: MONDAY + timedelta(hours=11 * steps)),
    st.sampled_from(["user", "user", "bot"]),
    st.sampled_from([*SURVEYS, None]),
)


async def _sums_are_what_rows_are(pool: asyncpg.Pool[Any]) -> None:
    for table, time, of_rows in [
        ("figure_days", "day", "(timestamp AT TIME ZONE 'UTC')::date"),
        ("figure_hours", "timestamp", "date_trunc('hour', timestamp, 'UTC')"),
    ]:
        sums = await pool.fetch(_SUMS.format(time=time, table=table))
        assert sums == await pool.fetch(_ROWS.format(time=of_rows)), table
    weeks = await pool.fetch(
        "SELECT channel, surveyid, first_week, week, people FROM figure_weeks WHERE people <> 0 "
        "ORDER BY 1, 2, 3, 4"
    )
    assert weeks == await pool.fetch(_WEEKS)
    people = await pool.fetch("SELECT channel, surveyid, day, people FROM figure_people ORDER BY 1, 2, 3")
    assert people == await pool.fetch(_PEOPLE)


async def _count(pool: asyncpg.Pool[Any], now: datetime = LATER) -> int:
    await settler_on(pool).settle()
    async with pool.acquire() as connection:
        return await count_people(connection, now=lambda: now)


def test_sums_of_chat_log_are_what_its_rows_are_however_they_came(system: Settings) -> None:
    async def holds_for(batches: list[list[Any]], told_later: int) -> None:
        pool = await create_pool(system.database, min_size=0)
        try:
            await pool.execute(f"TRUNCATE {TABLES} CASCADE")
            await pool.execute("SELECT chat_log_make_partitions(3, 3)")
            for number, batch in enumerate(batches):
                await pool.executemany(INSERT, batch)
                # Some are counted, and more of their day comes later.
                if number % 2 == 0:
                    await _count(pool)
            # A survey is told later, as `chatlog backfill` tells it.
            await pool.execute(
                "UPDATE chat_log SET surveyid = $1 "
                "WHERE surveyid IS NULL AND extract(hour FROM timestamp)::int % 3 = $2",
                SURVEYS[0],
                told_later,
            )
            await _count(pool)
            assert await _count(pool) == 0
            await _sums_are_what_rows_are(pool)
        finally:
            pool.terminate()

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.lists(entries, max_size=8), max_size=4), st.integers(0, 3))
    def holds(batches: list[list[Any]], told_later: int) -> None:
        # What came comes again, the other way round.
        in_own_loop(holds_for([*batches, *(batch[::-1] for batch in batches[::-1])], told_later))

    holds()


async def test_of_a_day_whose_messages_have_gone_nobody_is_counted_any_more(pool: asyncpg.Pool[Any]) -> None:
    await pool.execute("SELECT chat_log_make_partitions(3, 3)")
    await pool.executemany(INSERT, [(who, "page", MONDAY, "user", None) for who in ("ann", "ben")])
    # Not before the day is over.
    assert await _count(pool, MONDAY + timedelta(hours=23)) == 0
    assert await _count(pool, MONDAY + timedelta(days=1, minutes=11)) == 1
    await pool.execute("UPDATE message_days SET final = true")
    await pool.execute("DELETE FROM chat_log")
    await pool.execute(INSERT, "eve", "page", MONDAY + timedelta(hours=1), "user", None)

    assert await _count(pool) == 1
    assert await pool.fetchval("SELECT people FROM figure_people WHERE channel = 'page'") == 2
    assert await pool.fetchval("SELECT sum(messages) FROM figure_days") == 3
