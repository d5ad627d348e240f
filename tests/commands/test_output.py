"""Commands whose output takes fewer characters than people write, or is read by nobody any more."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from app.commands.output import make_safe
from app.postgres.connections import connect, create_pool
from models.dead_letters import DeadLetter
from sinks.dead_letters import DeadLetterTable
from sinks.retry import RetryPolicy
from tests.exporting import OWNER, SURVEY, make_survey
from tests.services import as_environment
from tests.sinks.sources import each_its_own_source
from tests.workers import CHATLOG, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.settings import Settings

make_safe()


@pytest.fixture
async def api_system(settings: Callable[..., Settings]) -> Settings:
    """Settings of a prepared system that may make tokens."""
    made = settings(api_jwt_secret="a secret of at least thirty-two characters")
    await prepare(made)
    return made


#: What is set, and what the output is then; ASCII is what a system says that was told nothing.
ENCODINGS = [
    ({"PYTHONIOENCODING": "cp1252"}, "cp1252"),
    ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "utf-8"),
]
COMMANDS = [
    ["check"],
    ["check", "--json"],
    ["topics", "--dry-run"],
    ["dead-letters", "list"],
    ["dead-letters", "list", "--json"],
    ["dead-letters", "show", "1", "--content"],
    ["dead-letters", "show", "1", "--content", "--json"],
    ["export", "кто? 🙂", "--owner", OWNER, "-o", "-"],
    ["token", OWNER],
    ["storage", "check"],
]


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("latin-1", "✓ é → 🙂", "+ \xe9 -> \\ud83d\\ude42"),
        ("cp1252", "✗ “é” … кто", "x “é” … \\u043a\\u0442\\u043e"),
        ("ascii", "é–\x85", "\\u00e9-\\u0085"),
        ("utf-8", "é 🙂 \udcff \ud800", "é 🙂 \\udcff \\ud800"),
    ],
)
def test_what_an_encoding_lacks_is_spelt_out(encoding: str, text: str, written: str) -> None:
    assert text.encode(encoding, "chatlog.spelt-out").decode(encoding) == written


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_json_stays_json(encoding: str) -> None:
    text = json.dumps(["é 🙂", "\udcff", "\U0010ffff"], ensure_ascii=False)
    assert json.loads(text.encode(encoding, "chatlog.spelt-out").decode(encoding)) == json.loads(text)


async def test_no_command_ends_by_what_it_prints(api_system: Settings) -> None:
    said = "“no” 🙂 кто é"
    pool = await create_pool(api_system.database)
    await DeadLetterTable(pool, RetryPolicy("test")).write(
        each_its_own_source(
            [
                DeadLetter(
                    "not_json", said, "тема-🙂", 0, 1, said.encode(), said.encode(), (), 1_760_000_000_000
                )
            ]
        )
    )
    await pool.close()
    for command in COMMANDS:
        meant = run(api_system, command, {"PYTHONIOENCODING": "utf-8"})
        for variables, encoding in ENCODINGS:
            ended = run(api_system, command, variables)
            assert ended.returncode == meant.returncode, (command, ended.stderr)
            assert b"Traceback" not in ended.stderr
            assert ended.stdout.decode(encoding).count("\n") == meant.stdout.decode().count("\n")


async def test_the_bytes_of_a_file_are_the_same_whatever_the_terminal(system: Settings) -> None:
    await make_survey(system, 3)
    connection = await connect(system.database)
    await connection.execute("UPDATE chat_log SET content = 'кто 🙂 é'")
    await connection.close()
    command = ["export", SURVEY, "--owner", OWNER, "-o", "-"]
    files = {run(system, command, variables).stdout for variables, _ in ENCODINGS}
    assert len(files) == 1
    assert files.pop().decode().count("кто 🙂 é") == 3


@pytest.mark.parametrize(
    "command", [["check"], ["topics", "--dry-run"], ["dead-letters", "list"], ["--help"]]
)
def test_who_reads_no_more_is_left_in_peace(system: Settings, command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = run(system, command, {}, stdout=writing)
    os.close(writing)
    assert ended.stderr == b""


@pytest.mark.parametrize("command", [["check"], ["topics", "--dry-run"], ["dead-letters", "list"]])
def test_output_may_be_closed(system: Settings, command: list[str]) -> None:
    closed = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", CHATLOG, *command],
        env=environment(system, {}),
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (closed.returncode, closed.stderr) == (0, b"")


def environment(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **as_environment(settings), **variables}


def run(
    settings: Settings, command: list[str], variables: Mapping[str, str], stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [CHATLOG, *command],
        env=environment(settings, variables),
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
