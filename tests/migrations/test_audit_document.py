"""The SQL that the document on audit logs shows runs on what was made of them, by its own names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from app.backfill.audits import AuditBackfill
from models.audits import Audit, AuditLead
from tests.migrations.documents import sql_shown_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    Database = asyncpg.Connection[asyncpg.Record]

DOCUMENT = "audit_backfill.md"
SHOWN = sql_shown_in(DOCUMENT)
_ASKS = ("SELECT", "EXPLAIN")
_BEGAN_MS = 1_790_000_000_000
_ACTORS = ("customer", "agent", "customer", "agent", "system")
LEADS, AUDITS = 30, 10_000


class Log:
    """A source: audits of `LEADS` leads and one more, in which every thousandth message asks for a quote."""

    name = "a log"

    async def leads(self) -> AsyncIterator[list[AuditLead]]:
        yield [
            AuditLead(f"lead-{number}", channel="web", phone=f"+44{number}", created_ms=_BEGAN_MS)
            for number in range(LEADS + 1)
        ]

    async def audits(self) -> AsyncIterator[list[Audit]]:
        for first in range(0, AUDITS, 1_000):
            yield [self._audit(number) for number in range(first, first + 1_000)]

    def _audit(self, number: int) -> Audit:
        said = f"word {number} of a long talk" if number % 1_000 else "Any quotes?"
        actor = _ACTORS[number % len(_ACTORS)]
        lead = f"lead-{number % LEADS}"
        return Audit(f"audit-{number}", lead, actor, "any", _BEGAN_MS + number * 60_000, {"text": said})


@pytest.fixture
async def history(database: Database) -> Database:
    """A session of a reader on a database in which the log was taken, in the document's words."""
    await AuditBackfill(database, Log(), who="x", options={}).take()
    await database.execute("ANALYZE")
    await database.execute("SET ROLE chatlog_reader; SET search_path = crm, public")
    return database


def the(*words: str) -> str:
    """Return the one statement that has all these words."""
    (found,) = [text for text in SHOWN if all(word in text for word in words)]
    return found


async def first_row(database: Database, statement: str) -> tuple[Any, ...]:
    row = await database.fetchrow(statement)
    assert row is not None
    return tuple(row)


def test_what_is_no_question_deletes_and_has_a_command_here() -> None:
    others = [text for text in SHOWN if not text.startswith(_ASKS)]
    assert [text.partition("\n")[0][:16] for text in others] == [
        'DELETE FROM "Mes',
        'DELETE FROM "Con',
    ]
    assert len(SHOWN) - len(others) == 11


async def test_every_question_can_be_asked(history: Database) -> None:
    talk = await history.fetchval('SELECT id FROM "Conversation" LIMIT 1')
    for statement in SHOWN:
        if statement.startswith(_ASKS):
            assert await history.fetch(statement.replace("conversation-uuid", str(talk))), statement


async def test_its_validation_finds_what_was_taken(history: Database) -> None:
    assert await first_row(history, the("as conversations,")) == (LEADS, LEADS)
    assert await first_row(history, the("as messages,")) == (AUDITS, AUDITS, LEADS)
    assert await first_row(history, the("as leads,")) == (LEADS + 1, LEADS)
    roles = await history.fetch(the("SUM(COUNT(*)) OVER ()"))
    assert [(row["role"], row["count"], float(row["percentage"])) for row in roles] in (
        [("user", 4_000, 40.0), ("assistant", 4_000, 40.0), ("system", 2_000, 20.0)],
        [("assistant", 4_000, 40.0), ("user", 4_000, 40.0), ("system", 2_000, 20.0)],
    )
    sample = await history.fetch(the("LEFT JOIN \"Message\" m ON m.metadata->>'auditId'"))
    assert len(sample) == 10
    assert all(row["message_id"] is not None for row in sample)
    actors = {row[0] for row in await history.fetch(the("SELECT DISTINCT actor"))}
    assert actors == {"customer", "agent", "system"}


async def test_its_conversations_begin_with_their_leads(history: Database) -> None:
    rows = await history.fetch(the("as first_message"))
    assert len(rows) == LEADS
    assert {row["started_at"].timestamp() * 1000 for row in rows} == {_BEGAN_MS}
    assert {row["message_count"] for row in rows} <= {AUDITS // LEADS, AUDITS // LEADS + 1}


async def test_words_are_found_by_the_index_and_by_their_rank(history: Database) -> None:
    plan = "\n".join(row[0] for row in await history.fetch(the("EXPLAIN ANALYZE")))
    assert "Bitmap Index Scan on messages_crm_" in plan
    # Read as they are are months that are empty.
    read_through = re.findall(r"Seq Scan on \S+ \S+  \(cost=(\S+)", plan)
    assert set(read_through) <= {"0.00..0.00"}
    took = re.search(r"Execution Time: ([\d.]+) ms", plan)
    assert took is not None
    # 10,000 messages in 50 ms, as the document has it; on any machine, with others on it.
    assert float(took[1]) < 50 * 10

    found = await history.fetch(the("ts_rank"))

    assert {row["content"] for row in found} == {"Any quotes?"}
    assert len(found) == 10
    assert all(row["relevance"] > 0 for row in found)
