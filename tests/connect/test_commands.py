"""`chatlog connect` from the command line: what was missed, and what cannot be listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from click.testing import CliRunner

from app.commands import cli
from tests.services import in_own_loop

if TYPE_CHECKING:
    from pathlib import Path

_GAPS = """
INSERT INTO connector_gaps (platform, channel, began, ended, reason, filled) VALUES
    ('twitch', '1', now() - interval '2 hours', now() - interval '1 hour', 'connection lost', NULL),
    ('discord', '2', now() - interval '3 hours', now() - interval '2 hours', 'not running', now()),
    ('twitch', '3', now() - interval '1 day', NULL, 'not running', NULL),
    ('twitch', '4', now(), NULL, 'not running', NULL)
"""


@pytest.fixture(autouse=True)
def _somewhere_without_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def _add_gaps(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_GAPS)
    await connection.close()


def test_gaps_are_listed_what_goes_on_first(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert CliRunner().invoke(cli, ["connect", "gaps"]).output == "No gaps.\n"
    in_own_loop(_add_gaps(database_url))

    ran = CliRunner().invoke(cli, ["connect", "gaps"])
    of_discord = CliRunner().invoke(cli, ["connect", "gaps", "--platform", "discord"])

    lines = ran.output.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["twitch", "3"], ["twitch", "1"], ["discord", "2"]]
    assert "not heard now" in lines[0]
    assert "1:00:00" in lines[1]
    assert lines[1].rstrip().endswith("–")
    assert len(of_discord.output.splitlines()) == 2


def test_a_name_that_is_no_channel_is_refused() -> None:
    ran = CliRunner().invoke(cli, ["connect", "twitch", "--channel", "a b"])

    assert ran.exit_code == 2
    assert "accepted: 1 to 25 letters, digits, underscores" in ran.output


def test_a_platform_that_nobody_captures_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "localhost:1")

    ran = CliRunner().invoke(cli, ["connect", "twitch", "--channel", "forsen"])

    assert ran.exit_code == 2
    assert "PLATFORMS does not name twitch" in ran.output


def test_a_channel_that_nobody_means_to_hear_any_more_is_no_gap(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    in_own_loop(_add_gaps(database_url))

    forgotten = CliRunner().invoke(cli, ["connect", "forget", "twitch", "3"])
    again = CliRunner().invoke(cli, ["connect", "forget", "twitch", "3"])

    assert (forgotten.exit_code, again.exit_code) == (0, 1)
    assert "no channel '3' of twitch is waited for" in again.output
    (line,) = [
        line
        for line in CliRunner().invoke(cli, ["connect", "gaps", "--platform", "twitch"]).output.splitlines()
        if line.split()[1] == "3"
    ]
    assert "not heard now" not in line
