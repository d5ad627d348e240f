"""Gaps are written down exactly: after a kill, without a database, beside another connector."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from app.connect.gap_log import MOST_BESIDE, MOST_KEPT, GapLog
from app.connect.hearing import Gap, Hearing, Missed
from sinks.postgres.connector_gaps import find_gaps
from tests.connect.test_hearing import Numbered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Pool = asyncpg.Pool[asyncpg.Record]

START = datetime(2026, 3, 2, 18, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        yield pool


class Run:
    """One run of a connector that hears a channel."""

    def __init__(self, pool: Pool | None, platform: str = "twitch") -> None:
        self.events = Numbered()
        self.hearing = Hearing(self.events)
        self.gap_log = GapLog(platform, self.hearing, pool)
        self.ear = self.hearing.new_ear()

    async def hear(self, since_s: int, until_s: int) -> None:
        self.ear.hears("1", ms(since_s))
        self.ear.reached(ms(until_s))
        await self.gap_log.write()

    async def lose(self, reason: str = Missed.CONNECTION) -> None:
        self.ear.ends(reason)
        self.ear = self.hearing.new_ear()
        await self.gap_log.write()


def ms(seconds: int) -> int:
    return round((START + timedelta(seconds=seconds)).timestamp() * 1000)


def seconds(moment: datetime | None) -> int | None:
    return None if moment is None else round((moment - START).total_seconds())


async def rows(pool: Pool) -> list[tuple[int | None, int | None, str]]:
    found = await pool.fetch("SELECT * FROM connector_gaps ORDER BY began, ended NULLS LAST")
    return [(seconds(row["began"]), seconds(row["ended"]), row["reason"]) for row in found]


async def test_a_channel_that_is_heard_for_the_first_time_has_no_gap(pool: Pool) -> None:
    await Run(pool).hear(0, 20)

    assert await rows(pool) == [(20, None, "not running")]


async def test_whoever_comes_after_a_connector_that_was_killed_ends_its_gap(pool: Pool) -> None:
    killed = Run(pool)
    await killed.hear(0, 20)
    killed.ear.reached(ms(25))  # and so much was not written any more

    await Run(pool).hear(90, 100)

    assert await rows(pool) == [(20, 90, "not running"), (100, None, "not running")]


async def test_events_that_were_not_in_kafka_at_a_kill_are_in_its_gap(pool: Pool) -> None:
    killed = Run(pool)
    await killed.hear(0, 20)
    killed.events.take()
    await killed.hear(0, 60)

    await Run(pool).hear(90, 100)

    assert (await rows(pool))[0] == (20, 90, "not running")


async def test_a_lost_connection_is_a_gap_with_its_reason(pool: Pool) -> None:
    run = Run(pool)
    await run.hear(0, 20)
    await run.lose()

    assert await rows(pool) == [(20, None, "connection lost")]
    await run.hear(30, 40)

    assert await rows(pool) == [(20, 30, "connection lost"), (40, None, "not running")]


async def test_what_another_connector_heard_is_no_gap(pool: Pool) -> None:
    run, other = Run(pool), Run(pool)
    await run.hear(0, 20)
    await run.lose()
    await other.hear(10, 50)

    await run.hear(30, 40)

    assert await rows(pool) == [(50, None, "not running")]


async def test_gaps_while_the_database_was_away_are_written_later(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    run = Run(pool)
    with monkeypatch.context() as away:
        away.setattr(asyncpg.Pool, "acquire", refuse)
        await run.hear(0, 20)
        for again in range(1, 4):
            await run.lose()
            await run.hear(again * 100, again * 100 + 50)

    await run.gap_log.write()

    gaps = [(20, 100), (150, 200), (250, 300)]
    assert await rows(pool) == [
        *((began, ended, "connection lost") for began, ended in gaps),
        (350, None, "not running"),
    ]


async def test_of_very_many_gaps_without_a_database_the_oldest_are_joined(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    run = Run(pool)
    await run.hear(0, 5)
    with monkeypatch.context() as away:
        away.setattr(asyncpg.Pool, "acquire", refuse)
        for again in range(1, MOST_KEPT + 11):
            await run.lose()
            await run.hear(again * 10, again * 10 + 5)

    await run.gap_log.write()

    found = await rows(pool)
    assert len(found) == MOST_KEPT + 1
    assert found[0] == (5, 110, "connection lost")
    assert found[1] == (115, 120, "connection lost")


async def test_a_gap_whose_history_was_fetched_is_filled_and_no_other(pool: Pool) -> None:
    run = Run(pool)
    for since_s in (0, 100, 200):
        await run.hear(since_s, since_s + 50)
        await run.lose()
    run.hearing.fetched("1", ms(120), ms(220))

    await run.gap_log.write()

    filled = await pool.fetch("SELECT began FROM connector_gaps WHERE filled IS NOT NULL")
    assert [seconds(row["began"]) for row in filled] == [150]


async def test_what_is_missing_of_a_channel_that_is_heard_is_a_gap_of_its_own(pool: Pool) -> None:
    run = Run(pool)
    await run.hear(0, 100)

    run.gap_log.add(Gap("1", ms(50), ms(50), Missed.TOO_LARGE))
    run.gap_log.add(Gap("2", ms(10), ms(20), Missed.NOT_SHOWN))
    await run.gap_log.write()
    await run.gap_log.write()

    assert await rows(pool) == [(10, 20, "not shown"), (50, 50, "too large"), (100, None, "not running")]
    assert run.gap_log.counts == {"too large": 1, "not shown": 1}


async def test_what_is_missing_is_kept_until_the_database_is_back_unless_it_is_too_much(pool: Pool) -> None:
    run = Run(pool)
    async with pool.acquire() as connection:
        await connection.execute("ALTER TABLE connector_gaps RENAME TO away")
    for second in range(MOST_BESIDE + 10):
        run.gap_log.add(Gap("1", ms(second), ms(second), Missed.TOO_LARGE))
    await run.gap_log.write()
    async with pool.acquire() as connection:
        await connection.execute("ALTER TABLE away RENAME TO connector_gaps")

    await run.gap_log.write()

    found = await rows(pool)
    assert (len(found), found[0][0]) == (MOST_BESIDE, 10)


async def test_who_comes_after_finds_up_to_when_channels_were_heard(pool: Pool) -> None:
    run = Run(pool)
    await run.hear(0, 100)

    assert await Run(pool).gap_log.heard_until() == {"1": ms(100)}
    assert await Run(pool, "discord").gap_log.heard_until() == {}
    assert await Run(None).gap_log.heard_until() == {}


async def test_gaps_are_listed_and_what_is_heard_now_is_none(pool: Pool) -> None:
    now_s = round((datetime.now(UTC) - START).total_seconds())
    run, silent = Run(pool), Run(pool, "discord")
    await run.hear(now_s - 300, now_s - 200)
    await run.lose()
    await run.hear(now_s - 100, now_s)
    await silent.hear(now_s - 500, now_s - 400)

    async with pool.acquire() as connection:
        found = await find_gaps(connection, None, datetime.now(UTC) - timedelta(days=1), 10)
        of_twitch = await find_gaps(connection, "twitch", datetime.now(UTC), 10)

    assert [(gap.platform, gap.reason) for gap in found] == [
        ("discord", "not running"),
        ("twitch", "connection lost"),
    ]
    assert of_twitch == [], "it ended before"


async def test_without_a_database_gaps_are_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(None)
    await run.hear(0, 20)
    await run.lose()
    await run.hear(30, 40)

    (line,) = caplog.records
    assert line.message == "A channel was not heard for a while"
    assert (vars(line)["reason"], vars(line)["channel"]) == ("connection lost", "1")
