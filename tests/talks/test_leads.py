"""Histories of leads, out of an audit log: listed, shown, searched and exported as what was captured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.backfill.audit_files import AuditFiles
from app.backfill.audit_sources import WantedAudits
from app.backfill.audits import AuditBackfill
from app.postgres.connections import connect
from models.access import Caller, CallerRole
from models.audit_columns import columns_of
from tests.backfill.audit_logs import audit, lead, write_files
from tests.site.visitor import Visitor, text_of
from tests.talks.test_commands import chatlog

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

MODERATOR = Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR, CallerRole.OPERATOR}))
AUDITS = [
    audit(1, "Could I have two quotes?"),
    audit(2, {"body": "Of course, here they are"}, actor="agent", action="message_sent"),
    audit(3, {"stage": "quoted"}, actor="system"),
    audit(4, "Another lead speaks", of=2),
]


@pytest.fixture
async def history(system: Settings, tmp_path: Path) -> Settings:
    """A system in which these were taken."""
    write_files(tmp_path, [lead(1), lead(2)], AUDITS)
    connection = await connect(system.database, statement_timeout_s=0)
    try:
        source = AuditFiles(tmp_path, columns_of({}), WantedAudits())
        await AuditBackfill(connection, source, who="x", options={}).take()
    finally:
        await connection.close()
    return system


async def test_pages_list_them_and_show_them(visitor: Visitor, history: Settings) -> None:
    await visitor.sign_in(caller=MODERATOR)
    listed = await visitor.get("/conversations?platform=crm")
    assert text_of(listed).count("CRM") >= 2
    assert "psid-1" in text_of(listed)
    connection = await connect(history.database)
    try:
        talk = await connection.fetchval("SELECT id FROM conversations WHERE external_id = 'lead-1'")
    finally:
        await connection.close()

    shown = text_of(await visitor.get(f"/conversations/{talk}"))

    assert "Could I have two quotes?" in shown
    assert "Of course, here they are" in shown
    # What is beside it is the list, with the last line of each.
    assert shown.count("Another lead speaks") == text_of(listed).count("Another lead speaks")


async def test_words_are_found_by_their_stems(visitor: Visitor, history: Settings, tmp_path: Path) -> None:
    status, said = await chatlog(history, tmp_path, "maintain")
    assert status == 0, said
    await visitor.sign_in(caller=MODERATOR)
    # Platforms are chosen from; English is spoken there from the start.
    found = await visitor.get("/search?q=quote&platform=crm")
    assert "two quotes" in text_of(found)
    assert 'value="crm" selected' in found.text
    assert (await chatlog(history, tmp_path, "search", "languages", "list"))[1][-1].split()[:2] == [
        "platform:crm",
        "english",
    ]


async def test_commands_show_and_export_them(history: Settings, tmp_path: Path) -> None:
    for who in (("lead-1",), ("psid-1", "--platform", "crm"), ("lead-1", "--platform", "crm")):
        status, said = await chatlog(history, tmp_path, "conversation", *who)
        assert status == 0, said
        assert any("Could I have two quotes?" in line for line in said)
    assert (await chatlog(history, tmp_path, "conversation", "lead-9"))[0] == 1

    exported = await chatlog(history, tmp_path, "export", "--messages", "--platform", "crm", "-o", "-")

    told = "\n".join(exported[1])
    assert all(said in told for said in ("two quotes?", "here they are", "Another lead speaks", "quoted"))
    log = await chatlog(history, tmp_path, "access-log", "list")
    assert any("lead-1" in line or "psid-1" in line for line in log[1])
