from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import migrations
from migrations.changes import changes
from migrations.history import LOCK_KEY
from tests.migrations.catalog import describe
from tests.migrations.connecting import connect_to, go_down, go_up
from tests.services import eventually

REVISIONS = migrations.known_revisions()
LATEST = REVISIONS[-1]


async def test_from_nothing_and_from_each_revision_and_back_the_schema_is_the_same(
    open_connection: migrations.Connect,
) -> None:
    at = {}
    for revision in REVISIONS:
        await go_up(open_connection, revision)
        at[revision] = await _described(open_connection)
    for revision in reversed(REVISIONS):
        await go_down(open_connection, revision)
        assert await _described(open_connection) == at[revision], f"down to {revision}"
        await go_up(open_connection)
        assert await _described(open_connection) == at[LATEST], f"up from {revision}"

    await go_down(open_connection, "base")
    left = await _described(open_connection)
    assert left["functions"] == left["partitions"] == []
    assert {line.split()[0] for line in left["columns"]} == {"chatlog_schema_version"}
    await go_up(open_connection)
    assert await _described(open_connection) == at[LATEST], "up from nothing"


def test_every_change_has_a_number_a_title_and_a_way_back() -> None:
    assert [change.revision for change in changes()] == [f"{n:04}" for n in range(1, len(REVISIONS) + 1)]
    for change in changes():
        assert change.doc.endswith("."), change.path
        assert Path(change.path.replace(".up.", ".down.")).exists()


async def test_up_says_what_it_did_and_then_that_nothing_is_left(open_connection: migrations.Connect) -> None:
    first: list[str] = []
    second: list[str] = []
    await migrations.up(open_connection, say=first.append)
    await migrations.up(open_connection, say=second.append)

    assert [line.split()[:2] for line in first[:2]] == [["Applied", "0001"], ["Applied", "0002"]]
    assert len([line for line in first if line.startswith("Made partition chat_log_")]) == 7
    assert second == [f"Nothing to do: the schema is at {LATEST}."]


async def test_two_at_once_both_succeed_and_one_finds_nothing_to_do(
    open_connection: migrations.Connect,
) -> None:
    said: list[list[str]] = [[], []]
    await asyncio.gather(*(migrations.up(open_connection, say=lines.append) for lines in said))

    assert sorted("Applied" in " ".join(lines) for lines in said) == [False, True]
    assert (await migrations.status(open_connection)).is_up_to_date


async def test_the_second_says_that_it_waits(open_connection: migrations.Connect) -> None:
    said: list[str] = []
    other = await open_connection()
    await other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
    waiting = asyncio.create_task(migrations.up(open_connection, say=said.append))
    await eventually(lambda: said)
    assert said == ["Another migration is running on this database; waiting for it ..."]
    assert not waiting.done()

    await other.close()
    await waiting
    assert said[1].startswith("Applied 0001")


@pytest.mark.parametrize(
    ("revision", "left"),
    [(None, REVISIONS[-2]), ("0001", "0001"), ("base", None), ("0002", "0002"), ("head", LATEST)],
)
async def test_down_leaves_the_revision_that_was_named(
    migrated: migrations.Connect, revision: str | None, left: str | None
) -> None:
    await migrations.down(migrated, revision, say=lambda _: None)
    assert (await migrations.status(migrated)).current == left


async def test_down_with_nothing_there_says_so(open_connection: migrations.Connect) -> None:
    said: list[str] = []
    await migrations.down(open_connection, say=said.append)
    assert said == ["Nothing to undo: the schema is at base."]


async def test_up_to_base_changes_nothing(open_connection: migrations.Connect) -> None:
    said: list[str] = []
    await migrations.up(open_connection, "base", say=said.append)
    assert said == ["Nothing to do: the schema is at base."]


async def test_status_tells_applied_from_missing(open_connection: migrations.Connect) -> None:
    before = await migrations.status(open_connection)
    await migrations.up(open_connection, "0001", say=lambda _: None)
    after = await migrations.status(open_connection)

    assert not any(step.applied for step in before.steps)
    assert [step.revision for step in after.steps if step.applied] == ["0001"]
    assert not after.is_up_to_date


async def test_a_change_that_fails_leaves_no_trace(open_connection: migrations.Connect) -> None:
    connection = await open_connection()
    await connection.execute("CREATE TABLE dead_letters (somebody_elses int)")
    before = await describe(connection)

    with pytest.raises(migrations.MigrationError, match=r'"dead_letters" already exists.*rename it'):
        await migrations.up(open_connection, say=lambda _: None)

    assert await describe(connection) == before
    await connection.close()


async def test_a_revision_that_does_not_exist_is_refused(open_connection: migrations.Connect) -> None:
    with pytest.raises(migrations.MigrationError, match="no revision 9999; accepted: base, head, 0001"):
        await migrations.up(open_connection, "9999", say=lambda _: None)


async def test_a_database_of_a_newer_version_is_left_alone(migrated: migrations.Connect) -> None:
    connection = await migrated()
    await connection.execute("UPDATE chatlog_schema_version SET version_num = '9999'")
    await connection.close()

    for change in (migrations.up, migrations.down):
        with pytest.raises(migrations.MigrationError, match=r"at revision 9999.*a newer one has migrated it"):
            await change(migrated, say=lambda _: None)
    status = await migrations.status(migrated)
    assert all(step.applied for step in status.steps)
    assert not status.is_up_to_date


async def test_a_user_without_rights_is_told_what_to_do(
    empty_database_url: str, open_connection: migrations.Connect
) -> None:
    connection = await open_connection()
    name = urlsplit(empty_database_url).path[1:]
    await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with pytest.raises(migrations.MigrationError, match="not enough rights") as raised:
            await migrations.up(connect_to(empty_database_url, user=name), say=lambda _: None)
        assert "\n" not in str(raised.value)
    finally:
        await connection.execute(f"DROP ROLE {name}")
        await connection.close()


async def test_the_schema_can_live_elsewhere_than_in_public(
    empty_database_url: str, open_connection: migrations.Connect
) -> None:
    connection = await open_connection()
    await connection.execute("CREATE SCHEMA chatroach")
    await migrations.up(connect_to(f"{empty_database_url}?search_path=chatroach"), say=lambda _: None)

    # The connection's own search_path is still public: the function finds the table all the same.
    made = await connection.fetch("SELECT chatroach.chat_log_make_partitions(12, 0)")
    assert len(made) == 9
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


async def _described(open_connection: migrations.Connect) -> dict[str, list[str]]:
    connection = await open_connection()
    try:
        return await describe(connection)
    finally:
        await connection.close()
