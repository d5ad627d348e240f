"""A run of `chatlog backfill audits` that is killed: what it wrote stays, another takes the rest, once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from app.backfill.audit_batches import BATCH_MESSAGES
from sinks.postgres.audit_rollback import AT_ONCE
from sinks.sql import statements
from tests.backfill.audit_logs import DAY, audit, lead, write_files
from tests.backfill.running import run, start
from tests.services import eventually, settings_for_tests
from tests.survey_tables import session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from app.settings import Settings

    Connection = asyncpg.Connection[asyncpg.Record]

LEADS, AUDITS = 500, 10_000
_SQL = statements("audits")
_WAITING = """
    SELECT count(*)
    FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
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


class Turns:
    """Lets whoever writes or takes back do so one transaction at a time."""

    def __init__(self, holding: Connection, waiting: Connection, watching: Connection) -> None:
        self._holding, self._waiting, self._watching = holding, waiting, watching

    async def hold(self) -> None:
        """Have the turn."""
        await self._holding.execute("BEGIN")
        await self._holding.execute(_SQL.take_turn)

    async def give_up(self) -> None:
        """Let everybody have it."""
        await self._holding.execute("ROLLBACK")

    async def let_one_pass(self) -> None:
        """Let who waits for the turn have it once; return when they wait again, or need not."""
        await eventually(lambda: self._are_waiting(1))
        await self._waiting.execute("BEGIN")
        # Turns are had in the order in which they were asked for.
        mine_again = asyncio.create_task(self._waiting.execute(_SQL.take_turn))
        await eventually(lambda: self._are_waiting(2))
        await self._holding.execute("ROLLBACK")
        await mine_again
        self._holding, self._waiting = self._waiting, self._holding

    async def _are_waiting(self, many: int) -> bool:
        return bool(await self._watching.fetchval(_WAITING) == many)


@pytest.fixture
async def turns(tables: Settings) -> AsyncIterator[Turns]:
    """The turn of whoever writes or takes back, which is held."""
    async with session(tables) as one, session(tables) as another, session(tables) as third:
        turns = Turns(one, another, third)
        await turns.hold()
        yield turns


async def test_a_run_is_killed_and_run_again(tables: Settings, source: str, turns: Turns) -> None:
    killed = await start(tables, "audits", "--source", source)
    await turns.let_one_pass()
    killed.kill()
    await killed.wait()
    await turns.give_up()
    assert await sums(tables) == [BATCH_MESSAGES] * 5

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
    assert json.loads(rows[0]["counts"])["messages"] == BATCH_MESSAGES
    for number in (1, 2):
        assert (await run(tables, "rollback", str(number))).returncode == 0
    assert (await sums(tables))[:4] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("transactions", "messages", "records"),
    [
        (1, AUDITS, AUDITS),  # begun
        (2, AUDITS - AT_ONCE, AUDITS),  # some messages have gone
        (3, AUDITS - AT_ONCE, AUDITS - AT_ONCE),  # and their records
    ],
)
async def test_a_rollback_is_killed_and_run_again(
    tables: Settings, source: str, turns: Turns, transactions: int, messages: int, records: int
) -> None:
    await turns.give_up()
    assert (await run(tables, "audits", "--source", source)).returncode == 0
    await turns.hold()
    killed = await start(tables, "rollback", "1")
    for _ in range(transactions):
        await turns.let_one_pass()
    killed.kill()
    await killed.wait()
    await turns.give_up()
    assert (await sums(tables))[:2] == [messages, records]

    ended = await run(tables, "rollback", "1")

    assert ended.returncode == 0, ended.stderr
    assert (await sums(tables))[:4] == [0, 0, 0, 0]
    async with session(tables) as connection:
        assert await connection.fetchval("SELECT count(*) FROM crm_leads") == 0
        assert await connection.fetchval("SELECT count(*) FROM conversations") == 0
