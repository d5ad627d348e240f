"""Everything that connects to the database, through PgBouncer: workers, the API, and each command."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.doctor import checks
from app.doctor.findings import Level
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import topics_of
from app.settings import Role
from tests.backfill.audit_logs import PRISMA, audit, fill_tables, lead
from tests.conversations import conversations
from tests.exporting import OWNER, SURVEY, keys_in_file, keys_in_table, make_survey
from tests.pipeline.test_main_job import arrived, assert_as_expected, dead_letters_are, play
from tests.services import as_environment, changed, eventually, settings_for_tests, storage_overrides
from tests.site.fixtures import SECRET
from tests.site.served import ANSWER_S, served
from tests.workers import CHATLOG, produce, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings
    from tests.services import PgBouncer
    from tests.workers import Workers


@pytest.fixture
async def system(
    pooler: PgBouncer,
    settings: Callable[..., Settings],
    empty_database_url: str,
    storage: BucketSettings,
    tmp_path: Path,
) -> Settings:
    """Settings of a system whose schema was made through PgBouncer, by the command."""
    direct = settings(api_jwt_secret=SECRET, **storage_overrides(storage))
    made = changed(direct, database_url=SecretStr(pooler.url_of(empty_database_url)))
    await ensure_topics(made.kafka, made.topology)
    assert "Applied 0001" in await chatlog(made, tmp_path, "migrate", "up")
    return made


async def test_events_become_rows_and_a_file_through_a_pooler(
    system: Settings, workers: Workers, tmp_path: Path
) -> None:
    said = conversations(users=30, turns=6)
    await make_survey(system, 3_000)
    await play(system, said)
    workers.start(Role.CAPTURE)
    persist = workers.start(Role.PERSIST)
    export = workers.start(Role.EXPORT)

    await arrived(system, said)
    rows = {key: row for key, row in (await rows_of(system)).items() if key in said.expected}
    assert_as_expected(rows, said)
    token = (await chatlog(system, tmp_path, "token", OWNER)).strip()
    async with served(system, tmp_path) as api:
        content = await a_file_by(api.url, token)
    assert keys_in_file(content) == await keys_in_table(system)
    assert (persist.stop(), export.stop()) == (0, 0)
    assert "Traceback" not in workers.logs() + api.said
    assert "without a surveyid" not in workers.logs()


async def a_file_by(url: str, token: str) -> bytes:
    """Ask for an export as a program does, with pages looked at as a person does, and load the file."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_S) as client:
        assert (await client.get("/health/ready")).status_code == 200
        assert SURVEY in (await client.get("/surveys")).text
        signed_in = await client.post("/sign-in", data={"token": token})
        assert signed_in.status_code == 303
        pages = await asyncio.gather(*(client.get("/") for _ in range(20)))
        assert {page.status_code for page in pages} == {200}
        asked = await client.post("/exports", params={"survey": SURVEY}, json={"export_type": "chat_log"})
        assert asked.status_code == 201, asked.text
        place = asked.headers["location"]

        async def is_finished() -> bool:
            status = (await client.get(place)).json()["status"]
            assert status != "Failed", status
            return bool(status == "Finished")

        await eventually(is_finished)
        answer = await client.get(f"{place}/download", follow_redirects=False)
        return (await httpx.AsyncClient().get(answer.headers["location"])).content


@pytest.mark.parametrize("pooler", ["pgbouncer"], indirect=True)
async def test_every_command_works_in_transaction_mode(
    system: Settings, workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LIMIT_S", 60.0)  # on a machine that does much else
    await make_survey(system, 2_000)
    await run_sql(system, "UPDATE chat_log SET surveyid = NULL, pageid = 'page'")
    await run_sql(
        system,
        "INSERT INTO credentials (userid, entity, facebook_page_id, key) "
        "SELECT id, 'facebook_page', 'page', 'page' FROM users",
    )
    await run_sql(system, "UPDATE surveys SET created = '2026-01-01Z'")
    workers.start(Role.PERSIST)
    broken = [(b"someone", b"{%d" % number) for number in range(3)]
    await produce(system, topics_of(system.topology).chat_log.name, broken)
    await eventually(lambda: dead_letters_are(system, 3))

    # Side by side, so that they take turns at the sessions.
    status, checked, dry, listed, shown = await asyncio.gather(
        chatlog(system, tmp_path, "migrate", "status"),
        checks.run_checks(system),
        chatlog(system, tmp_path, "backfill", "surveyids", "--dry-run"),
        chatlog(system, tmp_path, "dead-letters", "list", "--json"),
        chatlog(system, tmp_path, "dead-letters", "show", "1"),
    )
    assert "The schema is up to date" in status
    of_the_database = [finding for finding in checked if finding.area in {"schema", "rights"}]
    assert {finding.area for finding in of_the_database} == {"schema", "rights"}
    assert {finding.level for finding in of_the_database} == {Level.OK}
    assert "2,000" in dry
    assert len(json.loads(listed)["dead_letters"]) == 3
    assert "not_json" in shown
    assert "Nothing to do" in await chatlog(system, tmp_path, "migrate", "up")
    assert "2,000" in await chatlog(system, tmp_path, "backfill", "surveyids")
    file = await chatlog(system, tmp_path, "export", SURVEY, "--owner", OWNER, "-o", "-")
    assert keys_in_file(file.encode()) == await keys_in_table(system)
    await chatlog(system, tmp_path, "dead-letters", "replay", "--id", "1", "--yes")
    await chatlog(system, tmp_path, "dead-letters", "drop", "--id", "2", "--yes")
    await eventually(lambda: dead_letters_are(system, 3))
    assert "Undid" in await chatlog(system, tmp_path, "migrate", "down", "--yes")
    assert "Applied" in await chatlog(system, tmp_path, "migrate", "up")


async def test_audits_come_out_of_one_database_and_go_into_another_through_a_pooler(
    pooler: PgBouncer, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    theirs = await asyncpg.connect(empty_database_url)
    try:
        await theirs.execute(PRISMA)
        await fill_tables(theirs, [lead()], [audit(number) for number in range(3)])
    finally:
        await theirs.close()
    tables = settings_for_tests("audits", "127.0.0.1:9", pooler.url_of(database_url), tmp_path)
    source = pooler.url_of(empty_database_url)

    told = await chatlog(tables, tmp_path, "backfill", "audits", "--source", source)

    assert [line.split()[-1] for line in told.splitlines() if "Messages created" in line] == ["3"]
    assert "3 messages and 1 conversation" in await chatlog(tables, tmp_path, "backfill", "rollback", "1")


async def run_sql(settings: Settings, statement: str) -> None:
    connection = await asyncpg.connect(settings.database.require_url())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def chatlog(settings: Settings, directory: Path, *arguments: str) -> str:
    """Run a command to its end; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        CHATLOG,
        *arguments,
        env={**os.environ, **as_environment(settings)},
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, f"{arguments}: {stdout.decode()}{stderr.decode()}"
    return stdout.decode()
