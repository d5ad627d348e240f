"""Runs of the backfill beside others, and beside who takes back, holds a lock or interrupts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from app.backfill import lead_book
from app.backfill.audits import AuditBackfill
from app.backfill.lead_book import BookUnwritable, LeadBook
from app.postgres.connections import connect
from models.audits import Audit, AuditLead
from sinks.errors import ServiceDown
from sinks.postgres.audit_rollback import AuditRollback
from sinks.postgres.audit_runs import RunStatus, begin_run, end_run, note_run
from tests.backfill.audit_logs import audit, lead, write_files
from tests.backfill.running import run, start
from tests.services import eventually, settings_for_tests
from tests.survey_tables import execute, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from app.settings import Settings

_BEGAN_MS = 1_790_000_000_000
#: As somebody does who looks after the database, whoever waits for a lock with a statement like this.
_CANCEL = """
    SELECT pg_cancel_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""


@pytest.fixture
def tables(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a system with the schema; nothing of it is asked but the database."""
    return settings_for_tests("beside", "127.0.0.1:9", database_url, tmp_path)


def said(number: int) -> Audit:
    return Audit(
        f"audit-{number}", "lead-1", "customer", None, _BEGAN_MS + number, {"text": f"word {number}"}
    )


class Log:
    """A source: audits of one lead, in parts, before the second of which something is done."""

    name = "a log"

    def __init__(self, *parts: Sequence[Audit], between: Callable[[], Awaitable[None]] | None = None) -> None:
        self._parts = parts
        self._between = between

    async def leads(self) -> AsyncIterator[list[AuditLead]]:
        yield [AuditLead("lead-1", channel="web", phone="+44", stage="done", created_ms=_BEGAN_MS)]

    async def audits(self) -> AsyncIterator[list[Audit]]:
        for number, part in enumerate(self._parts):
            if number and self._between is not None:
                await self._between()
            yield list(part)


async def take(settings: Settings, log: Log) -> AuditBackfill:
    connection = await connect(settings.database)
    try:
        backfill = AuditBackfill(connection, log, who="x", options={})
        await backfill.take()
    finally:
        connection.terminate()
    return backfill


async def test_a_conversation_that_was_taken_back_meanwhile_is_made_anew_with_all_that_is_known(
    tables: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.backfill.audit_batches.BATCH_MESSAGES", 1)
    await take(tables, Log([said(1)]))
    second: list[AuditBackfill] = []

    async def take_back_the_first() -> None:
        # The second run has met the conversation when it wrote the batch before.
        await eventually(lambda: second[0].counts.old_messages)
        async with session(tables) as connection:
            await AuditRollback(connection, 1).take_back()

    async with session(tables) as connection:
        log = Log([said(1)], [said(2)], between=take_back_the_first)
        second.append(AuditBackfill(connection, log, who="x", options={}))
        await second[0].take()

        talk = await connection.fetchrow("SELECT subject_id, metadata, captured FROM conversations")
        of_lead = await connection.fetchval("SELECT conversation_id FROM crm_leads")

    assert talk is not None
    assert (talk["subject_id"], talk["captured"], of_lead is None) == ("+44", 1, False)
    assert json.loads(talk["metadata"])["leadStage"] == "done"


async def test_leads_that_another_run_read_stay_when_one_is_taken_back(
    tables: Settings, tmp_path: Path
) -> None:
    source = write_files(tmp_path, [lead(1), lead(2)], [audit(1)])
    for options in ([], ["--lead", "lead-1"], []):
        assert (await run(tables, "audits", "--source", source, *options)).returncode == 0

    left = []
    for number in (1, 3, 2):
        assert (await run(tables, "rollback", str(number))).returncode == 0
        async with session(tables) as connection:
            rows = await connection.fetch("SELECT id FROM crm_leads ORDER BY id")
        left.append([row["id"] for row in rows])

    assert left == [["lead-1", "lead-2"], ["lead-1"], []]


async def test_a_table_that_is_held_for_long_is_waited_for(tables: Settings, tmp_path: Path) -> None:
    source = write_files(tmp_path, [lead()], [audit(1, createdAt="2021-02-28T12:00:00Z")])
    async with session(tables) as holding, holding.transaction():
        await holding.execute("SELECT FROM messages LIMIT 1")
        process = await start(tables, "audits", "--source", source)
        assert process.stderr is not None
        # To make a month, nobody else may have the table, and that is waited for 5 s at a time.
        while b"Waiting for a service" not in (line := await process.stderr.readline()):
            assert line, "it gave up"

    await process.communicate()

    assert process.returncode == 0
    async with session(tables) as connection:
        assert await connection.fetchval("SELECT count(*) FROM messages_crm_2021_02") == 1


async def test_a_rollback_goes_on_when_it_was_refused_for_now(tables: Settings) -> None:
    await take(tables, Log([said(1)]))
    await execute(tables, "INSERT INTO figure_closings (platform, day) VALUES ('crm', '2026-09-21')")
    async with session(tables) as cancelling, session(tables) as holding, holding.transaction():
        await holding.execute("SELECT FROM figure_closings FOR UPDATE")
        process = await start(tables, "rollback", "1")
        await eventually(lambda: cancelling.fetchval(_CANCEL, "%figure_closings%FOR UPDATE%"))
        assert process.stderr is not None
        while b"Waiting for a service" not in (line := await process.stderr.readline()):
            assert line, "it gave up"

    said_at_last, _ = await process.communicate()

    assert said_at_last == b"1 message and 1 conversation of run 1 were taken back; none are left.\n"


async def test_a_connection_that_is_lost_ends_a_run(tables: Settings) -> None:
    async def lose_it() -> None:
        await execute(
            tables,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    with pytest.raises(ServiceDown):
        await asyncio.wait_for(take(tables, Log([said(1)], [said(2)], between=lose_it)), 60)


async def test_what_was_committed_is_told_of_a_run_that_does_not_know_it(tables: Settings) -> None:
    # Interrupted while it waits for the answer to COMMIT.
    async with session(tables) as connection:
        counts = []
        for ended in (RunStatus.INTERRUPTED, RunStatus.FAILED, RunStatus.FINISHED):
            number = await begin_run(connection, "x", "a log", {})
            await note_run(connection, number, {"messages": 5})
            await end_run(connection, number, ended, {"messages": 3, "errors": 1})
            noted = await connection.fetchval("SELECT counts FROM backfill_runs WHERE id = $1", number)
            counts.append(json.loads(noted))
    assert counts == [{"messages": 5, "errors": 1}] * 2 + [{"messages": 3, "errors": 1}]


def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_book, "_SETUP", f"{lead_book._SETUP} PRAGMA max_page_count = 10;")
    leads = [AuditLead(f"lead-{number}", channel="web" * 99) for number in range(999)]
    with LeadBook() as book, pytest.raises(BookUnwritable, match="or disk is full; give its disk space"):
        book.add_leads(leads)
