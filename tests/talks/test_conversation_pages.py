"""The pages of conversations: for whom they are, and what they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.access import Caller, CallerRole
from tests.site.owners import ANA
from tests.site.talks import SECRETS, add_talks, room
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


@pytest.mark.parametrize(
    "query", ["before=x", "after=1~2", "date=2026-13-01", "message=7", "cursor=1", "since=yesterday"]
)
async def test_an_address_that_is_none_is_told_on_a_page(ana: Visitor, query: str) -> None:
    answer = await ana.get(
        f"/conversations/{room()}?{query}" if "cursor" not in query else f"/conversations?{query}"
    )

    assert answer.status_code == 422
    assert "That was not understood" in text_of(answer)
