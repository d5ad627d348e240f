"""A run of `chatlog backfill audits` that is killed: what it wrote stays, another takes the rest, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.backfill.audit_logs import DAY, audit, lead, write_files
from tests.backfill.running import run, start
from tests.services import eventually, settings_for_tests
from tests.survey_tables import session

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

LEADS, AUDITS = 500, 40_000
#: What there is of messages, by each of the tables that know.
_SUMS = """
    SELECT
        (SELECT count(*) FROM messages),
        (SELECT count(*) FROM crm_audits),
        (SELECT sum(messages) FROM message_day_deltas),
        (SELECT sum(captured) FROM conversations),
        (SELECT sum((counts ->> 'messages')::bigint) FROM backfill_runs)
"""
_LOST_OR_CHANGED = """
    SELECT count(*)
    FROM messages
    FULL JOIN generate_series(1, $1) AS number ON metadata ->> 'auditId' = 'audit-' || number
    WHERE content IS DISTINCT FROM 'number ' || number
"""


@pytest.fixture
def tables(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a system with the schema; nothing of it is asked but the database."""
    return settings_for_tests("killed", "127.0.0.1:9", database_url, tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A directory with audits enough for many batches."""
    audits = (
        audit(number, f"number {number}", of=number % LEADS, createdAt=f"{DAY}T{number % 24:02}:00:00Z")
        for number in range(1, AUDITS + 1)
    )
    return write_files(tmp_path, [lead(number) for number in range(LEADS)], list(audits))


async def sums(settings: Settings) -> list[int]:
    async with session(settings) as connection:
        row = await connection.fetchrow(_SUMS)
    return [int(each or 0) for each in row or ()]


async def test_a_run_is_killed_and_run_again(tables: Settings, source: str) -> None:
    killed = await start(tables, "audits", "--source", source)

    async def is_in_the_middle() -> bool:
        return (await sums(tables))[0] > 0

    await eventually(is_in_the_middle, what="some of it is written")
    killed.kill()
    await killed.wait()
    # What was sent before is written by PostgreSQL all the same, as a whole or not at all.
    written = await sums(tables)
    assert 0 < written[0] < AUDITS
    assert set(written) == {written[0]}

    ended = await run(tables, "audits", "--source", source)

    assert ended.returncode == 0, ended.stderr
    assert await sums(tables) == [AUDITS] * 5
    async with session(tables) as connection:
        assert await connection.fetchval(_LOST_OR_CHANGED, AUDITS) == 0
        assert await connection.fetchval("SELECT count(*) FROM conversations") == LEADS
        rows = await connection.fetch("SELECT status, counts FROM backfill_runs ORDER BY id")
    assert [row["status"] for row in rows] == ["running", "finished"]
    # And again, which writes nothing.
    assert (await run(tables, "audits", "--source", source)).returncode == 0
    assert await sums(tables) == [AUDITS] * 5
    # Of both, each takes back its own.
    assert json.loads(rows[0]["counts"])["messages"] < AUDITS
    for number in (1, 2):
        assert (await run(tables, "rollback", str(number))).returncode == 0
    assert (await sums(tables))[:4] == [0, 0, 0, 0]


async def test_a_rollback_is_killed_and_run_again(tables: Settings, source: str) -> None:
    assert (await run(tables, "audits", "--source", source)).returncode == 0
    killed = await start(tables, "rollback", "1")

    async def is_in_the_middle() -> bool:
        return (await sums(tables))[0] < AUDITS

    await eventually(is_in_the_middle, what="some of it is taken back")
    killed.kill()
    await killed.wait()

    ended = await run(tables, "rollback", "1")

    assert ended.returncode == 0, ended.stderr
    assert (await sums(tables))[:4] == [0, 0, 0, 0]
    async with session(tables) as connection:
        assert await connection.fetchval("SELECT count(*) FROM crm_leads") == 0
        assert await connection.fetchval("SELECT count(*) FROM conversations") == 0
