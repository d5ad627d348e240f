from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

import migrations
from app.commands.check import check
from app.doctor import checks
from app.doctor.checks import run_checks
from app.doctor.findings import Finding, Level
from app.doctor.tenant_checks import POLICED
from app.kafka.topics import topics_of
from app.local.embedded import free_port
from app.postgres.connections import connect
from tests.services import (
    as_environment,
    changed,
    eventually,
    in_own_loop,
    settings_for_tests,
    storage_overrides,
)
from tests.site.fixtures import SECRET
from tests.workers import prepare, produce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings

    SettingsFor = Callable[..., Settings]


LATEST = migrations.known_revisions()[-1]


async def execute(settings: Settings, statement: str) -> None:
    connection = await connect(settings.database)
    await connection.execute(statement)
    await connection.close()


def with_database(settings: Settings, url: str | None) -> Settings:
    return changed(settings, database_url=url if url is None else SecretStr(url))


def wrong(findings: list[Finding]) -> list[str]:
    return [finding.message for finding in findings if finding.level is Level.WRONG]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the services the time that they take on a busy machine."""
    monkeypatch.setattr(checks, "LIMIT_S", 60.0)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_system_as_it_should_be_has_nothing_wrong(settings: SettingsFor) -> None:
    await prepare(settings())
    findings = await run_checks(settings())
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert {finding.area for finding in findings} == {
        "settings",
        "connection",
        "topic",
        "group",
        "capture",
        "lag",
        "schema",
        "search",
        "tenants",
        "rights",
    }


async def test_what_waits_for_a_role_is_told(settings: SettingsFor) -> None:
    await prepare(settings())
    topics = topics_of(settings().topology)
    await produce(settings(), topics.chat_log.name, [(b"u", b"{}"), (b"v", b"{}")])

    found = {f.message: f for f in await run_checks(settings()) if f.area == "lag"}

    (note,) = [f for f in found.values() if f.level is Level.NOTE]
    assert note.message.startswith("2 messages wait for persist, and nobody reads: ")
    assert note.mend == "chatlog worker persist"
    assert len(found) == 3


async def test_storage_is_looked_at_where_it_is_set(settings: SettingsFor, moto: BucketSettings) -> None:
    await prepare(settings())
    findings = await run_checks(settings(**storage_overrides(moto)))
    areas = {finding.area: finding for finding in findings}
    assert {"bucket", "link", "lifecycle"} <= set(areas)
    assert areas["bucket"].level is Level.OK

    no_bucket = storage_overrides(moto) | {"storage_bucket": "not-there"}
    (message,) = wrong(await run_checks(settings(**no_bucket)))
    assert message.startswith("not-there at ")


async def test_storage_that_is_away_is_told_and_holds_nothing_else_up(
    settings: SettingsFor, moto: BucketSettings
) -> None:
    await prepare(settings())
    away = storage_overrides(moto) | {"storage_endpoint": f"http://127.0.0.1:{free_port()}"}
    findings = await run_checks(settings(**away))
    assert len(wrong(findings)) == 1
    assert "rights" in {finding.area for finding in findings}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({}, "the API cannot start: STORAGE_BUCKET is not set"),
        ({"storage_bucket": "exports"}, None),
        (
            {"storage_bucket": "exports", "api_host": "0.0.0.0"},
            "the API cannot start: API_HOST=0.0.0.0 opens the API to other machines",
        ),
        (
            {"storage_bucket": "exports", "api_jwt_secret": None},
            "the API cannot start: API_JWT_SECRET, API_JWKS_URL and OIDC_ISSUER are not set",
        ),
    ],
)
def test_whether_the_api_could_start_is_told_where_it_is_set_up(
    tmp_path: Path, overrides: dict[str, Any], said: str | None
) -> None:
    values = {"api_jwt_secret": SECRET} | overrides
    settings = settings_for_tests("t", "127.0.0.1:9", "postgresql://u@127.0.0.1:9/d", tmp_path, **values)
    told = checks.check_settings(settings)
    (found,) = [finding for finding in told if "API" in finding.message]
    assert (found.level is Level.OK) is (said is None)
    assert found.message.startswith(said or "the API has the settings that it needs")


async def test_a_fresh_system_is_told_what_to_run(settings: SettingsFor, empty_database_url: str) -> None:
    findings = await run_checks(settings(database_url=empty_database_url))
    mends = {finding.mend for finding in findings if finding.level is Level.WRONG}
    assert mends == {"chatlog topics", "chatlog migrate up"}


async def test_capture_that_is_off_is_a_note_with_the_variable(settings: SettingsFor) -> None:
    (note,) = [f for f in await run_checks(settings(vlab_chat_log_topic=None)) if f.area == "settings"]
    assert note.level is Level.NOTE
    assert "VLAB_CHAT_LOG_TOPIC=" in note.mend


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        # Renamed, because PostgreSQL lets nobody drop or alter what a view reads.
        ("ALTER TABLE chat_log RENAME raw_payload TO raw", "chat_log has no column raw_payload (jsonb)"),
        (
            "ALTER TABLE chat_log RENAME raw_payload TO raw; ALTER TABLE chat_log ADD raw_payload json",
            "chat_log.raw_payload is not jsonb",
        ),
        (
            "ALTER TABLE chat_log ALTER COLUMN content DROP NOT NULL",
            "chat_log.content is not character varying not null",
        ),
        (
            "ALTER TABLE chat_log ADD COLUMN mood varchar NOT NULL",
            "chat_log.mood is required, and this version does not write it",
        ),
        ("ALTER TABLE chat_log DROP CONSTRAINT chat_log_pkey", "chat_log_pkey is missing: a message that"),
        ("DROP TABLE chat_log_default", "chat_log has no default partition"),
        (
            "UPDATE chatlog_schema_version SET version_num = '0001'",
            f"at revision 0001, and {LATEST} is needed",
        ),
        ("DROP TABLE responses", "the table responses is missing"),
        ("ALTER TABLE surveys DROP COLUMN title", "surveys has no column title"),
        (
            "ALTER TABLE export_status DROP COLUMN published, DROP COLUMN reason",
            "export_status has no column published (timestamp with time zone), reason (character varying)",
        ),
        (
            "ALTER TABLE export_status ADD COLUMN mood varchar NOT NULL",
            "export_status.mood is required, and this version does not write it",
        ),
        (
            "DROP FUNCTION chat_log_make_partitions",
            "may not EXECUTE chat_log_make_partitions(integer, integer)",
        ),
        ("ALTER TABLE dead_letters DROP COLUMN detail", "dead_letters has no column detail"),
        (
            "ALTER TABLE ended_sessions DROP CONSTRAINT ended_sessions_pkey",
            "ended_sessions_pkey is missing: ",
        ),
        ("DROP TABLE ended_sessions", "the table ended_sessions is missing"),
        ("DROP TABLE messages_default", "messages has no default partition: rows of platforms without"),
        ("DROP TABLE messages_twitch_default", "messages_twitch has no default partition: rows of months"),
        ("ALTER TABLE messages RENAME raw_payload TO raw", "messages has no column raw_payload (jsonb)"),
        ("DROP VIEW all_messages", "all_messages is missing"),
        ("DROP VIEW live.users", "live.users is missing"),
        ("DROP TABLE assistant.chat_sessions", "assistant.chat_sessions is missing"),
        (
            "ALTER TABLE chat_logging_config DISABLE TRIGGER chat_logging_config_version",
            "chat_logging_config_version of chat_logging_config is off: rules that are changed never hold",
        ),
        (
            "DROP TRIGGER chat_logging_config_version ON chat_logging_config",
            "chat_logging_config_version of chat_logging_config is missing: rules that",
        ),
        (
            "DROP TRIGGER add_turn ON assistant.chat_conversations",
            "add_turn of assistant.chat_conversations is missing: turns that are added",
        ),
        ("DROP TRIGGER keep_session ON messages_assistant", "keep_session of messages_assistant is missing"),
        ("DROP TRIGGER drop_session ON conversations", "drop_session of conversations is missing"),
        (
            "DROP TRIGGER leave_sum ON assistant.chat_sessions",
            "leave_sum of assistant.chat_sessions is missing: turns that a program adds",
        ),
        (
            "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
            "row-level security of messages is off: the API's own statements alone keep tenants apart in it",
        ),
        ("DROP POLICY of_tenant ON person_weeks", "person_weeks has no policy of_tenant, which keeps"),
    ],
)
async def test_a_schema_that_was_changed_by_hand_is_wrong(
    settings: SettingsFor, statement: str, message: str
) -> None:
    await prepare(settings())
    await execute(settings(), statement)
    (found,) = wrong(await run_checks(settings()))
    assert message in found


async def test_every_table_with_a_policy_is_looked_at(settings: SettingsFor) -> None:
    await prepare(settings())
    connection = await connect(settings().database)
    try:
        policed = await connection.fetch(
            "SELECT polrelid::regclass::text AS name FROM pg_policy WHERE polname = 'of_tenant'"
        )
    finally:
        await connection.close()
    assert {row["name"] for row in policed} == {table for tables in POLICED.values() for table in tables}


async def test_learners_who_wait_long_to_be_erased_are_told_whoever_asks(settings: SettingsFor) -> None:
    await prepare(settings())
    await execute(
        settings(),
        """
        INSERT INTO chat_deletion_logs (tenant_id, learner_id, status, requested_by, requested)
        VALUES ('school', 'learner-7', 'requested', 'parent-1', now() - interval '3 hours'),
               ('school', 'learner-8', 'requested', 'parent-1', now() - interval '30 minutes')
        """,
    )
    async with user_of(settings(), "GRANT chatlog_api TO {}") as (_, as_api):
        for asking in (settings(), as_api):
            (found,) = [each for each in await run_checks(asking) if each.area == "erasure"]
            assert found.level is Level.WRONG
            assert found.message == "1 learner asked to be erased and not yet, the first for 3 h"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE chat_log ADD COLUMN mood varchar",
        "ALTER TABLE chat_log ADD COLUMN mood varchar NOT NULL DEFAULT 'fine'",
    ],
)
async def test_more_columns_are_welcome(settings: SettingsFor, statement: str) -> None:
    await prepare(settings())
    await execute(settings(), statement)
    assert wrong(await run_checks(settings())) == []


async def test_a_month_without_partition_is_a_note(settings: SettingsFor) -> None:
    await prepare(settings())
    await execute(settings(), "DO $$BEGIN EXECUTE 'DROP TABLE chat_log_' || to_char(now(), 'YYYY_MM'); END$$")
    (note,) = [finding for finding in await run_checks(settings()) if finding.level is Level.NOTE]
    assert "rows go to the default partition" in note.message
    assert note.mend == "chatlog migrate up"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "DO $$BEGIN EXECUTE 'DROP TABLE messages_twitch_' || to_char(now(), 'YYYY_MM'); END$$",
            "messages_twitch has no partition for 20",
        ),
        ("DROP TABLE messages_twitch CASCADE", "messages has no partition for twitch: its rows go to the"),
    ],
)
async def test_a_partition_that_a_platform_lacks_is_a_note_that_migrating_mends(
    settings: SettingsFor, statement: str, message: str
) -> None:
    await prepare(settings())
    await execute(settings(), statement)
    (note,) = [finding for finding in await run_checks(settings()) if finding.level is not Level.OK]
    assert message in note.message
    assert note.mend == "chatlog migrate up"
    await migrations.up(lambda: connect(settings().database), say=lambda _: None)
    assert [finding for finding in await run_checks(settings()) if finding.level is not Level.OK] == []


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ("parrot", "rows wait in messages_default, of platforms without a partition"),
        ("twitch", "rows wait in messages_twitch_default, of months without a partition"),
    ],
)
async def test_rows_that_wait_for_a_partition_are_told(
    settings: SettingsFor, platform: str, message: str
) -> None:
    await prepare(settings())
    await execute(
        settings(),
        "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, content) "
        f"VALUES ('{platform}', gen_random_uuid(), '1999-01-01', gen_random_uuid(), 'c', 'user', '')",
    )
    # PostgreSQL counts them a moment later.
    notes: list[str] = []

    async def is_told() -> bool:
        # Search has no index of such a row either.
        notes[:] = [
            f.message for f in await run_checks(settings()) if f.level is not Level.OK and f.area != "search"
        ]
        return notes != []

    await eventually(is_told, what="the row is counted")
    assert notes == [f"about 1 {message}"]


async def test_a_newer_schema_is_a_note(settings: SettingsFor) -> None:
    await prepare(settings())
    await execute(settings(), "UPDATE chatlog_schema_version SET version_num = '0999'")
    findings = await run_checks(settings())
    assert wrong(findings) == []
    assert any("newer than this chatlog knows" in finding.message for finding in findings)


@asynccontextmanager
async def user_of(settings: Settings, *statements: str) -> AsyncIterator[tuple[str, Settings]]:
    """Give a user of the database, and settings to connect as it, after statements with its name as `{}`."""
    url = urlsplit(settings.database.require_url())
    user = url.path[1:]
    account = url._replace(netloc=f"{user}:pw@{url.netloc.rpartition('@')[2]}")
    await execute(settings, f"CREATE ROLE {user} LOGIN PASSWORD 'pw'")
    try:
        for statement in statements:
            await execute(settings, statement.format(user))
        yield user, with_database(settings, account.geturl())
    finally:
        await execute(settings, f"DROP OWNED BY {user}; DROP ROLE {user}")


def rights(findings: list[Finding]) -> list[tuple[Level, str, str]]:
    return [(found.level, found.message, found.mend) for found in findings if found.area == "rights"]


async def test_at_an_older_revision_nothing_is_said_of_what_a_later_one_makes(
    settings: SettingsFor, empty_database_url: str
) -> None:
    system = settings(database_url=empty_database_url)
    await prepare(system)
    await migrations.up(lambda: connect(system.database), "0005", say=lambda _: None)
    told = [finding.message for finding in await run_checks(system) if finding.area == "schema"]
    assert f"at revision 0005, and {LATEST} is needed" in told
    assert "the tables have the columns of revision 0005" in told
    assert "the tables have the indexes of revision 0005, and all are valid" in told
    assert len(told) == 4


async def test_a_user_who_may_do_everything_is_told_so_in_one_line(settings: SettingsFor) -> None:
    await prepare(settings())
    ((level, message, _),) = rights(await run_checks(settings()))
    assert level is Level.OK
    assert message.endswith(
        "has the rights for worker persist, worker export, api, backfill, people who read, "
        "programs that log their assistant by SQL"
    )


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("chatlog_writer", "worker persist"),
        ("chatlog_exporter", "worker export"),
        ("chatlog_api", "api"),
        ("chatlog_maintainer", "backfill"),
        ("chatlog_reader", "people who read"),
        ("chatlog_assistant", "programs that log their assistant by SQL"),
    ],
)
async def test_a_member_of_a_role_has_the_rights_for_its_part_and_no_more(
    settings: SettingsFor, role: str, part: str
) -> None:
    await prepare(settings())
    async with user_of(settings(), f"GRANT {role} TO {{}}") as (user, as_user):
        findings = await run_checks(as_user)
    assert wrong(findings) == []
    assert rights(findings) == [(Level.OK, f"the user {user} has the rights for {part}", "")]


async def test_a_user_who_may_do_nothing_is_told_what_to_be_granted(settings: SettingsFor) -> None:
    await prepare(settings())
    async with user_of(settings(), "GRANT SELECT ON chatlog_schema_version TO {}") as (user, as_user):
        ((level, message, mend),) = rights(await run_checks(as_user))
    assert level is Level.WRONG
    assert message.startswith(f"the user {user} may not ")
    assert " INSERT into chat_log, " in message
    assert mend.startswith(f"GRANT chatlog_writer TO {user} (or chatlog_exporter for worker export, ")


async def test_a_role_that_lacks_a_right_is_wrong_for_its_members(settings: SettingsFor) -> None:
    await prepare(settings())
    await execute(settings(), "REVOKE UPDATE (lease_until) ON export_status FROM chatlog_exporter")
    async with user_of(settings(), "GRANT chatlog_exporter, chatlog_writer TO {}") as (_, as_user):
        before = await run_checks(as_user)
        await migrations.up(lambda: connect(settings().database), say=lambda _: None)
        after = await run_checks(as_user)
    (message,) = wrong(before)
    assert message.endswith("may not UPDATE (lease_until) of export_status: worker export needs it")
    assert wrong(after) == []


async def test_a_writer_who_may_not_look_surveys_up_is_told_what_that_means(settings: SettingsFor) -> None:
    await prepare(settings())
    await execute(settings(), "REVOKE SELECT ON surveys FROM chatlog_writer")
    async with user_of(settings(), "GRANT chatlog_writer TO {}") as (_, as_user):
        findings = await run_checks(as_user)
    assert wrong(findings) == []
    (note,) = [message for level, message, _ in rights(findings) if level is Level.NOTE]
    assert note.startswith("rows are stored without a surveyid: ")


async def test_a_reader_whom_nobody_lets_see_dead_letters_is_told_what_that_means(
    settings: SettingsFor,
) -> None:
    await prepare(settings())
    all_but_those = (
        "GRANT SELECT ON ALL TABLES IN SCHEMA public, live, assistant, crm TO {}",
        "GRANT USAGE ON SCHEMA live, assistant, crm TO {}",
        "GRANT INSERT ON access_log TO {}",
        "REVOKE SELECT ON dead_letters FROM {}",
    )
    async with user_of(settings(), *all_but_those) as (_, as_user):
        findings = await run_checks(as_user)
    assert wrong(findings) == []
    (note,) = [message for level, message, _ in rights(findings) if level is Level.NOTE]
    assert note.startswith("nobody sees why a message is not in chat_log: ")


async def test_what_is_down_is_told_and_holds_nothing_else_up(settings: SettingsFor) -> None:
    await prepare(settings())
    nowhere = f"127.0.0.1:{free_port()}"
    kafka_down = settings(kafka_bootstrap_servers=nowhere)
    database_down = with_database(settings(), f"postgres://u:s3cret@{nowhere}/d")

    (message,) = wrong(await run_checks(kafka_down))
    assert message.startswith(f"Kafka at {nowhere} does not answer")
    (message,) = wrong(await run_checks(database_down))
    assert message == f"PostgreSQL at {nowhere}/d does not answer: start it, or correct DATABASE_URL"


async def test_what_never_answers_is_told_within_seconds(
    settings: SettingsFor, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LIMIT_S", 3.0)
    silent = with_database(
        settings(kafka_bootstrap_servers=f"127.0.0.1:{silent_port}"),
        f"postgres://u:p@127.0.0.1:{silent_port}/d",
    )
    started = time.monotonic()
    found = wrong(await run_checks(silent))
    # Its own limit, and what a busy machine adds: neither client would give up by itself so soon.
    assert time.monotonic() - started < checks.LIMIT_S + 20
    assert len(found) == 2
    assert all("does not answer" in message for message in found)


async def test_a_locked_table_is_told_within_the_limit(
    settings: SettingsFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(settings())
    monkeypatch.setattr(checks, "LIMIT_S", 1.0)
    holder = await asyncpg.connect(settings().database.require_url())
    async with holder.transaction():
        await holder.execute("LOCK TABLE chatlog_schema_version IN ACCESS EXCLUSIVE MODE")
        found = wrong(await asyncio.wait_for(run_checks(settings()), 60))
    await holder.close()
    # On a busy machine Kafka may not answer so soon either.
    assert "PostgreSQL does not answer within 1 s: see whether it is overloaded or locked" in found


async def test_what_is_not_set_is_named(settings: SettingsFor) -> None:
    found = wrong(await run_checks(with_database(settings(kafka_bootstrap_servers=[]), None)))
    assert sorted(message.split()[0] for message in found) == ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"]


class TestTheCommand:
    """`chatlog check`."""

    def test_it_prints_a_line_a_finding_and_fails_if_one_is_wrong(
        self, settings: SettingsFor, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nothing_yet = settings(database_url=empty_database_url, vlab_chat_log_topic=None)
        before = run(nothing_yet, monkeypatch)
        monkeypatch.setenv("VLAB_CHAT_LOG_TOPIC", "")
        in_own_loop(prepare(settings()))
        after = run(settings(), monkeypatch)

        assert {line[0] for line in before.output.splitlines()} == {"✓", "!", "✗"}
        assert f"✗ schema: not there, and {LATEST} is needed → chatlog migrate up" in before.output
        assert before.exit_code == 1
        assert {line[0] for line in after.output.splitlines()} == {"✓"}
        assert after.exit_code == 0

    def test_machines_get_one_object(self, settings: SettingsFor, monkeypatch: pytest.MonkeyPatch) -> None:
        in_own_loop(prepare(settings()))
        result = run(settings(), monkeypatch, "--json")
        report = json.loads(result.output)
        assert report["ok"] is True
        assert {"area": "connection", "level": "ok", "mend": ""}.items() <= report["findings"][1].items()
        assert result.exit_code == 0

    def test_neither_secrets_nor_tracebacks_are_shown(
        self, settings: SettingsFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = run(with_database(settings(), "postgres://u:s3cret@127.0.0.1:1/d"), monkeypatch)
        assert "s3cret" not in result.output
        assert "Traceback" not in result.output


def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(check, arguments, catch_exceptions=False)
