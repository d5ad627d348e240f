"""The pages of conversations: for whom they are, and what they lead to."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.postgres.connections import connect
from models.access import Caller, CallerRole
from tests.site.owners import ANA, fetch_value
from tests.site.talks import BEGAN, MINUTE, SECRETS, SESSION, Writer, add_talks, room
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    from app.settings import Settings


async def test_pages_show_what_one_may_read_and_tell_who_may_not(visitor: Visitor, system: Settings) -> None:
    ids = await add_talks(system)
    addresses = [
        "/conversations",
        f"/conversations/{room()}",
        f"/conversations/{room()}/part",
        f"/conversations/{room()}/print",
        f"/messages/{ids['twitch']}/details",
        f"/messages/{ids['twitch']}/raw",
        "/people/twitch/1",
    ]
    seen = {}
    for role in (CallerRole.MODERATOR, CallerRole.OPERATOR, CallerRole.OWNER, CallerRole.COMPLIANCE):
        await visitor.sign_in(caller=Caller(ANA, roles=frozenset({role})))
        answers = [await visitor.get(address) for address in addresses]
        seen[role] = [answer.status_code for answer in answers]
        if role is CallerRole.OWNER:
            assert SECRETS["ana"] in text_of(answers[0])
            assert SECRETS["twitch"] not in text_of(answers[0])
        elif role is CallerRole.COMPLIANCE:
            assert "None of your roles lets you do this" in text_of(answers[0])

    assert seen == {
        CallerRole.MODERATOR: [200] * 7,
        CallerRole.OPERATOR: [200] * 6 + [403],
        CallerRole.OWNER: [200] + [404] * 5 + [403],
        CallerRole.COMPLIANCE: [403] * 7,
    }


async def test_what_people_think_of_an_answer_is_beside_it_as_text(
    visitor: Visitor, system: Settings
) -> None:
    database = await connect(system.database)
    write = Writer(database)
    of_it: dict[str, Any] = {"platform": "assistant", "channel": SESSION, "kind": "session"}
    await write.say("Where is it?", BEGAN, author="u-7", **of_it)
    answer = await write.say("At the depot.", BEGAN + MINUTE, author=None, role="assistant", **of_it)
    await write.name("assistant", "u-7", "Mara <i>")
    await write.opine(answer, 1, BEGAN + 2 * MINUTE)
    await write.opine(
        *(answer, -1, BEGAN + 3 * MINUTE), label="wrong", comment="<script>alert(1)</script>", author_id="u-7"
    )
    await database.close()
    await visitor.sign_in(caller=Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR})))
    talk = f"/conversations/{room(SESSION, 'assistant')}"

    for address in (talk, f"/messages/{answer}/details"):
        page = await visitor.get(address)
        said = text_of(page)
        assert "👍 Helpful · 24 Nov" in said
        assert "👎 Not helpful · wrong · Mara <i> · 24 Nov" in said
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "Tuesday, 24 November 2026, 14:03:00.000 (UTC)" in page.text
    assert "[Helpful] [Not helpful, Mara <i> : <script>alert(1)</script> ]" in text_of(
        await visitor.get(f"{talk}/print")
    )
    text = await visitor.get(f"/v1{talk}/transcript")
    assert "At the depot. (rated not helpful)" in text.text


async def test_export_of_a_thread_asks_for_what_the_thread_shows(visitor: Visitor, system: Settings) -> None:
    database = await connect(system.database)
    write = Writer(database)
    of_it: dict[str, Any] = {"platform": "assistant", "channel": SESSION, "kind": "session", "learner": "u-7"}
    for number, role in enumerate(("user", "assistant", "user")):
        # Whose the session is, it alone tells.
        await write.say(f"said by {role}", BEGAN + number * MINUTE, author=None, role=role, **of_it)
    await write.say("elsewhere", BEGAN, author="u-7", platform="assistant", channel="other", kind="session")
    await write.name("assistant", "u-7", "Mara <i>")
    await database.close()
    await visitor.sign_in(caller=Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR})))
    talk = room(SESSION, "assistant")

    thread = await visitor.get(f"/conversations/{talk}")
    [link] = re.findall(r'href="(/exports/new[^"]*)"', thread.text)
    form = await visitor.get(unescape(link))
    estimate = await visitor.get(unescape(link).replace("/new", "/new/estimate"))

    assert f'name="conversation" value="{talk}"' in form.text
    assert "Of the conversation Mara <i> (Assistant" in text_of(form)
    assert "3 rows" in text_of(estimate)
    noted = await fetch_value(
        system,
        "SELECT count(*) FROM access_log WHERE route = $1 AND subject ->> 'conversation' = $2",
        *("GET /exports/new", str(talk)),
    )
    assert noted == 1
    # Whose it is not is told nothing of it.
    await visitor.sign_in()
    assert "Of the conversation" not in text_of(await visitor.get(unescape(link)))


#: Before the first year.
FAR_BACK = f"cursor=-{10**17 - 1}~{UUID(int=0)}"


@pytest.mark.parametrize(
    "query",
    ["before=x", "after=1~2", "date=2026-13-01", "message=7", "cursor=1", FAR_BACK, "since=yesterday"],
)
async def test_an_address_that_is_none_is_told_on_a_page(ana: Visitor, query: str) -> None:
    answer = await ana.get(
        f"/conversations/{room()}?{query}" if "cursor" not in query else f"/conversations?{query}"
    )

    assert answer.status_code == 422
    assert "That was not understood" in text_of(answer)
