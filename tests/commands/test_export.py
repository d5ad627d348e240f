"""`chatlog export`, as people run it, on a real database."""

from __future__ import annotations

import asyncio
import gzip
import os
import pty
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from app.commands import cli
from app.postgres.connections import connect
from tests.services import as_environment, changed, eventually, settings_for_tests
from tests.sinks.exports.exporting import World, cells
from tests.sinks.storage.line import Line
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.settings import Settings

OWNER = "a@example.org"
MANY = 20_000
#: About a tenth of what is read of so many rows.
PASSED_BYTES = 10_000_000


class Stuck(Line):
    """A line on which, after so many bytes of answers, nothing comes any more."""

    async def _to_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_deaf: asyncio.Event
    ) -> None:
        left = PASSED_BYTES
        with suppress(ConnectionError):
            while left and (chunk := await reader.read(min(left, 65_536))):
                left -= len(chunk)
                writer.write(chunk)
                await writer.drain()
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Ended:
    returncode: int | None
    stdout: bytes
    stderr: str


@pytest.fixture
def database(database_url: str, unique_env: str, tmp_path: Path) -> Settings:
    """Settings of a database with the schema. Kafka and object storage are not there."""
    return settings_for_tests(unique_env, "127.0.0.1:1", database_url, tmp_path)


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        made = World(connection)
        surveyid = await made.survey(await made.owner(OWNER, "page"), "Health", "flu")
        await made.say("=1+1", surveyid=surveyid, direction="bot", metadata='{"a": 1}', raw_payload="[]")
        await made.say("two\nlines", surveyid=surveyid, userid="62000000000000000")
        await made.answer("q1", "yes", surveyid=surveyid, metadata='{"seed": 7}')
        yield made
    finally:
        await connection.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    directory = tmp_path / "exports"
    directory.mkdir()
    return directory / "file"


async def test_a_file_is_written_and_its_rows_are_told(database: Settings, world: World, file: Path) -> None:
    ended = await run(database, "Health", "--owner", OWNER, "-o", str(file))

    assert (ended.returncode, ended.stderr) == (0, "")
    size = len(read(file))
    assert ended.stdout.decode() == f"2 rows, {size} bytes: {file}\n"
    assert [row[4] for row in cells(read(file))] == ["content", "two\nlines", "=1+1"]
    assert beside(file) == ["file"]


async def test_what_no_file_can_hold_is_told(database: Settings, world: World, file: Path) -> None:
    await world.connection.execute("UPDATE chat_log SET timestamp = '20000-01-01Z' WHERE userid = 'u'")

    ended = await run(database, "Health", "--owner", OWNER, "-o", str(file))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.decode().endswith(f", 1 value that no file can hold: {file}\n")
    assert b",[not shown: timestamp out of range]," in read(file)


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ("--metadata --raw-payload --direction bot", [',"{""a"": 1}",[]']),
        ("--direction bot --safe-cells", [",'=1+1,"]),
        ("--direction user --for-spreadsheets", ['"=""62000000000000000"""', ""]),
        ("--since 2026-03-01T12:00:02Z", ["two", "lines"]),
        ("--until 2026-03-01T12:00:02Z", ["=1+1"]),
        ("--until 2026-03-01", []),
        # Before any message, whatever the clock says.
        ("--until 20000d", []),
        ("--since 20000d", ["two", "lines", "=1+1"]),
        ("--source responses", [",yes,"]),
        ("--source responses --metadata", [',"{""seed"": 7}",']),
        ("--source responses --wide", ["u,yes"]),
        # At 12:00 UTC it is the next day in Kiribati.
        ("--since 2026-03-02 --tz Pacific/Kiritimati", ["two", "lines", "=1+1"]),
        ("--since 2026-03-02", []),
        ("--messages --role user --platform messenger", ["two", "lines"]),
        ("--messages --rows conversation", ["messenger,", "messenger,"]),
        ("--messages --words lin*", ["two", "lines"]),
        ("--source responses --format jsonl", ['"response":"yes"']),
        ("--source responses --wide --format jsonl", ['"q1" : "yes"']),
    ],
)
async def test_every_option_is_heeded(
    database: Settings, world: World, file: Path, options: str, lines: list[str]
) -> None:
    ended = await run(database, "Health", "--owner", OWNER, "-o", str(file), *options.split())

    assert ended.returncode == 0, ended.stderr
    written = read(file).decode().split("\n")[:-1]
    if "jsonl" not in options:
        del written[0]
    assert len(written) == len(lines)
    for line, part in zip(written, lines, strict=True):
        assert part in line


async def test_a_codebook_and_a_workbook_are_written_and_it_is_noted_what_was(
    database: Settings, world: World, file: Path
) -> None:
    await run(
        database, "Health", "--owner", OWNER, "-o", str(file), "--source", "codebook", "--format", "xlsx"
    )
    await run(database, "--messages", "--person", "u", "-o", str(file), "--force")

    noted = await world.connection.fetch("SELECT action, subject FROM access_log ORDER BY id")
    assert [(row["action"], orjson.loads(row["subject"])) for row in noted] == [
        ("export_survey", {"survey": "Health", "survey_owner": OWNER, "source": "codebook"}),
        ("export_messages", {"person": "u", "rows": "message"}),
    ]


async def test_compressed_files_and_parquet_are_written(database: Settings, world: World, file: Path) -> None:
    await run(database, "Health", "--owner", OWNER, "-o", str(file), "--gzip")
    assert len(cells(gzip.decompress(read(file)))) == 3

    await run(database, "Health", "--owner", OWNER, "-o", str(file), "--force", "--gzip", "--format", "jsonl")
    assert len([orjson.loads(line) for line in gzip.decompress(read(file)).splitlines()]) == 2

    await run(database, "Health", "--owner", OWNER, "-o", str(file), "--force", "--format", "parquet")
    assert pyarrow.parquet.read_table(file).num_rows == 2


async def test_without_a_name_the_file_is_named_after_the_survey(
    database: Settings, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    ended = await run(database, "Health", "--owner", OWNER, "--format", "parquet")

    assert ended.returncode == 0
    [name] = [name for name in beside(tmp_path / "any") if name.endswith(".parquet")]
    assert name.startswith("Health_chat_log_until_20")


async def test_standard_output_holds_the_data_alone(database: Settings, world: World) -> None:
    ended = await run_process(database, "Health", "--owner", OWNER, "-o", "-")

    assert ended.returncode == 0
    assert len(cells(ended.stdout)) == 3
    assert ended.stderr == f"2 rows, {len(ended.stdout)} bytes\n"


async def test_a_file_that_is_there_is_not_replaced_unless_asked_for(
    database: Settings, world: World, file: Path
) -> None:
    write(file, b"mine")

    refused = await run(database, "Health", "--owner", OWNER, "-o", str(file))
    assert (refused.returncode, read(file)) == (1, b"mine")
    assert "--force" in refused.stderr

    assert (await run(database, "Health", "--owner", OWNER, "-o", str(file), "--force")).returncode == 0
    assert len(cells(read(file))) == 3


@pytest.mark.parametrize(("survey", "owner"), [("Nothing", OWNER), ("Health", "b@example.org")])
async def test_a_survey_that_the_owner_does_not_have_is_told_and_leaves_no_file(
    database: Settings, world: World, file: Path, survey: str, owner: str
) -> None:
    ended = await run(database, survey, "--owner", owner, "-o", str(file))

    assert ended.returncode == 1
    assert f'This owner has no survey named "{survey}"' in ended.stderr
    assert beside(file) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--wide", "--wide: not for chat_log"),
        ("--format parquet --gzip", "parquet is compressed by itself: leave --gzip out"),
        ("--format jsonl --safe-cells", "--safe-cells and --for-spreadsheets are for csv"),
        ("--source responses --metadata --raw-payload", "--raw-payload: not for responses"),
        ("--source responses --unsent", "--unsent: not for responses"),
        ("--since 1d --until 2d", "since must be before until"),
        ("--since yesterday", "is no time"),
        ("--since 0001-01-01T00:00+14:00", "is no time"),
        ("--format ods", "not one of"),
    ],
)
async def test_options_that_do_not_go_together_are_told_before_anything_is_done(
    database: Settings, file: Path, options: str, told: str
) -> None:
    ended = await run(database, "Health", "--owner", OWNER, "-o", str(file), *options.split())

    assert ended.returncode == 2
    assert told in ended.stderr
    assert beside(file) == []


def test_help_has_examples_as_they_are_typed() -> None:
    told = CliRunner().invoke(cli, ["export", "--help"]).output

    assert "\n    chatlog export --messages --platform twitch" in told
    assert "\\b" not in told


async def test_a_directory_that_is_missing_is_told(database: Settings, world: World, file: Path) -> None:
    ended = await run(database, "Health", "--owner", OWNER, "-o", str(file / "below"))

    assert ended.returncode == 1
    assert "cannot be written: No such file or directory" in ended.stderr


async def test_a_database_that_is_down_is_told_in_one_line(database: Settings, file: Path) -> None:
    down = changed(database, database_url=SecretStr("postgresql://u:pass@127.0.0.1:1/nowhere"))

    ended = await run_process(down, "Health", "--owner", OWNER, "-o", str(file))

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "PostgreSQL at 127.0.0.1:1/nowhere does not answer" in ended.stderr
    assert beside(file) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_that_is_stopped_leaves_no_file(
    database: Settings, world: World, file: Path, number: signal.Signals
) -> None:
    await fill(world)
    part = file.with_name("file.part")

    async def has_begun() -> bool:
        return part.name in beside(file) and len(read(part)) > 0

    async with Stuck(urlsplit(database.database.require_url()).port or 5432) as line:
        arguments = ("Health", "--owner", OWNER, "-o", str(file), "--raw-payload")
        process = await start(over(line, database), *arguments)
        await eventually(has_begun)
        process.send_signal(number)
        await process.communicate()

    assert process.returncode != 0
    assert beside(file) == []


async def test_a_reader_that_goes_away_is_told(database: Settings, world: World) -> None:
    await fill(world)
    process = await start(database, "Health", "--owner", OWNER, "-o", "-", "--raw-payload")
    assert process.stdout
    await process.stdout.read(10)
    process.stdout._transport.close()  # type: ignore[attr-defined] # as `| head` does
    assert process.stderr
    told = (await process.stderr.read()).decode()
    await process.wait()

    assert process.returncode == 1
    assert told == "Error: standard output cannot be written: Broken pipe\n"


async def test_a_terminal_sees_how_far_it_is(database: Settings, world: World, file: Path) -> None:
    await fill(world)
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        CHATLOG,
        "export",
        "Health",
        *("--owner", OWNER, "-o", str(file), "--raw-payload"),
        env={**os.environ, **as_environment(database), "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = await asyncio.to_thread(_read_all, ours)
    await process.wait()

    assert process.returncode == 0
    # About how many is a guess when counting them takes too long.
    assert re.search(rf"{MANY + 2:,} of about [\d,]+ rows", shown)
    assert "rows/s" in shown


def over(line: Line, settings: Settings) -> Settings:
    """Return settings with the same database, at the end of a line."""
    url = urlsplit(settings.database.require_url())
    account = url.netloc.rpartition("@")[0]
    there = url._replace(netloc=f"{account}@127.0.0.1:{line.port}").geturl()
    return changed(settings, database_url=SecretStr(there))


def read(file: Path) -> bytes:
    return file.read_bytes()


def write(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def beside(file: Path) -> list[str]:
    """Return the names of all files where this one is or would be."""
    return sorted(path.name for path in file.parent.iterdir() if path.is_file())


async def fill(world: World) -> None:
    """Store so much that writing it takes a while."""
    await world.connection.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content, surveyid, raw_payload) "
        "SELECT 'u', now() + n * interval '1 ms', 'bot', 'x', (SELECT id FROM surveys), "
        "to_jsonb(repeat(md5(n::text), 200)) FROM generate_series(1, $1::int) AS n",
        MANY,
    )


async def run(settings: Settings, *arguments: str) -> Ended:
    """Run the command in this process, which takes a tenth of the time of one of its own."""
    result = await asyncio.to_thread(
        CliRunner().invoke, cli, ["export", *arguments], env=as_environment(settings)
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout_bytes, result.stderr)


async def start(settings: Settings, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        CHATLOG,
        "export",
        *arguments,
        env={**os.environ, **as_environment(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def run_process(settings: Settings, *arguments: str) -> Ended:
    process = await start(settings, *arguments)
    stdout, stderr = await process.communicate()
    return Ended(process.returncode, stdout, stderr.decode())


def _read_all(descriptor: int) -> str:
    shown = b""
    while True:
        try:
            piece = os.read(descriptor, 65_536)
        except OSError:  # Linux says so when the other end is closed
            piece = b""
        if not piece:
            os.close(descriptor)
            return shown.decode(errors="replace")
        shown += piece
