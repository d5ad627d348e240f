"""The command line as people meet it: help, one-line errors, exit statuses."""

from __future__ import annotations

import os
import subprocess

import pytest

from app.commands import COMMANDS
from tests.workers import CHATLOG


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
