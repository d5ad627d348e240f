"""The command line as people meet it: help, one-line errors, exit statuses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from app.commands import COMMANDS, cli
from tests.workers import CHATLOG

ROOT = Path(__file__).parents[2]
#: What stands in docs as code and begins with our name: a line of a block, or a few words within one.
_IN_DOCS = re.compile(r"^ *(?:\.venv/bin/)?(chatlog .+)$|`(?:\.venv/bin/)?(chatlog [^`]+)`", re.MULTILINE)


def told_in_docs() -> list[str]:
    """Return the commands that docs tell people to run, but for those that name a group only."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = {
        " ".join(next(filter(None, groups)).split())
        for page in pages
        for groups in _IN_DOCS.findall(page.read_text("utf-8"))
    }
    return sorted(command for command in found if not isinstance(resolved(command)[0], click.Group))


def resolved(told: str) -> tuple[click.Command, list[str]]:
    """Return the command that is meant, and what it is given."""
    _, *words = shlex.split(told, comments=True)
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        below = command.get_command(click.Context(command), words[0])
        assert below is not None, told
        command, words = below, words[1:]
    return command, words


def chatlog(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty directory's worth of settings."""
    return subprocess.run(
        [CHATLOG, *arguments],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_names_every_command() -> None:
    told = chatlog("--help")
    assert told.returncode == 0
    assert all(f"  {name} " in told.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    told = chatlog(name, "--help")
    assert told.returncode == 0
    assert told.stdout.startswith(f"Usage: chatlog {name}")


@pytest.mark.parametrize("told", told_in_docs())
def test_what_docs_tell_to_run_can_be_run(told: str) -> None:
    command, words = resolved(told)
    # One that is only named would ask for what it needs.
    if words:
        command.make_context(command.name, words).close()


def test_nothing_that_takes_long_is_loaded_before_ctrl_c_is_heeded() -> None:
    listing = "import sys, app.commands; print({'pydantic', 'faust', 'asyncpg', 'rich'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "set()\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert chatlog("nope").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "said"),
    [
        (["worker", "persist"], {}, 2, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (["topics"], {}, 2, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (["migrate", "status"], {}, 2, "DATABASE_URL is not set"),
        (["dead-letters", "list"], {}, 2, "DATABASE_URL is not set"),
        (["migrate", "up"], {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, 1, "does not answer"),
        (["topics"], {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, 1, "does not answer"),
        (["worker", "persist"], {"WEB_PORT": "many"}, 2, "WEB_PORT: Input should be a valid integer"),
        (["check"], {"LOG_LEVEL": "LOUD"}, 2, "LOG_LEVEL: Input should be 'DEBUG'"),
        (["worker", "capture"], {"KAFKA_BOOTSTRAP_SERVERS": "x:1"}, 0, "capture is off"),
    ],
)
def test_what_a_person_can_mend_is_one_line(
    arguments: list[str], variables: dict[str, str], status: int, said: str
) -> None:
    told = chatlog(*arguments, **variables)
    assert told.returncode == status
    assert said in told.stderr
    assert "Traceback" not in told.stderr
    assert "secret" not in told.stderr + told.stdout
    ours = [line for line in told.stderr.splitlines() if line.startswith(("chatlog: ", "capture is off"))]
    assert len(ours) == 1
