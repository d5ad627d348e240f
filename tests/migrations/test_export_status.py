from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

import migrations
from tests.migrations import theirs
from tests.migrations.catalog import contents, describe, shape_of_theirs
from tests.migrations.connecting import go_down, go_up

if TYPE_CHECKING:
    Database = asyncpg.Connection[asyncpg.Record]

#: As the existing API inserts it.
EXISTING_INSERT = (
    "INSERT INTO export_status (id, user_id, survey_id, status, export_link, source) "
    "VALUES ($1, 'ann@example.org', $2, 'Started', 'Not Found', 'chat_log')"
)
#: As the existing exporter updates it.
EXISTING_UPDATE = "UPDATE export_status SET status = $2, export_link = $3 WHERE id = $1"
#: As both did before the redesign.
UPSERT = (
    "INSERT INTO export_status (user_id, survey_id, status, export_link) VALUES ($1, $2, $3, 'Not Found') "
    "ON CONFLICT (survey_id, user_id) DO UPDATE SET status = excluded.status, updated = now()"
)
FIRST, SECOND, THIRD = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
KNOWN = "updated, user_id, survey_id, status, export_link"


async def add(database: Database, export_id: str, updated: str, survey: str = "Name") -> None:
    await database.execute(EXISTING_INSERT, export_id, survey)
    await database.execute("ALTER TABLE export_status DISABLE TRIGGER USER")
    await database.execute(
        "UPDATE export_status SET updated = $2::text::timestamptz WHERE id = $1", export_id, updated
    )
    await database.execute("ALTER TABLE export_status ENABLE TRIGGER USER")


async def known(database: Database) -> list[tuple[object, ...]]:
    """Return the rows, as far as the first table of this name had columns."""
    found = await database.fetch(f"SELECT {KNOWN} FROM export_status")
    return sorted((tuple(row) for row in found), key=repr)


class TestTheTable:
    """With all changes applied."""

    async def test_the_existing_writers_go_on_as_they_do(self, database: Database) -> None:
        await database.execute(EXISTING_INSERT, FIRST, "Name")
        await database.execute(EXISTING_INSERT, SECOND, "Name")
        await database.execute(EXISTING_UPDATE, FIRST, "Finished", "https://example.org/1")

        found = await database.fetch("SELECT * FROM export_status ORDER BY id")
        assert [(row["status"], row["export_link"]) for row in found] == [
            ("Finished", "https://example.org/1"),
            ("Started", "Not Found"),
        ]
        # They send their jobs themselves.
        assert all(row["published"] is not None for row in found)
        assert all((row["options"], row["attempt"], row["rows_done"]) == ("{}", 0, 0) for row in found)

    async def test_an_id_is_one_export(self, database: Database) -> None:
        await database.execute(EXISTING_INSERT, FIRST, "Name")
        with pytest.raises(asyncpg.UniqueViolationError):
            await database.execute(EXISTING_INSERT, FIRST, "Other")

    async def test_updated_moves_on_every_update_whatever_is_said(self, database: Database) -> None:
        async with database.transaction():
            await database.execute(EXISTING_INSERT, FIRST, "Name")
            moments = [await database.fetchval("SELECT updated FROM export_status")]
            for change in ("status = 'Querying'", "rows_done = 1", "updated = '2001-01-01'", "id = id"):
                await database.execute(f"UPDATE export_status SET {change}")
                moments.append(await database.fetchval("SELECT updated FROM export_status"))
        assert moments == sorted(set(moments))

    async def test_what_waits_for_kafka_is_found_by_an_index_of_that_alone(self, database: Database) -> None:
        await database.execute(
            "INSERT INTO export_status (user_id, survey_id, status, export_link, published) "
            "SELECT 'ann@example.org', 'Name', 'Started', 'Not Found', CASE WHEN number > 3 THEN now() END "
            "FROM generate_series(1, 5000) AS number"
        )
        await database.execute("ANALYZE export_status")
        plan = await database.fetch(
            "EXPLAIN SELECT id FROM export_status WHERE published IS NULL AND status = 'Started' "
            "AND removed IS NULL ORDER BY created LIMIT 100 FOR UPDATE SKIP LOCKED"
        )
        assert any("export_status_outbox_idx" in row[0] for row in plan)


class TestFromTheFirstShape:
    """One row per survey and owner, ours or theirs."""

    @pytest.fixture(params=["ours", "theirs"])
    async def first(
        self, request: pytest.FixtureRequest, empty: Database, open_connection: migrations.Connect
    ) -> Database:
        """A database in which the redesign is still to come."""
        if request.param == "theirs":
            await empty.execute(theirs.FIRST_EXPORT_STATUS)
        await go_up(open_connection, "0004")
        if request.param == "ours":
            for survey, status in (("Name", "Finished"), ("Other", "Failed")):
                await empty.execute(UPSERT, "ann@example.org", survey, status)
        return empty

    async def test_all_rows_stay_as_they_are_and_get_an_id(
        self, first: Database, open_connection: migrations.Connect
    ) -> None:
        before = await known(first)
        await go_up(open_connection)
        assert await known(first) == before

        found = await first.fetch("SELECT * FROM export_status")
        assert len({row["id"] for row in found} - {None}) == len(before)
        assert {row["source"] for row in found} == {"responses"}
        assert all(row["published"] is not None for row in found)
        assert all(row["created"] == row["updated"] for row in found if row["updated"])

    async def test_then_there_may_be_many_of_a_survey(
        self, first: Database, open_connection: migrations.Connect
    ) -> None:
        await go_up(open_connection)
        for export_id in (FIRST, SECOND):
            await first.execute(EXISTING_INSERT, export_id, "Name")

    async def test_back_the_newest_of_each_keeps_the_place_and_the_old_writers_work(
        self, first: Database, open_connection: migrations.Connect
    ) -> None:
        await go_up(open_connection)
        await add(first, SECOND, "2125-01-02")
        await add(first, FIRST, "2125-01-01")
        await go_down(open_connection, "0004")

        names = await first.fetch(
            "SELECT attname::text FROM pg_attribute "
            "WHERE attrelid = 'export_status'::regclass AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum"
        )
        assert [row[0] for row in names] == KNOWN.split(", ")
        (kept,) = await first.fetch(
            "SELECT updated FROM export_status WHERE user_id = 'ann@example.org' AND survey_id = 'Name'"
        )
        assert kept["updated"] == datetime(2125, 1, 2, tzinfo=UTC)
        await first.execute(UPSERT, "ann@example.org", "Name", "Started")

    async def test_forth_again_all_come_back_and_what_was_written_meanwhile_stays(
        self, first: Database, open_connection: migrations.Connect
    ) -> None:
        await go_up(open_connection)
        await add(first, SECOND, "2125-01-02")
        await add(first, FIRST, "2125-01-01")
        await add(first, THIRD, "2125-01-03", "Other")
        query = "SELECT id, source, updated, survey_id, status FROM export_status ORDER BY id"
        before = await first.fetch(query)

        await go_down(open_connection, "0004")
        await first.execute(UPSERT, "ann@example.org", "Other", "Meanwhile")
        await first.execute(UPSERT, "new@example.org", "Name", "Meanwhile")
        await go_up(open_connection)

        after = await first.fetch(query)
        assert [row for row in after if row["status"] != "Meanwhile"] == before
        assert len(after) == len(before) + 2
        assert await first.fetchval("SELECT to_regclass('export_status_log') IS NULL")

    async def test_back_and_forth_often_changes_nothing(
        self, first: Database, open_connection: migrations.Connect
    ) -> None:
        await go_up(open_connection, "0005")
        await add(first, FIRST, "2125-01-01")
        rows = await contents(first, "export_status")
        for _ in range(3):
            await go_down(open_connection, "0004")
            await go_up(open_connection, "0005")
        assert await contents(first, "export_status") == rows


async def test_theirs_of_the_first_shape_is_as_it_was_after_there_and_back(
    empty: Database, open_connection: migrations.Connect
) -> None:
    await empty.execute(theirs.TABLES + theirs.FIRST_EXPORT_STATUS)
    before, rows = await shape_of_theirs(empty), await known(empty)
    await go_up(open_connection)
    await go_down(open_connection, "base")

    assert await known(empty) == rows
    after = await shape_of_theirs(empty)
    # What stood aside for the redesign stays, for the next time; the constraint has the name it had at first.
    for kind, lines in after.items():
        left = [line for line in lines if "export_status_log" not in line]
        if kind in {"indexes", "constraints"}:
            assert left == sorted(line.replace("one_export_each", "unique_status") for line in before[kind])
        elif kind != "comments":
            assert left == before[kind]


async def test_a_unique_index_alone_is_in_the_way_as_well(
    empty: Database, open_connection: migrations.Connect
) -> None:
    await empty.execute(
        theirs.FIRST_EXPORT_STATUS + "ALTER TABLE export_status DROP CONSTRAINT one_export_each;"
        "CREATE UNIQUE INDEX odd ON export_status (user_id, survey_id)"
    )
    await go_up(open_connection)
    for export_id in (FIRST, SECOND):
        await empty.execute(EXISTING_INSERT, export_id, "Name")


class TestFromTheRedesign:
    """Others have made it before us."""

    @pytest.fixture
    async def redesigned(self, empty: Database) -> Database:
        await empty.execute(theirs.TABLES + theirs.REDESIGNED_EXPORT_STATUS)
        return empty

    async def test_rows_ids_and_columns_of_theirs_stay(
        self, redesigned: Database, open_connection: migrations.Connect
    ) -> None:
        query = f"SELECT id, source, notes, {KNOWN} FROM export_status ORDER BY id"
        before = await redesigned.fetch(query)
        await go_up(open_connection)
        assert await redesigned.fetch(query) == before

    async def test_no_index_is_made_twice(
        self, redesigned: Database, open_connection: migrations.Connect
    ) -> None:
        await go_up(open_connection)
        found = await redesigned.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'export_status'")
        assert {row[0] for row in found} == {
            "idx_export_status_id",
            "idx_export_status_survey",
            "export_status_user_id_idx",
            "export_status_outbox_idx",
            "export_status_owner_idx",
        }

    async def test_a_row_without_an_id_gets_one(
        self, redesigned: Database, open_connection: migrations.Connect
    ) -> None:
        await redesigned.execute("UPDATE export_status SET id = NULL WHERE notes = 'theirs'")
        await go_up(open_connection)
        assert await redesigned.fetchval("SELECT count(DISTINCT id) FROM export_status") == 2

    async def test_the_way_back_takes_away_what_we_added_and_nothing_else(
        self, redesigned: Database, open_connection: migrations.Connect
    ) -> None:
        before, rows = await shape_of_theirs(redesigned), await contents(redesigned, "export_status")
        await go_up(open_connection)
        await go_down(open_connection, "base")
        assert await shape_of_theirs(redesigned) == before
        assert await contents(redesigned, "export_status") == rows


@pytest.mark.parametrize("their_shape", [theirs.FIRST_EXPORT_STATUS, theirs.REDESIGNED_EXPORT_STATUS])
async def test_two_at_once_on_tables_of_others_both_succeed(
    empty: Database, open_connection: migrations.Connect, their_shape: str
) -> None:
    await empty.execute(theirs.TABLES + their_shape)
    before = await known(empty)
    await asyncio.gather(go_up(open_connection), go_up(open_connection))
    assert (await migrations.status(open_connection)).is_up_to_date
    assert await known(empty) == before


async def test_a_table_of_this_name_that_is_something_else_is_refused(
    empty: Database, open_connection: migrations.Connect
) -> None:
    await empty.execute("CREATE TABLE export_status (updated timestamptz, status varchar)")
    before = await describe(empty)
    with pytest.raises(migrations.MigrationError, match="no column export_link, survey_id, user_id: rename"):
        await go_up(open_connection)
    assert await describe(empty) == before


@pytest.mark.parametrize("their_shape", [theirs.FIRST_EXPORT_STATUS, theirs.REDESIGNED_EXPORT_STATUS])
async def test_columns_of_theirs_with_our_names_are_refused_by_name_until_they_are_renamed(
    empty: Database, open_connection: migrations.Connect, their_shape: str
) -> None:
    await empty.execute(
        theirs.TABLES + their_shape + "ALTER TABLE export_status ADD COLUMN options text DEFAULT 'theirs',"
        "ADD COLUMN finished boolean"
    )
    before, rows = await describe(empty), await contents(empty, "export_status")
    with pytest.raises(migrations.MigrationError, match=r"has options, finished, which .* rename it"):
        await go_up(open_connection)
    assert await describe(empty) == before
    assert await contents(empty, "export_status") == rows

    await empty.execute("ALTER TABLE export_status RENAME COLUMN options TO their_options")
    await empty.execute("ALTER TABLE export_status DROP COLUMN finished")
    await go_up(open_connection)
    found = await empty.fetch("SELECT options, their_options FROM export_status")
    assert {tuple(row) for row in found} == {("{}", "theirs")}


async def test_what_was_not_yet_sent_fails_on_the_way_back_rather_than_wait_for_ever(
    migrated: migrations.Connect, database: Database
) -> None:
    for export_id, published in ((FIRST, None), (SECOND, datetime.now(UTC))):
        await database.execute(EXISTING_INSERT, export_id, "Name")
        await database.execute("UPDATE export_status SET published = $2 WHERE id = $1", export_id, published)
    await go_down(migrated, "0005")
    found = await database.fetch("SELECT status FROM export_status ORDER BY id")
    assert [row["status"] for row in found] == ["Failed", "Started"]


async def test_files_of_anothers_survey_are_out_of_reach_on_the_way_back_where_no_share_is_known(
    migrated: migrations.Connect, database: Database
) -> None:
    for export_id, owner in ((FIRST, None), (SECOND, "owner@example.org")):
        await database.execute(EXISTING_INSERT, export_id, "Name")
        await database.execute(
            "UPDATE export_status SET status = 'Finished', export_link = 'https://a', survey_owner = $2 "
            "WHERE id = $1",
            export_id,
            owner,
        )
    await go_down(migrated, "0011")
    await go_up(migrated)
    found = await database.fetch("SELECT removed IS NULL, export_link FROM export_status ORDER BY id")
    assert [tuple(row) for row in found] == [(True, "https://a"), (False, "Not Found")]
