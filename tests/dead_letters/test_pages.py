"""The pages of dead letters without scripts: a question before anything is done, and nothing done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.access import Caller, CallerRole
from tests.dead_letters.keeping import keep, letter
from tests.site.owners import fetch_value
from tests.site.visitor import text_of

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.site.visitor import Visitor

ADMIN = Caller("admin@example.org", roles=frozenset({CallerRole.ADMIN}))
OPERATOR = Caller("operator@example.org", roles=frozenset({CallerRole.OPERATOR}))
HOW_MANY = "SELECT count(*) FROM dead_letters"


async def test_to_drop_is_asked_and_what_comes_in_meanwhile_stays(visitor: Visitor, system: Settings) -> None:
    await keep(system, [letter(n) for n in range(3)])
    await visitor.sign_in(caller=ADMIN)

    question = await visitor.get("/dead-letters/drop?reason=not_json")
    await keep(system, [letter(9)])
    unsure = await visitor.submit("/dead-letters/drop?reason=not_json&up_to=3")
    kept = await fetch_value(system, HOW_MANY)
    forged = await visitor.post("/dead-letters/drop?reason=not_json&up_to=3", sure="yes")
    done = await visitor.submit("/dead-letters/drop?reason=not_json&up_to=3", sure="yes")
    told = await visitor.get(done.headers["location"])

    assert "Drop 3 dead letters?" in text_of(question)
    assert "up_to=3" in question.text
    assert (unsure.status_code, kept, forged.status_code) == (422, 4, 403)
    assert "Say that you mean it, or go back." in text_of(unsure)
    assert done.status_code == 303
    assert "3 were dropped." in text_of(told)
    assert await fetch_value(system, HOW_MANY) == 1


async def test_none_chosen_is_none_and_not_all(visitor: Visitor, system: Settings) -> None:
    await keep(system, [letter(1)])
    await visitor.sign_in(caller=ADMIN)

    for what in ("replay", "drop"):
        asked = await visitor.get(f"/dead-letters/{what}?chosen=yes")
        assert asked.status_code == 303
        assert "Nothing was chosen" in text_of(await visitor.get(asked.headers["location"]))


async def test_who_only_sees_them_is_offered_nothing_else_and_may_not(
    visitor: Visitor, system: Settings
) -> None:
    await keep(system, [letter(1, value=b"<script>alert(1)</script>")])
    await visitor.sign_in(caller=OPERATOR)

    listed = text_of(await visitor.get("/dead-letters"))
    shown = await visitor.get("/dead-letters/1?content=yes")
    refused = [
        (await visitor.get("/dead-letters/drop?id=1")).status_code,
        (await visitor.submit("/dead-letters/drop?id=1", sure="yes")).status_code,
        (await visitor.submit("/dead-letters/replay?id=1")).status_code,
    ]

    assert "Not JSON" in listed
    assert "Drop" not in listed
    assert "&lt;script&gt;alert(1)" in shown.text
    assert refused == [403, 403, 403]
    assert await fetch_value(system, HOW_MANY) == 1
