"""`chatlog backfill rollback`: what a run made goes, with all that counts it, and what others made stays."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from app.postgres.connections import connect, create_pool
from models.ids import message_id
from sinks.postgres.counting import count_people
from sinks.postgres.settling import Settler
from sinks.sql import statements
from tests.backfill.audit_logs import DAY, audit, lead, write_files
from tests.backfill.running import run, start
from tests.services import eventually, settings_for_tests
from tests.survey_tables import execute, session

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

#: What there is to see of messages in all tables of sums, and of conversations; without what is 0.
_SEEN = """
    SELECT coalesce(json_agg(line ORDER BY line), '[]') FROM (
        SELECT concat_ws(' ', 'day', day, channel, role, messages, weight)
        FROM message_days WHERE messages <> 0
        UNION ALL
        SELECT concat_ws(' ', 'figure', day, channel, role, messages, weight, squares)
        FROM figure_days WHERE messages <> 0
        UNION ALL
        SELECT concat_ws(' ', 'hour', timestamp, channel, role, messages)
        FROM figure_hours WHERE messages <> 0
        UNION ALL
        SELECT concat_ws(' ', 'people', day, channel, people) FROM figure_people WHERE people <> 0
        UNION ALL
        SELECT concat_ws(' ', 'week', channel, first_week, week, people) FROM figure_weeks WHERE people <> 0
        UNION ALL
        SELECT concat_ws(' ', 'person', person_id, week, channel) FROM person_weeks
        UNION ALL
        SELECT concat_ws(' ', 'talk', external_id, started, last_at, captured) FROM conversations
        UNION ALL
        SELECT concat_ws(' ', 'message', id, content) FROM messages
        UNION ALL
        SELECT concat_ws(' ', 'audit', id) FROM crm_audits
        UNION ALL
        SELECT concat_ws(' ', 'lead', id) FROM crm_leads
    ) AS seen (line)
"""

#: Who waits for a lock with a statement like this.
_WAITING = """
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""


@pytest.fixture
def tables(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a system with the schema; nothing of it is asked but the database."""
    return settings_for_tests("rollback", "127.0.0.1:9", database_url, tmp_path)


async def seen(settings: Settings) -> list[str]:
    """Return all there is to see, when everything is summed up and counted."""
    pool = await create_pool(settings.database)
    try:
        gap = timedelta(minutes=30)
        await Settler(pool, (), (), stay_gap=gap, settle_after=timedelta(minutes=1)).settle()
    finally:
        pool.terminate()
    connection = await connect(settings.database)
    try:
        await count_people(connection, now=lambda: datetime(2027, 1, 1, tzinfo=UTC))
        found: list[str] = json.loads(await connection.fetchval(_SEEN))
    finally:
        connection.terminate()
    return found


async def taken(settings: Settings, directory: Path, *options: str) -> None:
    ended = await run(settings, "audits", "--source", str(directory), *options)
    assert ended.returncode == 0, ended.stderr


#: Over several weeks, so that somebody comes back; the second run adds to a conversation of the first.
WEEKS = ["2026-09-01", "2026-09-10", "2026-10-05", "2026-10-20"]
FIRST = [
    *(audit(n, f"first {n}", of=1 + n % 2, createdAt=f"{day}T10:00:00Z") for n, day in enumerate(WEEKS)),
    audit(10, "an answer", of=2, actor="agent", createdAt="2026-09-10T10:05:00Z"),
]
SECOND = [
    audit(20, "second", of=1, createdAt="2026-08-01T10:00:00Z"),
    audit(21, "second", of=1, createdAt="2026-10-05T10:30:00Z"),
    audit(22, "second", of=3, createdAt="2026-10-05T10:30:00Z"),
]
LEADS = [lead(1), lead(2), lead(3), lead(4)]


async def test_what_a_run_made_goes_and_all_that_counts_it(tables: Settings, tmp_path: Path) -> None:
    before = await seen(tables)
    write_files(tmp_path, LEADS, FIRST)
    await taken(tables, tmp_path)
    made = await seen(tables)
    assert [line for line in made if line.startswith("week")] != []

    ended = await run(tables, "rollback", "1")

    assert ended.stdout == "5 messages and 2 conversations of run 1 were taken back; none are left.\n"
    assert await seen(tables) == before == []
    # And can be taken again.
    await taken(tables, tmp_path)
    assert await seen(tables) == made


@pytest.mark.parametrize(("first", "goes"), [(SECOND, FIRST), (FIRST, SECOND)])
async def test_what_others_made_stays_as_if_the_run_had_not_been(
    tables: Settings, tmp_path: Path, first: list[dict[str, object]], goes: list[dict[str, object]]
) -> None:
    write_files(tmp_path, LEADS, first)
    await taken(tables, tmp_path)
    alone = await seen(tables)
    write_files(tmp_path, LEADS, goes)
    await taken(tables, tmp_path)
    assert await seen(tables) != alone

    assert (await run(tables, "rollback", "2")).returncode == 0

    assert await seen(tables) == alone


async def test_the_conversation_of_an_earlier_run_goes_when_nothing_is_left_in_it(
    tables: Settings, tmp_path: Path
) -> None:
    for audits in (FIRST, SECOND):
        write_files(tmp_path, LEADS, audits)
        await taken(tables, tmp_path)

    assert (await run(tables, "rollback", "1")).returncode == 0
    assert [line.split()[1] for line in await seen(tables) if line.startswith("talk")] == ["lead-1", "lead-3"]
    assert (await run(tables, "rollback", "2")).returncode == 0

    assert await seen(tables) == []


async def test_one_lead_can_be_taken_back_and_taken_again(tables: Settings, tmp_path: Path) -> None:
    write_files(tmp_path, LEADS, [*FIRST, *SECOND])
    await taken(tables, tmp_path)
    whole = await seen(tables)

    ended = await run(tables, "rollback", "1", "--lead", "lead-1")

    assert ended.stdout.startswith("4 messages and 1 conversation of run 1 were taken back")
    assert [line.split()[1] for line in await seen(tables) if line.startswith("talk")] == ["lead-2", "lead-3"]
    async with session(tables) as connection:
        row = await connection.fetchrow("SELECT status, counts FROM backfill_runs")
    assert row is not None
    assert (row["status"], json.loads(row["counts"])["messages_taken_back"]) == ("finished", 4)
    await taken(tables, tmp_path, "--lead", "lead-1")
    assert await seen(tables) == whole


async def test_versions_and_opinions_of_its_messages_go_too(tables: Settings, tmp_path: Path) -> None:
    write_files(tmp_path, LEADS, [audit(1)])
    await taken(tables, tmp_path)
    said = message_id("crm", "audit-1", round(datetime.fromisoformat(f"{DAY}T09:01Z").timestamp() * 1000))
    await execute(
        tables,
        "INSERT INTO message_versions (platform, source, kind, changed, content) "
        "VALUES ('crm', message_source($1::uuid), 'edit', now(), 'secret')",
        said,
    )
    await execute(
        tables,
        "INSERT INTO message_feedback (platform, source, refers_to, value, given) "
        "VALUES ('crm', gen_random_uuid(), message_source($1::uuid), 1, now())",
        said,
    )

    assert (await run(tables, "rollback", "1")).returncode == 0

    async with session(tables) as connection:
        assert await connection.fetchval("SELECT count(*) FROM message_versions") == 0
        assert await connection.fetchval("SELECT count(*) FROM message_feedback") == 0


async def test_it_is_done_again_as_if_nothing_were(tables: Settings, tmp_path: Path) -> None:
    write_files(tmp_path, LEADS, FIRST)
    await taken(tables, tmp_path)
    await run(tables, "rollback", "1")

    ended = await run(tables, "rollback", "1")

    assert ended.stdout == "0 messages and 0 conversations of run 1 were taken back; none are left.\n"
    async with session(tables) as connection:
        assert await connection.fetchval("SELECT status FROM backfill_runs") == "rolled back"
        counts = json.loads(await connection.fetchval("SELECT counts FROM backfill_runs"))
    assert (counts["messages"], counts["messages_taken_back"]) == (5, 5)


async def test_what_is_left_without_a_record_is_told(tables: Settings, tmp_path: Path) -> None:
    write_files(tmp_path, LEADS, FIRST)
    await taken(tables, tmp_path)
    await execute(tables, "DELETE FROM crm_audits WHERE id = 'audit-1'")

    ended = await run(tables, "rollback", "1")

    assert ended.returncode == 1
    assert ended.stderr.startswith("chatlog: Run 1 is not rolled back as a whole")
    assert ended.stderr.endswith("whoever made them: 1\n")


async def test_people_are_forgotten_though_it_was_killed_before_it_did(
    tables: Settings, tmp_path: Path
) -> None:
    write_files(tmp_path, LEADS, FIRST)
    await taken(tables, tmp_path)
    assert [line for line in await seen(tables) if line.startswith("person")] != []
    async with session(tables) as watching, session(tables) as counting, counting.transaction():
        await counting.execute("SELECT FROM figure_closings FOR UPDATE")
        killed = await start(tables, "rollback", "1")
        await eventually(lambda: watching.fetchval(_WAITING, "%figure_closings%"))
        killed.kill()
        await killed.wait()
        assert await watching.fetchval("SELECT count(*) FROM messages") == 0

    assert (await run(tables, "rollback", "1")).returncode == 0

    assert await seen(tables) == []


async def test_what_another_run_took_meanwhile_is_not_taken_back(tables: Settings, tmp_path: Path) -> None:
    write_files(tmp_path, LEADS, FIRST)
    await taken(tables, tmp_path)
    async with session(tables) as watching, session(tables) as holding, session(tables) as other:
        held = holding.transaction()
        await held.start()
        await holding.execute("SELECT FROM backfill_runs FOR UPDATE")
        rollback = await start(tables, "rollback", "1")
        await eventually(lambda: watching.fetchval(_WAITING, "%backfill_runs%"))
        async with other.transaction():
            # Has its turn when the rollback has begun, and leaves all as if it had been taken back and again.
            turn = asyncio.create_task(other.execute(statements("audits").take_turn))
            await eventually(lambda: watching.fetchval(_WAITING, "%pg_advisory_xact_lock%"))
            await held.rollback()
            await turn
            await eventually(lambda: watching.fetchval(_WAITING, "%pg_advisory_xact_lock%"))
            await other.execute("UPDATE crm_audits SET run_id = 2")
        await rollback.communicate()

    assert len([line for line in await seen(tables) if line.startswith("message")]) == len(FIRST)


async def test_a_run_that_was_killed_is_interrupted_where_one_lead_is_taken_back(
    tables: Settings, tmp_path: Path
) -> None:
    write_files(tmp_path, LEADS, FIRST)
    await taken(tables, tmp_path)
    # Killed, it had no time to say anything else. And its rollback ends before it is done.
    await execute(tables, "UPDATE backfill_runs SET status = 'running'")
    await execute(tables, "DELETE FROM crm_audits WHERE id = 'audit-1'")
    assert (await run(tables, "rollback", "1", "--lead", "lead-1")).returncode == 1
    await execute(tables, "DELETE FROM messages")

    assert (await run(tables, "rollback", "1", "--lead", "lead-1")).returncode == 0

    async with session(tables) as connection:
        assert await connection.fetchval("SELECT status FROM backfill_runs") == "interrupted"


async def test_a_run_that_there_is_not_is_told(tables: Settings) -> None:
    ended = await run(tables, "rollback", "7")
    assert ended.returncode == 1
    assert "There is no run 7; `chatlog backfill runs` lists them." in ended.stderr
