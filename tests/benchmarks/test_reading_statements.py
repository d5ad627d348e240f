"""The questions of the pages give every row once and in order, however the pages are cut."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from benchmarks.big_table import Entries
from sinks.sql import statements
from tests.migrations.connecting import connect_to
from tests.services import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from app.local.embedded import EmbeddedPostgres

    Database = asyncpg.Connection[asyncpg.Record]

_ENTRIES = statements("entries", "benchmarks.sql")
_PAGES = statements("pages", "benchmarks.sql")

ROWS = 3_000
#: From 1 June to the end of August: into the default partition, or into whatever partitions there are.
ENTRIES = Entries(begins_ms=1_780_272_000_000, step_ms=92 * 86_400_000 / ROWS, people=60, talkers=1)
LONG_AGO, FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
TALKER, SURVEY = "62466666666666620", "huge"
#: A page of one ends between any two rows; seven is no divisor, so that the last page is not full.
PAGES = pytest.mark.parametrize("page", [1, 7])


class Key(NamedTuple):
    userid: str
    timestamp: datetime
    direction: str


def key_of(row: asyncpg.Record) -> Key:
    return Key(row["userid"], row["timestamp"], row["direction"])


async def filled(url: str) -> Database:
    """Put invented entries into a migrated database, two of them of one person and one millisecond."""
    connection = await connect_to(url)()
    await connection.execute(_ENTRIES.make_entries)
    await connection.execute(_ENTRIES.fill, *ENTRIES.numbered(0, ROWS))
    await connection.executemany(
        "INSERT INTO chat_log (userid, timestamp, direction, content, shortcode)"
        " VALUES ($1, '2026-07-01 12:34:56.789Z', $2, 'at once', $3)",
        [(TALKER, "bot", SURVEY), (TALKER, "user", SURVEY)],
    )
    return connection


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    connection = await filled(database_url)
    yield connection
    await connection.close()


async def every_page(
    database: Database, sql: str, subject: str, first: tuple[object, ...], page: int
) -> list[Key]:
    """Turn the pages until one is empty; each goes on behind the last row of the one before."""
    keys: list[Key] = []
    after = first
    while found := [key_of(row) for row in await database.fetch(getattr(_PAGES, sql), subject, *after, page)]:
        keys += found
        last = found[-1]
        after = {
            "replay_page": (last.timestamp, last.direction),
            "survey_page": last,
            "survey_newest": (last.timestamp, last.userid, last.direction),
        }[sql]
    return keys


async def survey_keys(database: Database) -> list[Key]:
    return [
        key_of(row) for row in await database.fetch("SELECT * FROM chat_log WHERE shortcode = $1", SURVEY)
    ]


@PAGES
async def test_the_pages_of_a_conversation_are_the_conversation(database: Database, page: int) -> None:
    whole = [key_of(row) for row in await database.fetch(_PAGES.replay_conversation, TALKER)]

    pages = await every_page(database, "replay_page", TALKER, (LONG_AGO, ""), page)

    assert len(whole) == ROWS // 50 + 2
    assert whole == sorted(whole)
    assert pages == whole


@PAGES
async def test_the_pages_of_a_survey_go_from_person_to_person(database: Database, page: int) -> None:
    pages = await every_page(database, "survey_page", SURVEY, ("", LONG_AGO, ""), page)

    assert len(pages) > 100
    assert pages == sorted(await survey_keys(database))


@PAGES
async def test_the_pages_of_a_survey_with_the_newest_first_go_back_to_its_beginning(
    database: Database, page: int
) -> None:
    pages = await every_page(database, "survey_newest", SURVEY, (FAR_OFF, "", ""), page)

    wanted = sorted(
        await survey_keys(database), key=lambda key: (key.timestamp, key.userid, key.direction), reverse=True
    )
    assert pages == wanted


async def test_the_index_for_the_newest_changes_no_answer(database: Database) -> None:
    before = await every_page(database, "survey_newest", SURVEY, (FAR_OFF, "", ""), 7)
    await database.execute(_PAGES.index_newest)

    assert await every_page(database, "survey_newest", SURVEY, (FAR_OFF, "", ""), 7) == before


async def test_an_invented_entry_is_as_large_as_a_real_one_and_always_the_same(database: Database) -> None:
    mean_bytes = await database.fetchval("SELECT avg(pg_column_size(chat_log)) FROM chat_log")
    again = await database.execute(_ENTRIES.fill + " ON CONFLICT DO NOTHING", *ENTRIES.numbered(0, ROWS))

    assert 700 < mean_bytes < 800
    assert again == "INSERT 0 0"


async def test_the_sizes_name_the_table_and_each_index_once(dedicated_postgres: EmbeddedPostgres) -> None:
    await migrate(dedicated_postgres.url)
    database = await filled(dedicated_postgres.url)
    await database.execute("CHECKPOINT")
    sizes = {size["name"]: size for size in await database.fetch(_PAGES.sizes)}
    await database.close()

    assert set(sizes) == {
        "chat_log",
        "chat_log_pkey",
        "chat_log_conversation_idx",
        "chat_log_shortcode_idx",
        "chat_log_metadata_idx",
        "chat_log_survey_idx",
        "chat_log_no_survey_idx",
        "chat_log_unsent_idx",
        "chat_log_timestamp_idx",
    }
    assert all(size["bytes"] > 0 for size in sizes.values())
    assert sizes["chat_log_pkey"]["depth"] == 2
