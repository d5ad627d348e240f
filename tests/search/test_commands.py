"""`chatlog search messages`, as operators use it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID

from app.postgres.connections import connect
from tests.site.owners import ANA, OF_ANA
from tests.site.talks import AMINA, BEGAN, BOLA, MINUTE, PAGE, ROOM, Writer, dialogue, room
from tests.talks.test_commands import chatlog

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

FIND = ("search", "messages")
LATER = BEGAN + MINUTE


async def say(settings: Settings) -> None:
    database = await connect(settings.database)
    try:
        write = Writer(database)
        of_ana = await write.survey(ANA, OF_ANA)
        await write.chat(AMINA, "Where is my refund?", BEGAN, by="user", surveyid=of_ana)
        await write.chat(BOLA, "A REFUND,\n\x1b[2Jand refund again", LATER)
        await write.say("no word of money", LATER + MINUTE)
        await write.say("refund money now", LATER + 2 * MINUTE)
        await write.name("twitch", "1", "Viewer\nOne")
    finally:
        await database.close()


async def test_each_hit_is_a_line_and_who_searched_is_kept(said_settings: Settings, tmp_path: Path) -> None:
    await say(said_settings)

    newest, ranked, as_json, narrow, nothing, log = await asyncio.gather(
        chatlog(said_settings, tmp_path, *FIND, "refund"),
        chatlog(said_settings, tmp_path, *FIND, "refund", "--rank"),
        chatlog(said_settings, tmp_path, *FIND, "refund money or nobody", "--format", "json"),
        chatlog(said_settings, tmp_path, *FIND, "refund", "--survey", OF_ANA, "--until", "2026-11-25"),
        chatlog(said_settings, tmp_path, *FIND, "refund", "--platform", "discord"),
        chatlog(said_settings, tmp_path, *FIND, "-malaria"),
    )

    of_amina = f"2026-11-24 14:00:00  messenger/{PAGE}  user  Where is my refund?  {dialogue(AMINA)}"
    of_bola = rf"2026-11-24 14:01:00  messenger/{PAGE}  bot  A REFUND, [2Jand refund again  {dialogue(BOLA)}"
    of_viewer = f"2026-11-24 14:03:00  twitch/{ROOM}  Viewer One  refund money now  {room()}"
    assert newest == (0, [of_viewer, of_bola, of_amina])
    assert ranked == (0, [of_bola, of_viewer, of_amina])
    assert as_json[0] == 0
    assert [UUID(json.loads(line)["conversation"]) for line in as_json[1]] == [room()]
    assert narrow == (0, [of_amina])
    assert nothing == (1, ["Error: nothing is found"])
    assert log[0] == 2

    status, lines = await chatlog(said_settings, tmp_path, "access-log", "list", "--json")
    noted = [json.loads(line) for line in lines]
    assert status == 0
    assert {(row["who"], row["action"], row["route"]) for row in noted} == {
        ("shell", "read_messages", "chatlog search messages")
    }
    assert {"q": "refund", "survey": OF_ANA, "until": "2026-11-25T00:00:00Z", "order": "newest"} in [
        row["subject"] for row in noted
    ]
    assert len(noted) == 5, "the one that could not be asked found nothing"


async def test_what_was_found_is_bold_on_a_terminal(said_settings: Settings, tmp_path: Path) -> None:
    await say(said_settings)

    asked = (*FIND, "refund", "--person", AMINA)
    # With no more rights than whoever reads has.
    as_reader = {"DATABASE_URL": f"{said_settings.database.require_url()}?role=chatlog_reader"}
    _, (line,) = await chatlog(said_settings, tmp_path, *asked, FORCE_COLOR="1", **as_reader)

    assert "Where is my \x1b[1mrefund\x1b[0m?" in line


async def test_that_there_is_more_is_told_and_how_it_is_had(said_settings: Settings, tmp_path: Path) -> None:
    await say(said_settings)

    newest, ranked = await asyncio.gather(
        chatlog(said_settings, tmp_path, *FIND, "refund", "--limit", "2"),
        chatlog(said_settings, tmp_path, *FIND, "refund", "--limit", "2", "--rank"),
    )
    _, going_on = await chatlog(
        said_settings, tmp_path, *FIND, "refund", "--until", "2026-11-24T14:01:00.001Z"
    )

    assert len(newest[1]) == len(ranked[1]) == 3
    assert newest[1][-1] == (
        "There are more: --limit (up to 1,000) shows more at once, "
        "--until 2026-11-24T14:01:00.001000Z goes on."
    )
    assert ranked[1][-1] == ("There are more: 3 were put in order, --limit (up to 1,000) shows more of them.")
    assert going_on[0] == newest[1][1], "the last one once more"
    assert str(dialogue(AMINA)) in going_on[1]


async def test_what_is_no_word_is_told_and_what_cannot_be_looked_for_refused(
    said_settings: Settings, tmp_path: Path
) -> None:
    await say(said_settings)

    left_out, alone = await asyncio.gather(
        chatlog(said_settings, tmp_path, *FIND, "refund ???"),
        chatlog(said_settings, tmp_path, *FIND, "--", "-malaria"),
    )

    assert "No words, and not looked for: ???" in left_out[1]
    assert (alone[0], len(alone[1]), "alone would be nearly every message" in alone[1][0]) == (1, 1, True)
