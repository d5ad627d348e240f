"""Which indexes of words `chatlog maintain` makes, mends and drops, in a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest
from click.testing import CliRunner

from app.commands import cli
from app.doctor.schema_checks import check_schema
from app.maintenance import pieces, run
from app.maintenance.pieces import Pieces
from tests.migrations.connecting import connect_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Database = asyncpg.Connection[asyncpg.Record]

#: In the middle of this month, whatever day it is.
NOW = datetime.now(UTC).replace(day=15, hour=14, minute=40, second=0, microsecond=0)
LAST_MONTH = NOW.replace(day=1) - timedelta(days=3)
THIS, LAST = f"{NOW:chat_log_%Y_%m}", f"{LAST_MONTH:chat_log_%Y_%m}"
_PIECES = """
    SELECT indexrelid::regclass::text FROM pg_index
    WHERE indisvalid AND pg_get_expr(indexprs, indrelid) ~ '^fts' ORDER BY 1
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    connection = await connect_to(database_url)()
    yield connection
    await connection.close()


async def say(database: Database, at: datetime, content: str = "a refund, please") -> None:
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ($1, $2, 'user', $3)",
        str(uuid4()),
        at,
        content,
    )


async def bring_up_to_date(database: Database, now: datetime = NOW) -> list[str]:
    said: list[str] = []
    await Pieces(database, now, said.append).bring_up_to_date()
    return said


async def pieces_of(database: Database) -> list[str]:
    return [row[0] for row in await database.fetch(_PIECES)]


async def test_a_month_that_is_over_has_one_and_others_have_days_and_weeks(
    database: Database,
) -> None:
    early = NOW.replace(day=14, hour=0, minute=40)
    for at in (LAST_MONTH, NOW.replace(day=12), NOW.replace(day=13), NOW):
        await say(database, at)
    await database.execute(
        "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, content) "
        "SELECT place, $1, $2, $1, '1', 'user', 'refund' FROM unnest(ARRAY['twitch', 'myspace']) AS place",
        uuid4(),
        NOW.replace(day=12),
    )

    said = await bring_up_to_date(database, early)

    twitch = f"messages_twitch_{NOW:%Y_%m}"
    assert await pieces_of(database) == sorted(
        [f"{LAST}_fts", f"{THIS}_fts_12", f"{THIS}_fts_13", f"{twitch}_fts_12", "messages_default_fts"]
    )
    assert len(said) == 5
    assert await bring_up_to_date(database, early) == []

    await bring_up_to_date(database)

    assert await pieces_of(database) == sorted(
        [f"{LAST}_fts", f"{THIS}_fts_08_to_14", f"{twitch}_fts_08_to_14", "messages_default_fts"]
    )

    over = (NOW.replace(day=28) + timedelta(days=8)).replace(day=1)
    said = await bring_up_to_date(database, over)

    assert await pieces_of(database) == sorted(
        [f"{LAST}_fts", f"{THIS}_fts", f"{twitch}_fts", "messages_default_fts"]
    )
    assert f"Dropped {THIS}_fts_08_to_14: its month has one as a whole" in said


async def test_hours_of_a_busy_day_get_one_and_give_way_to_that_of_their_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "HOURS_FROM_ROWS", 2)
    await say(database, NOW.replace(hour=3))
    assert await bring_up_to_date(database) == []

    await say(database, NOW.replace(hour=4))
    assert await bring_up_to_date(database) == [f"Made {THIS}_fts_15_00_14"]

    tomorrow = await bring_up_to_date(database, NOW + timedelta(days=1))
    assert tomorrow == [
        f"Made {THIS}_fts_15",
        f"Dropped {THIS}_fts_15_00_14: there is one of more days",
    ]


async def test_one_that_was_not_finished_is_made_again(database: Database) -> None:
    await say(database, LAST_MONTH, "one")
    await say(database, LAST_MONTH, "one")
    # As one that was stopped in the middle leaves it.
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {LAST}_broken ON {LAST} (fts(content))")

    said = await bring_up_to_date(database)

    assert said == [f"Dropped {LAST}_broken: it was not finished", f"Made {LAST}_fts"]
    assert await pieces_of(database) == [f"{LAST}_fts"]


async def test_languages_get_theirs_where_they_are_spoken_and_lose_them_again(database: Database) -> None:
    await say(database, LAST_MONTH)
    await database.execute(
        "INSERT INTO search_languages (place, language, changed_by) VALUES ('survey:A', 'english', 'me')"
    )

    await bring_up_to_date(database)
    assert await pieces_of(database) == [f"{LAST}_fts", f"{LAST}_fts_en7"]

    await database.execute("DELETE FROM search_languages")
    await bring_up_to_date(database)
    assert await pieces_of(database) == [f"{LAST}_fts"]


async def test_what_comes_late_goes_into_the_index_of_its_day_by_itself(database: Database) -> None:
    day = NOW.replace(day=3, hour=0, minute=0)
    for minute in range(600):
        await say(database, day + timedelta(minutes=minute))
    await bring_up_to_date(database)
    await say(database, day, "they came late")
    asked = (
        "SELECT content FROM all_messages WHERE fts(content) @@ to_tsquery('pg_catalog.simple', 'late') "
        f"AND timestamp >= '{day}' AND timestamp < '{day + timedelta(days=1)}'"
    )

    assert await database.fetchval(asked) == "they came late"
    assert f"{THIS}_fts_01_to_07" in "\n".join(row[0] for row in await database.fetch(f"EXPLAIN {asked}"))


async def test_check_tells_what_lacks_its_index_and_takes_none_for_a_mistake(database: Database) -> None:
    assert "what is over has its indexes of words" in {one.message for one in await check_schema(database)}

    await say(database, LAST_MONTH)
    (told,) = [one for one in await check_schema(database) if one.area == "search"]
    assert f"no index of words is of {LAST}" in told.message

    await bring_up_to_date(database)
    assert [one for one in await check_schema(database) if one.level != "ok" and one.area != "rights"] == []


async def test_check_misses_no_index_where_the_first_of_a_month_was_said_today(database: Database) -> None:
    await say(database, datetime.now(UTC))

    assert "what is over has its indexes of words" in {one.message for one in await check_schema(database)}


async def test_the_command_makes_them_once_and_only_one_at_a_time(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    await say(database, LAST_MONTH)

    async def maintain(*options: str) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, cli, ["maintain", *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    await database.fetchval("SELECT pg_advisory_lock($1)", run.LOCK_KEY)
    assert await maintain() == "Another one is at it: nothing was done.\n"
    await database.fetchval("SELECT pg_advisory_unlock($1)", run.LOCK_KEY)
    assert f"Made {LAST}_fts\n" in await maintain()
    assert await maintain() == "Nothing to do.\n"


@pytest.mark.parametrize("every", ["0s", "1", "soon", "1w"])
def test_how_often_is_a_length_of_time(every: str) -> None:
    result = CliRunner().invoke(cli, ["maintain", "--every", every])

    assert result.exit_code == 2
    assert "accepted: a number with s, m, h or d" in result.output
