"""`chatlog conversation` and `chatlog access-log`, as operators use them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from app.postgres.connections import connect
from tests.services import as_environment
from tests.site.talks import AMINA, BEGAN, BOLA, MINUTE, PAGE, ROOM, SECRETS, Writer, add_talks, dialogue
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings


async def chatlog(
    settings: Settings, directory: Path, *arguments: str, **variables: str
) -> tuple[int, list[str]]:
    """Run a command, with variables beside the settings; return its status and its words, line by line."""
    process = await asyncio.create_subprocess_exec(
        CHATLOG,
        *arguments,
        cwd=directory,
        env=as_environment(settings) | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode().splitlines()


async def test_a_conversation_is_shown_and_that_is_kept(said_settings: Settings, tmp_path: Path) -> None:
    await add_talks(said_settings)
    database = await connect(said_settings.database)
    await Writer(database).chat(AMINA, "\x1b[2Jon\nanother page", BEGAN + MINUTE, by="user", page="p2")
    await database.close()

    several, by_id, as_json, room, nobody, unsaid, zone, log = await asyncio.gather(
        chatlog(said_settings, tmp_path, "conversation", AMINA),
        chatlog(said_settings, tmp_path, "conversation", str(dialogue(AMINA, "p2")), "--tz", "Africa/Lagos"),
        chatlog(said_settings, tmp_path, "conversation", PAGE, "--limit", "1", "--format", "json"),
        chatlog(said_settings, tmp_path, "conversation", ROOM, "--platform", "twitch"),
        chatlog(said_settings, tmp_path, "conversation", "9999"),
        chatlog(said_settings, tmp_path, "conversation", BOLA, "--since", "2026-11-25"),
        chatlog(said_settings, tmp_path, "conversation", BOLA, "--tz", "Mars"),
        chatlog(said_settings, tmp_path, "access-log", "list"),
    )

    assert by_id[0] == 0, "\n".join(by_id[1][-12:])
    assert several[0] == 1
    assert "several are meant" in several[1][0]
    assert {line.split(" · ")[2] for line in several[1][1:]} == {
        str(dialogue(AMINA)),
        str(dialogue(AMINA, "p2")),
    }
    assert by_id == (
        0,
        [
            f"{AMINA} · messenger p2 · {dialogue(AMINA, 'p2')}",
            "2026-11-24 (Africa/Lagos)",
            "15:01  user  \\x1b[2Jon",
            "             another page",
        ],
    )
    assert json.loads(as_json[1][0])["content"] == SECRETS["ben"]
    assert len(as_json[1]) == 1
    assert room[1][-1] == f"14:03  Viewer One  {SECRETS['twitch']}"
    assert (nobody[0], "is known as" in nobody[1][0]) == (1, True)
    assert (unsaid[0], unsaid[1][-1]) == (1, "Error: nothing was said then")
    assert zone[0] == 2
    assert log[0] == 0

    status, lines = await chatlog(said_settings, tmp_path, "access-log", "list", "--person", AMINA, "--json")
    noted = [json.loads(line) for line in lines]
    assert status == 0
    assert {row["subject"]["conversation"] for row in noted} == {
        str(dialogue(AMINA)),
        str(dialogue(AMINA, "p2")),
    }
    assert {(row["who"], row["route"]) for row in noted} == {("shell", "chatlog conversation")}


async def test_days_begin_in_the_zone_that_is_asked_for(said_settings: Settings, tmp_path: Path) -> None:
    await add_talks(said_settings)
    database = await connect(said_settings.database)
    # In Lagos, this is the 26th.
    late = BEGAN.replace(month=11, day=25, hour=23, minute=30)
    await Writer(database).chat(BOLA, "after midnight", late, by="user")
    await database.close()
    that_day = ("conversation", str(dialogue(BOLA)), "--since", "2026-11-26", "--until", "2026-11-27")

    here, in_utc, no_day = await asyncio.gather(
        chatlog(said_settings, tmp_path, *that_day, "--tz", "Africa/Lagos"),
        chatlog(said_settings, tmp_path, *that_day),
        chatlog(said_settings, tmp_path, "conversation", BOLA, "--since", "2026-02-30"),
    )

    assert here[1][-1] == "00:30  user  after midnight"
    assert in_utc[1][-1] == "Error: nothing was said then"
    assert (no_day[0], "is no day" in no_day[1][-1]) == (2, True)
