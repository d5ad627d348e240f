from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import migrations
from app.commands.migrate import migrate
from app.postgres.connections import DatabaseUnavailable
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

#: The command in a process of its own, without need of the project's directory.
COMMAND = (sys.executable, "-c", "from app.commands.migrate import migrate; migrate()")


REVISIONS = migrations.known_revisions()
LATEST = REVISIONS[-1]


@pytest.fixture
def _database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(migrate, arguments, input=answer, catch_exceptions=False)


@pytest.mark.usefixtures("_database")
def test_up_and_down_say_what_they_do() -> None:
    assert run("up").output.startswith("Applied 0001 chat_log: ")
    assert run("up").output == f"Nothing to do: the schema is at {LATEST}.\n"
    assert f"Undid {LATEST} " in run("down", "--yes").output
    assert "Undid 0001 chat_log: " in run("down", "base", "--yes").output
    assert run("down", "--yes").output == "Nothing to undo: the schema is at base.\n"


@pytest.mark.usefixtures("_database")
def test_up_can_stop_at_a_revision() -> None:
    run("up", "0001")
    assert "The schema is behind: run `chatlog migrate up`." in run("status").output


@pytest.mark.usefixtures("_database")
def test_status_lists_each_change() -> None:
    before, _, after = run("status"), run("up"), run("status")
    for output, state in ((before.output, "missing"), (after.output, "applied")):
        steps = [line.split()[:2] for line in output.splitlines()[: len(REVISIONS)]]
        assert steps == [[revision, state] for revision in REVISIONS]
    assert after.output.endswith("The schema is up to date.\n")


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize(("answer", "left"), [("y\n", REVISIONS[-2]), ("n\n", LATEST), ("", LATEST)])
def test_down_asks_before_it_drops_tables(answer: str, left: str) -> None:
    run("up")
    run("down", answer=answer)
    assert run("up", left).output.startswith(f"Nothing to do: the schema is at {left}.")


@pytest.mark.usefixtures("_database")
def test_a_wrong_revision_is_refused_with_those_there_are() -> None:
    with pytest.raises(migrations.MigrationError, match=f"accepted: base, head, {', '.join(REVISIONS)}"):
        run("up", "latest")


async def test_two_processes_at_once_both_succeed_from_any_directory(
    empty_database_url: str, tmp_path: Path
) -> None:
    environment = os.environ | {"DATABASE_URL": empty_database_url}
    started = [
        await asyncio.create_subprocess_exec(
            *COMMAND, "up", cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = [(await process.communicate())[0].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sorted("Applied 0001" in output for output in outputs) == [False, True]
    assert sorted("Nothing to do" in output for output in outputs) == [False, True]


def test_without_a_database_it_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        run("up")


@pytest.mark.parametrize("command", ["up", "status"])
def test_a_database_that_is_down_is_one_line(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:s3cret@127.0.0.1:1/d")
    with pytest.raises(DatabaseUnavailable, match=r"^PostgreSQL at 127.0.0.1:1/d does not answer: start it"):
        run(command)
