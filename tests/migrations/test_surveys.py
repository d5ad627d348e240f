from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

import migrations
from migrations.schema import OTHERS
from tests.migrations import theirs
from tests.migrations.catalog import contents, describe, shape_of_theirs
from tests.migrations.connecting import connect_to, go_down, go_up

if TYPE_CHECKING:
    Database = asyncpg.Connection[asyncpg.Record]


async def test_where_there_are_none_they_are_made_and_say_so(database: Database) -> None:
    for table in OTHERS:
        comment = await database.fetchval("SELECT obj_description(to_regclass($1), 'pg_class')", table)
        assert comment.startswith("Made by chatlog:")


async def test_a_survey_is_of_a_user_that_exists(database: Database) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await database.execute("INSERT INTO surveys (userid, shortcode) VALUES (gen_random_uuid(), 'form')")


async def test_an_answer_that_is_given_twice_is_one(database: Database) -> None:
    answer = (
        "INSERT INTO responses (userid, timestamp, question_ref, response) "
        "VALUES ('u', '2025-01-01', 'q', $1)"
    )
    await database.execute(answer, "7")
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute(answer, "8")


async def test_ours_go_on_the_way_back_with_what_is_in_them(
    migrated: migrations.Connect, database: Database
) -> None:
    await database.execute(
        "WITH owner AS (INSERT INTO users (email) VALUES ('ann@example.org') RETURNING id) "
        "INSERT INTO surveys (userid, shortcode) SELECT id, 'form' FROM owner"
    )
    await go_down(migrated, "0002")
    for table in OTHERS:
        assert await database.fetchval("SELECT to_regclass($1) IS NULL", table)


async def test_theirs_stay_as_they_are_there_and_back(
    empty: Database, open_connection: migrations.Connect
) -> None:
    await empty.execute(theirs.TABLES)
    before = await shape_of_theirs(empty)
    rows = {table: await contents(empty, table) for table in OTHERS}

    await go_up(open_connection, "0003")
    for table in OTHERS:
        assert await contents(empty, table) == rows[table]
    await go_down(open_connection, "base")

    assert await shape_of_theirs(empty) == before
    assert {table: await contents(empty, table) for table in OTHERS} == rows


async def test_with_some_of_theirs_only_the_others_are_made_and_do_not_bind_them(
    empty: Database, open_connection: migrations.Connect
) -> None:
    await empty.execute(theirs.USERS)
    await go_up(open_connection)

    bound = await empty.fetch("SELECT FROM pg_constraint WHERE confrelid = 'users'::regclass")
    assert bound == []
    await go_down(open_connection, "base")
    assert await empty.fetchval("SELECT email FROM users") == "ann@example.org"
    assert await empty.fetchval("SELECT to_regclass('surveys') IS NULL")


async def test_theirs_are_found_in_another_schema_of_the_search_path(
    empty_database_url: str, empty: Database
) -> None:
    await empty.execute(theirs.TABLES)
    await empty.execute("CREATE SCHEMA chatlog")
    open_connection = connect_to(f"{empty_database_url}?search_path=chatlog,public")
    await go_up(open_connection)

    made = await empty.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'chatlog'")
    assert not {row[0] for row in made} & set(OTHERS)
    await go_down(open_connection, "base")
    assert await empty.fetchval("SELECT count(*) FROM responses") == 1


async def test_views_with_the_columns_will_do(empty: Database, open_connection: migrations.Connect) -> None:
    await empty.execute(theirs.TABLES)
    await empty.execute(
        "ALTER TABLE surveys RENAME TO forms; ALTER TABLE forms RENAME COLUMN survey_name TO name;"
        "CREATE VIEW surveys AS SELECT id, userid, shortcode, title, name AS survey_name, created FROM forms"
    )
    await go_up(open_connection)
    await empty.execute("SET ROLE chatlog_exporter")
    assert await empty.fetchval("SELECT survey_name FROM surveys") == "Name"


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ("ALTER TABLE surveys DROP COLUMN survey_name", "surveys.survey_name"),
        ("ALTER TABLE users ALTER COLUMN id TYPE text", "users.id uuid"),
        (
            "ALTER TABLE responses DROP COLUMN seed, DROP COLUMN translated_response",
            "responses.seed, responses.translated_response",
        ),
    ],
)
async def test_theirs_that_lack_a_column_stop_the_migration_which_leaves_no_trace(
    empty: Database, open_connection: migrations.Connect, change: str, lacking: str
) -> None:
    await empty.execute((theirs.USERS if "users" in change else theirs.TABLES) + change)
    before = await describe(empty)

    with pytest.raises(migrations.MigrationError, match=f"exports read {lacking}, which the tables"):
        await go_up(open_connection)

    assert await describe(empty) == before
