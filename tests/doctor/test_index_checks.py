"""What `chatlog check` says of indexes that someone dropped, made otherwise, or did not finish."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import pytest

import migrations
from app.doctor.findings import Finding, Level
from app.doctor.index_checks import ANY_THAT_BEGINS_SO, NOT_NEEDED, WITHOUT
from app.doctor.schema_checks import check_schema
from app.postgres.connections import connect
from migrations.schema import schema_at
from tests.migrations import theirs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.settings import Settings

    Database = asyncpg.Connection[asyncpg.Record]

NEEDED = [index for index in schema_at(None).indexes if index.name not in NOT_NEEDED]
WITHOUT_SURVEY_INDEX = "DROP INDEX chat_log_survey_idx"
#: As docs/operations.md has it made beforehand.
SURVEY_INDEX_ALONE = (
    "CREATE INDEX chat_log_survey_idx ON ONLY chat_log (surveyid, userid, timestamp, direction) "
    "WHERE surveyid IS NOT NULL"
)
SURVEY_INDEX_OF = (
    "CREATE INDEX CONCURRENTLY {0}_made ON {0} (surveyid, userid, timestamp, direction) "
    "WHERE surveyid IS NOT NULL"
)
TWO_OF_A_SHORTCODE = (
    "INSERT INTO chat_log (userid, timestamp, direction, content, shortcode) "
    "VALUES ('a', '1970-01-01', 'bot', 'x', 'form'), ('b', '1970-01-01', 'bot', 'x', 'form')"
)


@pytest.fixture
def settings_of_one(settings: Callable[..., Settings]) -> Settings:
    """Settings of a database at the newest revision."""
    return settings()


@pytest.fixture
async def database(settings_of_one: Settings) -> AsyncIterator[Database]:
    """A database at the newest revision."""
    connection = await connect(settings_of_one.database)
    yield connection
    await connection.close()


async def findings(database: Database) -> list[Finding]:
    """Return what is not as it should be; search's own indexes, which rows want only in time, aside."""
    found = await check_schema(database)
    return [finding for finding in found if finding.level is not Level.OK and finding.area != "search"]


async def partitions(database: Database) -> list[str]:
    rows = await database.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'chat_log'::regclass ORDER BY 1"
    )
    return [row[0] for row in rows]


async def test_every_index_that_is_dropped_is_told_and_its_remedy_brings_it_back(database: Database) -> None:
    assert await findings(database) == []
    for needed in NEEDED:
        if needed.name.endswith(("_key", "_pkey")):
            await database.execute(f"ALTER TABLE {needed.table} DROP CONSTRAINT {needed.name} CASCADE")
        else:
            await database.execute(f"DROP INDEX {needed.name}")

        (told,) = await findings(database)
        assert told.level is Level.WRONG
        sentence = WITHOUT.get(needed.name, "nothing keeps a row from being there twice")
        assert told.message == f"{needed.name} is missing: {sentence}"
        statement, large, _ = told.mend.partition(" (if it is large")
        assert bool(large) is (needed.table == "chat_log")

        await database.execute(statement)
        assert await findings(database) == []


def test_every_index_has_a_sentence_or_keeps_rows_apart() -> None:
    assert [index.name for index in NEEDED if not index.is_unique and index.name not in WITHOUT] == []
    known = {index.name for index in schema_at(None).indexes}
    assert known.issuperset([*WITHOUT, *ANY_THAT_BEGINS_SO, *NOT_NEEDED])


async def test_an_index_of_another_name_or_with_more_columns_will_do(database: Database) -> None:
    await database.execute(
        "ALTER INDEX chat_log_survey_idx RENAME TO theirs;"
        "ALTER INDEX dead_letters_created_idx SET (fillfactor = 80);"
        "DROP INDEX export_status_survey_id_idx; CREATE INDEX ON export_status (survey_id, user_id)"
    )
    assert await findings(database) == []


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (
            (
                "DROP INDEX chat_log_survey_idx;"
                "CREATE INDEX chat_log_survey_idx ON chat_log (surveyid, userid, timestamp, direction)"
            ),
            "chat_log_survey_idx",
        ),
        (
            (
                "DROP INDEX chat_log_no_survey_idx;"
                "CREATE INDEX chat_log_no_survey_idx ON chat_log (shortcode) WHERE surveyid IS NULL"
            ),
            "chat_log_no_survey_idx",
        ),
        (
            "DROP INDEX export_status_id_idx; CREATE INDEX export_status_id_idx ON export_status (id)",
            "export_status_id_idx",
        ),
        (
            (
                "ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_topic_partition_offset_key;"
                "ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_topic_partition_offset_key "
                'UNIQUE (topic, "offset")'
            ),
            "dead_letters_topic_partition_offset_key",
        ),
        (
            (
                "ALTER TABLE chat_log DROP CONSTRAINT chat_log_pkey;"
                "ALTER TABLE chat_log ADD CONSTRAINT of_hand PRIMARY KEY (userid, timestamp)"
            ),
            "of_hand",
        ),
    ],
    ids=["without condition", "other columns", "not unique", "other unique", "other key"],
)
async def test_an_index_that_was_made_otherwise_is_told_and_the_remedy_helps(
    database: Database, statement: str, name: str
) -> None:
    await database.execute(statement)
    (told,) = await findings(database)
    assert told.level is Level.WRONG
    assert told.message.startswith(f"{name} is another index than needed, btree (")

    await database.execute(told.mend.partition(" (if it is large")[0])
    assert await findings(database) == []


async def test_a_column_that_one_table_lacks_hides_no_index_of_another(database: Database) -> None:
    await database.execute("ALTER TABLE surveys DROP COLUMN metadata; DROP INDEX chat_log_metadata_idx")
    (told,) = await findings(database)
    assert told.message.startswith("chat_log_metadata_idx is missing: ")


async def test_an_index_that_not_all_partitions_have_is_told_until_they_do(database: Database) -> None:
    await database.execute(WITHOUT_SURVEY_INDEX)
    await database.execute(SURVEY_INDEX_ALONE)
    *most, last = await partitions(database)
    for partition in most:
        await database.execute(SURVEY_INDEX_OF.format(partition))
        await database.execute(f"ALTER INDEX chat_log_survey_idx ATTACH PARTITION {partition}_made")
    await database.execute(SURVEY_INDEX_OF.format(last))

    (told,) = await findings(database)
    assert told.level is Level.WRONG
    assert told.message.startswith(f"chat_log_survey_idx is INVALID, for want of a valid one of {last}: ")
    assert "Indexes of a large chat_log" in told.mend

    await database.execute(f"ALTER INDEX chat_log_survey_idx ATTACH PARTITION {last}_made")
    assert await findings(database) == []


async def test_a_part_that_is_invalid_is_told_and_mended_as_the_procedure_says(database: Database) -> None:
    await database.execute(WITHOUT_SURVEY_INDEX)
    await database.execute(SURVEY_INDEX_ALONE)
    for partition in await partitions(database):
        await database.execute(SURVEY_INDEX_OF.format(partition))
        # Nothing else leaves an index INVALID whenever it is wanted.
        await database.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('chat_log_default_made')"
        )
        await database.execute(f"ALTER INDEX chat_log_survey_idx ATTACH PARTITION {partition}_made")

    (told,) = await findings(database)
    assert "for want of a valid one of chat_log_default: " in told.message
    await database.execute("REINDEX INDEX CONCURRENTLY chat_log_default_made")
    (told,) = await findings(database)
    assert told.mend.startswith("ALTER INDEX chat_log_survey_idx ATTACH PARTITION ")
    await database.execute(told.mend)
    assert await findings(database) == []


async def test_an_index_whose_making_failed_is_told_and_the_remedy_helps(database: Database) -> None:
    await database.execute(TWO_OF_A_SHORTCODE)
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute("CREATE UNIQUE INDEX CONCURRENTLY odd ON chat_log_default (shortcode)")

    (told,) = await findings(database)
    assert told.level is Level.NOTE
    assert told.message.startswith("odd is INVALID: making it failed, or is not done")
    await database.execute(told.mend.removeprefix("unless it is being made: ").partition(",")[0])
    assert await findings(database) == []


async def test_a_needed_index_whose_making_failed_is_told_once_and_the_remedy_helps(
    database: Database,
) -> None:
    await database.execute(
        "INSERT INTO export_status (user_id, survey_id, status, export_link, created, published) "
        "SELECT 'ann@example.org', 'Name', 'Started', 'Not Found', '2026-11-01', NULL "
        "FROM generate_series(1, 2)"
    )
    await database.execute("DROP INDEX export_status_outbox_idx")
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY export_status_outbox_idx ON export_status (created) "
            "WHERE published IS NULL"
        )

    (told,) = await findings(database)
    assert told.level is Level.WRONG
    assert told.message.startswith("export_status_outbox_idx is INVALID: ")
    await database.execute(told.mend.removeprefix("unless it is being made: "))
    assert await findings(database) == []


async def test_what_a_later_migration_makes_is_not_missed(
    settings_of_one: Settings, database: Database
) -> None:
    await migrations.down(partial(connect, settings_of_one.database), "0006", say=lambda _: None)
    assert [finding for finding in await findings(database) if "index" in finding.message] == []


async def test_the_indexes_of_tables_of_others_are_their_matter(database: Database) -> None:
    await database.execute("COMMENT ON TABLE surveys IS NULL; DROP INDEX surveys_survey_name_idx")
    assert await findings(database) == []


async def test_tables_of_others_with_more_columns_and_other_types_are_as_needed(
    settings: Callable[..., Settings], empty_database_url: str
) -> None:
    made = settings(database_url=empty_database_url)
    connection = await connect(made.database)
    await connection.execute(theirs.TABLES + theirs.REDESIGNED_EXPORT_STATUS)
    await migrations.up(partial(connect, made.database, statement_timeout_s=0), say=lambda _: None)
    assert await findings(connection) == []
    await connection.close()
