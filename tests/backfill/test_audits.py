"""`chatlog backfill audits`, as people run it, on real databases."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from app.commands import backfill_audits
from models.ids import conversation_key, message_id
from tests.backfill.audit_logs import DAY, PRISMA, SNAKE, audit, fill_tables, lead, write_files
from tests.backfill.running import become, run
from tests.services import eventually, settings_for_tests
from tests.survey_tables import execute, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.settings import Settings
    from tests.backfill.running import Ended

    Connection = asyncpg.Connection[asyncpg.Record]

#: What a source may hold: two leads that talk, one that does not, and audits of every kind.
LEADS = [lead(1), lead(2, messengerPsid=None, phone="+44791", channel="whatsapp"), lead(3)]
AUDITS = [
    audit(1, "Hello, I need a quote"),
    audit(2, "Of course: for what?", actor="agent", action="message_sent"),
    audit(3, {"message": "for a car"}, actor="user"),
    audit(4, {"body": "Here is your quote"}, actor="assistant", action="message_sent"),
    audit(5, {"stage": "quoted"}, actor="system", action="stage_changed"),
    audit(6, {"content": "42.00"}, actor="tool"),
    audit(7, "hi", of=2),
    audit(8, {}, actor="system"),
    audit(9, "lost", of=9),
    audit(10, "who?", actor="webhook"),
    audit(11, "nobody's", leadId=None),
]


@pytest.fixture
def tables(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a system with the schema; nothing of it is asked but the database."""
    return settings_for_tests("audits", "127.0.0.1:9", database_url, tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A directory with all of these."""
    return write_files(tmp_path, LEADS, AUDITS)


async def backfill(settings: Settings, source: str, *options: str) -> dict[str, int]:
    """Run it without errors; return its figures by their names."""
    ended = await run(settings, "audits", "--source", source, *options)
    assert ended.returncode == 0, ended.stderr
    return figures(ended)


def figures(ended: Ended) -> dict[str, int]:
    lines = ended.stdout.splitlines()
    (begin,) = [number for number, line in enumerate(lines) if line.startswith(("Run ", "Dry run"))]
    parts = [line.rpartition(" ") for line in lines[begin + 1 :]]
    return {name.strip(): int(many.replace(",", "")) for name, _, many in parts}


async def messages(settings: Settings) -> list[tuple[Any, ...]]:
    async with session(settings) as connection:
        rows = await connection.fetch(
            "SELECT external_id, role, content, author_id, timestamp FROM messages "
            "JOIN conversations ON conversations.id = conversation_id ORDER BY timestamp"
        )
    return [tuple(row) for row in rows]


#: All that a run may write, as text to compare; runs themselves aside.
_EVERYTHING = """
    SELECT string_agg(line, E'\\n' ORDER BY line)
    FROM (
        SELECT format('%s', messages) FROM messages
        UNION ALL SELECT format('%s', conversations) FROM conversations
        UNION ALL SELECT format('%s', crm_audits) FROM crm_audits
        UNION ALL SELECT format('%s', crm_leads) FROM crm_leads
        UNION ALL SELECT format('%s', message_day_deltas) FROM message_day_deltas
    ) AS written (line)
"""
_COUNTED = """
    SELECT coalesce(sum(messages), 0) AS messages, coalesce(sum(weight), 0) AS weight FROM message_day_deltas
"""


async def everything(settings: Settings) -> str | None:
    async with session(settings) as connection:
        found: str | None = await connection.fetchval(_EVERYTHING)
    return found


async def test_audits_become_conversations_and_messages(tables: Settings, source: str) -> None:
    assert await backfill(tables, source) == {
        "Conversations created": 2,
        "Conversations skipped: they are there": 0,
        "Messages created": 7,
        "Messages skipped: they are there": 0,
        "Audits processed": 11,
        "Audits skipped": 4,
        "no lead is named": 1,
        "the lead is not there": 1,
        "the actor is not known": 1,
        "webhook": 1,
        "no text": 1,
        "Audits changed since they were taken, and left": 0,
        "Errors": 0,
    }
    nine = datetime.fromisoformat(f"{DAY}T09:00:00Z")
    assert [each[:4] for each in await messages(tables)] == [
        ("lead-1", "user", "Hello, I need a quote", "psid-1"),
        ("lead-1", "assistant", "Of course: for what?", None),
        ("lead-1", "user", "for a car", "psid-1"),
        ("lead-1", "assistant", "Here is your quote", None),
        ("lead-1", "system", '{"stage":"quoted"}', None),
        ("lead-1", "tool", "42.00", None),
        ("lead-2", "user", "hi", "+44791"),
    ]
    async with session(tables) as connection:
        talk = await connection.fetchrow("SELECT * FROM conversations WHERE external_id = 'lead-2'")
        first = await connection.fetchrow("SELECT * FROM messages ORDER BY timestamp LIMIT 1")
        assert tuple(await connection.fetchrow(_COUNTED) or ()) == (7, 7)
    assert talk is not None
    assert first is not None
    assert str(talk["id"]) == conversation_key("crm", "whatsapp", "lead-2")
    told = json.loads(talk["metadata"])
    assert datetime.fromisoformat(told.pop("createdAt")).tzinfo is not None
    assert told == {
        "source": "audit_backfill",
        "leadStage": "done",
        "createdBy": "chatlog backfill audits",
        "leadId": "lead-2",
        "customerId": "customer-2",
        "externalId": "+44791",
    }
    kept = (talk["platform"], talk["channel"], talk["kind"], talk["subject_id"], talk["captured"])
    assert kept == ("crm", "whatsapp", "dialogue", "+44791", 1)
    assert talk["started"] == nine.replace(hour=8)
    assert talk["last_at"] == nine.replace(minute=7)
    assert str(first["id"]) == message_id("crm", "audit-1", int(nine.timestamp() * 1000) + 60_000)
    assert json.loads(first["metadata"]) == {
        "auditId": "audit-1",
        "auditAction": "message_received",
        "auditActor": "customer",
        "source": "audit_backfill",
        "createdBy": "chatlog backfill audits",
    }


async def test_a_second_run_writes_nothing(tables: Settings, source: str) -> None:
    await backfill(tables, source)
    before = await everything(tables)

    again = await backfill(tables, source)

    assert await everything(tables) == before
    assert [many for name, many in again.items() if "created" in name] == [0, 0]
    assert [many for name, many in again.items() if "they are there" in name] == [2, 7]


async def test_a_dry_run_tells_the_same_and_writes_nothing(tables: Settings, source: str) -> None:
    dry = await run(tables, "audits", "--source", source, "--dry-run", "--verbose")
    assert await everything(tables) is None
    async with session(tables) as connection:
        assert await connection.fetchval("SELECT count(*) FROM backfill_runs") == 0

    real = await run(tables, "audits", "--source", source, "--verbose")

    assert dry.stdout.replace("Dry run: nothing was written", "Run 1") == real.stdout
    assert "message       of audit audit-1 (user, 21 characters)" in real.stdout
    assert "skipped       audit audit-8: no text" in real.stdout
    assert "conversation  with lead lead-2" in real.stdout
    assert re.search(r"the actor is not known +1\n +webhook +1\n", real.stdout)
    # Nothing that somebody said.
    assert "quote" not in real.stdout


async def test_a_changed_audit_is_told_and_not_overwritten(tables: Settings, tmp_path: Path) -> None:
    source = write_files(tmp_path, [lead()], [audit(1, "one"), audit(2, "two")])
    await backfill(tables, source)
    write_files(
        tmp_path, [lead()], [audit(1, "another"), audit(2, "two"), audit(3, "three"), audit(3, "four")]
    )

    ended = await run(tables, "audits", "--source", source, "--verbose")

    assert figures(ended)["Audits changed since they were taken, and left"] == 2
    assert "changed       audit audit-1: its message stays as it is" in ended.stdout
    assert [each[2] for each in await messages(tables)] == ["one", "two", "three"]


async def test_an_audit_that_was_changed_so_that_it_tells_nothing_is_told(
    tables: Settings, tmp_path: Path
) -> None:
    audits = [audit(1, "one"), audit(2, "two"), audit(3, "three"), audit(4, "four"), audit(5, {})]
    source = write_files(tmp_path, [lead()], audits)
    await backfill(tables, source)
    changed = [audit(1, {}), audit(2, "two", actor="webhook"), audit(3, "three", leadId=None)]
    changed += [audit(4, "four", of=9), audit(5, {}), audit(6, "six"), audit(6, {})]
    write_files(tmp_path, [lead()], changed)

    dry, real = [
        await run(tables, "audits", "--source", source, "--verbose", *options)
        for options in (["--dry-run"], [])
    ]

    told = figures(real)
    assert told["Audits changed since they were taken, and left"] == 5
    assert (told["Audits skipped"], told["no text"], told["Messages created"]) == (1, 1, 1)
    assert "changed       audit audit-1: its message stays as it is" in real.stdout
    assert dry.stdout.replace("Dry run: nothing was written", "Run 2") == real.stdout
    # Of a lead that has gone, no audit was changed.
    write_files(tmp_path, [lead(2)], audits)
    assert (await backfill(tables, source))["the lead is not there"] == 4


async def test_a_lead_has_one_conversation_though_its_channel_and_person_change(
    tables: Settings, tmp_path: Path
) -> None:
    source = write_files(tmp_path, [lead()], [audit(1, "one")])
    await backfill(tables, source)
    write_files(tmp_path, [lead(channel="web", messengerPsid="other")], [audit(1, "one"), audit(2, "two")])

    assert (await backfill(tables, source))["Conversations created"] == 0

    async with session(tables) as connection:
        rows = await connection.fetch("SELECT DISTINCT conversation_id, channel, author_id FROM messages")
        talk = await connection.fetchrow("SELECT channel, subject_id, captured FROM conversations")
    assert [tuple(row)[1:] for row in rows] == [("messenger", "psid-1")]
    assert tuple(talk or ()) == ("messenger", "psid-1", 2)


async def test_bad_rows_are_told_by_file_and_line_and_the_rest_goes_on(
    tables: Settings, tmp_path: Path
) -> None:
    source = write_files(tmp_path, [lead()], [audit(1, "one"), audit(2, id=None), audit(3, createdAt="soon")])
    with (tmp_path / "audits.jsonl").open("a") as file:
        file.write('{"id": "secret\n[1]\n\n' + json.dumps(audit(4, "four")))

    ended = await run(tables, "audits", "--source", source)

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "not taken: audits.jsonl, line 2: id: missing or empty",
        "not taken: audits.jsonl, line 3: created_at: no time in ISO 8601",
        "not taken: audits.jsonl, line 4: no object of JSON",
        "not taken: audits.jsonl, line 5: no object of JSON",
    ]
    assert figures(ended)["Errors"] == 4
    assert [each[2] for each in await messages(tables)] == ["one", "four"]


async def test_a_text_that_the_database_refuses_is_told_and_the_rest_goes_on(
    tables: Settings, tmp_path: Path
) -> None:
    # Of more words than the index of the document's can hold.
    too_long = " ".join(f"{number:x}" for number in range(300_000))
    audits = [audit(number, too_long if number == 20 else f"number {number}") for number in range(1, 40)]
    source = write_files(tmp_path, [lead()], audits)

    ended = await run(tables, "audits", "--source", source)

    assert ended.returncode == 1
    assert "not taken: audit audit-20: " in ended.stderr
    assert figures(ended)["Messages created"] == 38
    async with session(tables) as connection:
        assert tuple(await connection.fetchrow(_COUNTED) or ()) == (38, 38)


async def test_some_audits_can_be_asked_for(tables: Settings, source: str) -> None:
    assert (await backfill(tables, source, "--lead", "lead-2"))["Messages created"] == 1
    later = await backfill(tables, source, "--since", f"{DAY}T09:05:00Z", "--lead", "lead-1")
    assert later["Messages created"] == 2
    assert (await backfill(tables, source))["Messages created"] == 4


async def test_what_somebody_said_who_opted_out_is_not_taken(tables: Settings, source: str) -> None:
    async with session(tables) as connection:
        await connection.execute(
            "INSERT INTO opt_outs (platform, person_id, since, until) "
            "VALUES ('crm', 'psid-1', $1, $2), ('crm', '+44791', '-infinity', NULL)",
            datetime.fromisoformat(f"{DAY}T09:02:00Z"),
            datetime.fromisoformat(f"{DAY}T10:00:00Z"),
        )

    assert (await backfill(tables, source))["opted out of being recorded"] == 2

    assert [each[2] for each in await messages(tables) if each[1] == "user"] == ["Hello, I need a quote"]


async def test_whom_a_conversation_is_with_may_have_opted_out_under_an_earlier_number(
    tables: Settings, tmp_path: Path
) -> None:
    source = write_files(tmp_path, [lead()], [audit(1, "one")])
    await backfill(tables, source)
    await execute(tables, "INSERT INTO opt_outs VALUES ('crm', 'psid-1', '-infinity', NULL)")
    audits = [audit(1, "one"), audit(2, "two"), audit(3, "three", actor="agent")]
    write_files(tmp_path, [lead(messengerPsid="psid-2")], audits)

    for options, there in ((["--dry-run"], 1), ([], 1), ([], 2)):
        told = await backfill(tables, source, *options)
        assert (told["opted out of being recorded"], told["Messages skipped: they are there"]) == (1, there)

    assert [each[2] for each in await messages(tables)] == ["one", "three"]


async def test_months_of_long_ago_are_made_and_earlier_times_have_the_default_partition(
    tables: Settings, tmp_path: Path
) -> None:
    times = ["1999-01-01T00:00:00Z", "2021-02-28T23:59:59.999Z", "2026-10-05T00:00:00Z"]
    audits = [audit(number, createdAt=time) for number, time in enumerate(times)]
    await backfill(tables, write_files(tmp_path, [lead()], audits))

    async with session(tables) as connection:
        rows = await connection.fetch("SELECT tableoid::regclass::text FROM messages ORDER BY timestamp")
    assert [row[0] for row in rows] == [
        "messages_crm_default",
        "messages_crm_2021_02",
        "messages_crm_2026_10",
    ]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


class TestTables:
    """Another application's database as the source."""

    async def test_the_tables_of_prisma_give_the_same_as_its_json(
        self, tables: Settings, second_database_url: str, source: str
    ) -> None:
        async with connected(second_database_url) as theirs:
            await theirs.execute(PRISMA)
            await fill_tables(theirs, LEADS, AUDITS)

        assert (await backfill(tables, second_database_url))["Messages created"] == 7
        again = await backfill(tables, source)

        # Digests are the same, whichever way the audits came.
        assert (again["Messages created"], again["Messages skipped: they are there"]) == (0, 7)
        assert again["Audits changed since they were taken, and left"] == 0

    async def test_columns_in_snake_case_are_found(self, tables: Settings, second_database_url: str) -> None:
        async with connected(second_database_url) as theirs:
            await theirs.execute(SNAKE)
            await theirs.execute("""
                INSERT INTO "Lead"
                VALUES (gen_random_uuid(), NULL, NULL, NULL, '+44', 'new', '2026-10-05 08:00+00');
                INSERT INTO "Audit"
                SELECT 1, id, 'customer', 'message_received', '{"text": "hi"}', '2026-10-05 09:00+02'
                FROM "Lead";
                INSERT INTO "Audit" VALUES (2, NULL, NULL, NULL, NULL, NULL);
            """)

        ended = await run(tables, "audits", "--source", second_database_url)

        assert ended.returncode == 1
        assert "not taken: Audit, id 2: created_at: missing" in ended.stderr
        async with session(tables) as connection:
            rows = await connection.fetch("SELECT channel, author_id, content, timestamp FROM messages")
        seven = datetime(2026, 10, 5, 7, tzinfo=UTC)
        assert [tuple(row) for row in rows] == [("unknown", "+44", "hi", seven)]

    async def test_a_mapping_says_what_tables_and_columns_are_called(
        self, tables: Settings, second_database_url: str, tmp_path: Path
    ) -> None:
        async with connected(second_database_url) as theirs:
            await theirs.execute("""
                CREATE SCHEMA log;
                CREATE TABLE log."my events" (
                    "the id" int, prospect int, who text, at timestamptz, what json
                );
                CREATE TABLE log.prospects (id int, created_at date);
                INSERT INTO log.prospects VALUES (1, '2026-10-05');
                INSERT INTO log."my events" VALUES (5, 1, 'agent', '2026-10-05 09:00Z', '{"text": "hi"}');
            """)
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(
            '[audit]\ntable = "log.my events"\nid = "the id"\nlead_id = "prospect"\nactor = "who"\n'
            'created_at = "at"\npayload = "what"\n[lead]\ntable = "log.prospects"\n'
        )

        told = await backfill(tables, second_database_url, "--mapping", str(mapping))

        assert told["Messages created"] == 1
        assert (await backfill(tables, second_database_url, "--mapping", str(mapping), "--lead", "2"))[
            "Audits processed"
        ] == 0

    async def test_a_table_that_is_not_there_is_named_and_the_run_is_noted_without_the_password(
        self, tables: Settings, second_database_url: str
    ) -> None:
        ended = await run(tables, "audits", "--source", second_database_url)

        assert ended.returncode == 1
        assert "has no table Lead: say what it is called with --mapping FILE" in ended.stderr
        async with session(tables) as connection:
            row = await connection.fetchrow("SELECT status, source, who, options FROM backfill_runs")
        assert row is not None
        assert (row["status"], row["who"], row["options"]) == ("failed", "shell", "{}")
        assert "@" not in row["source"]
        assert second_database_url.endswith(row["source"])


@pytest.mark.parametrize("ending", [".csv", ".jsonl.gz", ".csv.gz"])
async def test_files_may_be_csv_and_compressed(tables: Settings, tmp_path: Path, ending: str) -> None:
    source = write_files(tmp_path, LEADS, AUDITS, ending=ending)
    assert (await backfill(tables, source))["Messages created"] == 7


async def test_a_compressed_file_that_was_cut_is_taken_up_to_there_and_told(
    tables: Settings, tmp_path: Path
) -> None:
    source = write_files(
        tmp_path, [lead()], [audit(n, f"{n**40}") for n in range(1, 900)], ending=".jsonl.gz"
    )
    whole = (tmp_path / "audits.jsonl.gz").read_bytes()
    (tmp_path / "audits.jsonl.gz").write_bytes(whole[: len(whole) // 2])

    ended = await run(tables, "audits", "--source", source)

    assert ended.returncode == 1
    assert "audits.jsonl.gz cannot be read to its end" in ended.stderr


async def test_rows_of_csv_that_are_none_are_told(tables: Settings, tmp_path: Path) -> None:
    source = write_files(tmp_path, [lead()], [audit(1, "one"), audit(2, "two")], ending=".csv")
    with (tmp_path / "audits.csv").open("a") as file:
        file.write('a,b\n"audit-3",lead-1,agent,"message" x,soon,{}\n')

    ended = await run(tables, "audits", "--source", source)

    assert ended.returncode == 1
    assert "not taken: audits.csv, line 4: 2 values for 6 columns" in ended.stderr
    assert "not taken: audits.csv, line 5: no row of CSV" in ended.stderr
    assert figures(ended)["Messages created"] == 2


UNUSABLE = [
    (("--source", "nowhere"), 2, "nowhere is no directory, no file, and no URL"),
    (("--source", "mysql://x:hidden@y/z"), 2, "not the URL of a PostgreSQL database"),
    (("--source", "postgresql://x:hidden@127.0.0.1:9/z"), 1, "--source"),
    (("--source", "/"), 1, "it needs one of audits.jsonl"),
    (("--source", __file__), 1, "is none of .jsonl, .csv, .jsonl.gz, .csv.gz: rename it by what it is"),
    ((), 2, "--source"),
    (("--source", "/", "--since", "2026-02-30"), 2, "--since"),
    (("--source", "/", "--mapping", __file__), 2, "--mapping"),
]


@pytest.mark.parametrize(("options", "status", "told"), UNUSABLE)
async def test_what_cannot_be_used_is_told(
    tables: Settings, options: tuple[str, ...], status: int, told: str
) -> None:
    ended = await run(tables, "audits", *options)
    assert (ended.returncode, told in ended.stderr) == (status, True), ended.stderr
    assert "hidden" not in ended.stderr


async def test_runs_are_listed(tables: Settings, source: str) -> None:
    assert (await run(tables, "runs")).stdout == "There were none.\n"
    await backfill(tables, source)
    await backfill(tables, source)

    lines = (await run(tables, "runs")).stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["run", "2", "1"]
    assert [line.split()[5:8] for line in lines[1:]] == [["finished", "0", "0"], ["finished", "7", "0"]]


async def test_two_runs_at_once_share_the_work(tables: Settings, tmp_path: Path) -> None:
    leads = [lead(number) for number in range(20)]
    audits = [audit(number, of=number % 20) for number in range(900)]
    source = write_files(tmp_path, leads, [{**each, "createdAt": f"{DAY}T09:00:00Z"} for each in audits])

    both = await asyncio.gather(backfill(tables, source), backfill(tables, source))

    assert sum(each["Messages created"] for each in both) == 900
    assert sum(each["Conversations created"] for each in both) == 20
    async with session(tables) as connection:
        assert tuple(await connection.fetchrow(_COUNTED) or ()) == (900, 900)
        assert await connection.fetchval("SELECT sum(captured) FROM conversations") == 900


async def test_the_role_for_it_suffices(tables: Settings, source: str) -> None:
    await become(tables, "chatlog_maintainer")
    assert (await backfill(tables, source))["Messages created"] == 7
    assert (await run(tables, "rollback", "1")).returncode == 0


async def test_who_may_not_is_told_what_is_missing(tables: Settings, source: str) -> None:
    await become(tables, "chatlog_writer")
    ended = await run(tables, "audits", "--source", source)
    assert ended.returncode == 1
    assert "grant it the role chatlog_maintainer" in ended.stderr


async def test_a_log_is_told_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backfill_audits, "LOGGED_EVERY_S", 0.001)
    with backfill_audits.telling(lambda: "7 audits"):
        await eventually(lambda: "so far: 7 audits\n" in capsys.readouterr().err)
