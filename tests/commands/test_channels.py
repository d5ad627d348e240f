"""`chatlog channels` as operators use it: what it shows, sets and takes away, and how it tells mistakes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.services import as_environment
from tests.site.owners import fetch_value
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings


async def chatlog(settings: Settings, directory: Path, *arguments: str) -> tuple[int, str]:
    """Run `chatlog channels`; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        CHATLOG,
        "channels",
        *arguments,
        cwd=directory,
        env=as_environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_rule_is_set_shown_and_taken_away(settings: Callable[..., Settings], tmp_path: Path) -> None:
    system, room = settings(), ("twitch", "918273645")

    before = await chatlog(system, tmp_path, "show", *room)
    was_set = await chatlog(system, tmp_path, "set", *room, "--sampling-rate", "0.1", "--exempt", "reply")
    await chatlog(system, tmp_path, "set", *room, "--no-bots", "--inherit", "exempt")
    shown = await chatlog(system, tmp_path, "show", *room)
    history = await chatlog(system, tmp_path, "history", *room)
    unset = await chatlog(system, tmp_path, "unset", *room)
    listed = await chatlog(system, tmp_path, "list")

    assert "everything is recorded" in before[1]
    assert "It holds in 10 seconds." in was_set[1]
    assert shown[1].split()[-11:] == ["twitch", "918273645", "–", "–", "0.1", "–", "–", "no", "–", "–", "–"]
    assert "reply" in history[1]
    assert history[1].count(" shell ") == 2
    assert len(history[1].splitlines()) == 3
    assert "No rules" in listed[1]
    assert [status for status, _ in (before, was_set, shown, history, unset, listed)] == [0] * 6
    assert await fetch_value(system, "SELECT count(*) FROM chat_logging_config") == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("set", "twitch", "1"), 2, "say what to set"),
        (("set", "twitch", "1", "--sampling-rate", "2"), 2, "0<=x<=1"),
        (("set", "twitch", "1", "--bots", "--inherit", "bots"), 2, "bots is both set and inherited"),
        (("set", "icq", "1", "--bots"), 1, "There is no platform of this name"),
        (("unset", "twitch", "1"), 1, "has no rule of its own"),
    ],
)
async def test_a_mistake_is_told_in_a_line(
    settings: Callable[..., Settings], tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    exit_status, output = await chatlog(settings(), tmp_path, *arguments)

    assert exit_status == status
    assert said in output
    assert "Traceback" not in output
