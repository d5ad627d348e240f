from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

import migrations
from tests.migrations.connecting import connect_to

if TYPE_CHECKING:
    from app.embedded import EmbeddedPostgres

    Database = asyncpg.Connection[asyncpg.Record]

ENTRY = "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('u', now(), 'user', '')"
DEAD_LETTER = """INSERT INTO dead_letters (topic, partition, "offset", reason) VALUES ('t', 0, 0, 'r')"""

WRITER_MAY = (
    ENTRY,
    f"{ENTRY} ON CONFLICT (userid, timestamp, direction) DO NOTHING",
    "SELECT * FROM chat_log",
    DEAD_LETTER,
    f'{DEAD_LETTER} ON CONFLICT (topic, partition, "offset") DO NOTHING',
    "SELECT * FROM dead_letters",
    "UPDATE dead_letters SET replayed_at = now() WHERE id = 1",
    "DELETE FROM dead_letters WHERE id = 1",
    "SELECT chat_log_make_partitions(4, 4)",
    "SELECT * FROM chatlog_schema_version",
)
WRITER_MAY_NOT = (
    "UPDATE chat_log SET content = ''",
    "DELETE FROM chat_log",
    "TRUNCATE chat_log",
    "DROP TABLE chat_log",
    "ALTER TABLE chat_log ADD COLUMN more int",
    "CREATE TABLE chat_log_more PARTITION OF chat_log FOR VALUES FROM ('2000-01-01') TO ('2000-02-01')",
    "ALTER TABLE chat_log DETACH PARTITION chat_log_default",
    "SELECT * FROM chat_log_default",
    "UPDATE dead_letters SET value = NULL",
    "TRUNCATE dead_letters",
    "DROP TABLE dead_letters",
    "UPDATE chatlog_schema_version SET version_num = '0'",
    "ALTER FUNCTION chat_log_make_partitions(integer, integer) SECURITY INVOKER",
)
READER_MAY = ("SELECT * FROM chat_log", "SELECT * FROM chatlog_schema_version")
READER_MAY_NOT = (
    ENTRY,
    "UPDATE chat_log SET content = ''",
    "DELETE FROM chat_log",
    "TRUNCATE chat_log",
    "DROP TABLE chat_log",
    "SELECT * FROM dead_letters",
    DEAD_LETTER,
    "DELETE FROM dead_letters",
    "SELECT chat_log_make_partitions(4, 4)",
    "SET ROLE chatlog_writer",
)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *(("chatlog_writer", statement) for statement in WRITER_MAY),
        *(("chatlog_reader", statement) for statement in READER_MAY),
    ],
)
async def test_a_role_can_do_its_work(database: Database, role: str, statement: str) -> None:
    await database.execute(f"SET ROLE {role}")
    await database.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *(("chatlog_writer", statement) for statement in WRITER_MAY_NOT),
        *(("chatlog_reader", statement) for statement in READER_MAY_NOT),
    ],
)
async def test_a_role_can_do_no_more(database: Database, role: str, statement: str) -> None:
    # As the session's user, for SET ROLE would let a superuser back in.
    await database.execute(f"SET SESSION AUTHORIZATION {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute(statement)


async def test_rows_in_every_partition_are_open_to_the_roles(database: Database) -> None:
    await database.execute("SET ROLE chatlog_writer")
    await database.execute(ENTRY)
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('u', '1999-01-01', 'user', '')"
    )
    await database.execute("SET ROLE chatlog_reader")
    assert await database.fetchval("SELECT count(*) FROM chat_log") == 2


async def test_a_caller_cannot_mislead_the_function_that_runs_as_the_owner(database: Database) -> None:
    owner = await database.fetchval("SELECT current_user")
    await database.execute("SET ROLE chatlog_writer")
    await database.execute("CREATE TEMP TABLE chat_log (of_the_caller int)")
    await database.execute("SET search_path = pg_temp, public")
    await database.execute("SELECT chat_log_make_partitions(0, 6)")
    await database.execute("DROP TABLE pg_temp.chat_log; RESET ROLE; SET search_path = public")

    made = await database.fetch(
        "SELECT DISTINCT inhparent::regclass::text, tableowner FROM pg_inherits "
        "JOIN pg_class ON pg_class.oid = inhrelid JOIN pg_tables ON tablename = relname "
        "WHERE relkind = 'r'"
    )
    assert [tuple(row) for row in made] == [("chat_log", owner)]


async def test_rights_that_were_changed_by_hand_are_put_right(
    migrated: migrations.Connect, database: Database
) -> None:
    await database.execute(
        "GRANT ALL ON chat_log TO chatlog_reader; REVOKE ALL ON chat_log FROM chatlog_writer"
    )
    await migrations.up(migrated, say=lambda _: None)
    for role, right, has in (
        ("chatlog_reader", "INSERT", False),
        ("chatlog_reader", "SELECT", True),
        ("chatlog_writer", "INSERT", True),
        ("chatlog_writer", "DELETE", False),
    ):
        assert await database.fetchval("SELECT has_table_privilege($1, 'chat_log', $2)", role, right) is has


class TestOnAServerOfItsOwn:
    """What is the server's and not the database's: the roles themselves."""

    async def test_two_databases_share_the_roles_and_the_last_one_drops_them(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        url = dedicated_postgres.url
        admin = await asyncpg.connect(url)
        await admin.execute("CREATE DATABASE other")
        one, other = connect_to(url), connect_to(url, database="other")

        await migrations.up(one, say=lambda _: None)
        await migrations.up(other, say=lambda _: None)
        await migrations.down(one, "base", say=lambda _: None)
        assert await _roles(admin) == {"chatlog_reader", "chatlog_writer"}

        await migrations.down(other, "base", say=lambda _: None)
        assert await _roles(admin) == set()
        await admin.close()

    async def test_a_role_with_members_is_kept(self, dedicated_postgres: EmbeddedPostgres) -> None:
        open_connection = connect_to(dedicated_postgres.url)
        admin = await asyncpg.connect(dedicated_postgres.url)
        await migrations.up(open_connection, say=lambda _: None)
        await admin.execute("CREATE ROLE worker LOGIN; GRANT chatlog_writer TO worker")

        await migrations.down(open_connection, "base", say=lambda _: None)

        assert await _roles(admin) == {"chatlog_writer"}
        await admin.close()

    async def test_an_owner_who_may_not_make_roles_gets_a_warning_and_a_working_schema(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        admin = await asyncpg.connect(dedicated_postgres.url)
        await admin.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        await admin.execute("CREATE DATABASE theirs OWNER plain")
        open_connection = connect_to(dedicated_postgres.url, database="theirs", user="plain")

        said: list[str] = []
        await migrations.up(open_connection, say=said.append)
        warnings = [line for line in said if line.startswith("Warning: ")]
        assert len(warnings) == 2
        assert "role chatlog_writer is missing, and plain may not make it" in warnings[0]
        assert '"CREATE ROLE chatlog_writer NOLOGIN", then run chatlog migrate up again' in warnings[0]
        assert (await migrations.status(open_connection)).is_up_to_date

        await admin.execute("CREATE ROLE chatlog_writer NOLOGIN; CREATE ROLE chatlog_reader NOLOGIN")
        said.clear()
        await migrations.up(open_connection, say=said.append)
        assert said == ["Nothing to do: the schema is at 0002."]
        theirs = await open_connection()
        assert await theirs.fetchval("SELECT has_table_privilege('chatlog_writer', 'chat_log', 'INSERT')")
        assert await theirs.fetchval("SELECT has_table_privilege('chatlog_reader', 'chat_log', 'SELECT')")
        await theirs.close()

        # It did not make them, so it cannot drop them, and goes on.
        await migrations.down(open_connection, "base", say=said.append)
        assert await _roles(admin) == {"chatlog_reader", "chatlog_writer"}
        await admin.close()

    async def test_an_owner_who_may_make_roles_makes_and_drops_them(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        admin = await asyncpg.connect(dedicated_postgres.url)
        await admin.execute("CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker'")
        await admin.execute("CREATE DATABASE theirs OWNER maker")
        open_connection = connect_to(dedicated_postgres.url, database="theirs", user="maker")

        said: list[str] = []
        await migrations.up(open_connection, say=said.append)
        assert await _roles(admin) == {"chatlog_reader", "chatlog_writer"}
        await migrations.down(open_connection, "base", say=said.append)
        assert await _roles(admin) == set()
        assert not [line for line in said if line.startswith("Warning")]
        await admin.close()


async def _roles(admin: Database) -> set[str]:
    rows = await admin.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname IN ('chatlog_reader', 'chatlog_writer')"
    )
    return {row[0] for row in rows}
