"""The page of all exports: filters, order, what others asked for, and several at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.exports.looking import ExportList, LookedFor, SortBy
from app.postgres.connections import create_pool
from app.web import addresses
from models.access import Caller, CallerRole
from models.exports import Source, State
from tests.site.owners import ANA, BEN, OF_ANA, add_export, row_of
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    from app.settings import Settings

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
COLUMNS: list[dict[str, Any]] = [
    {"status": "Started"},
    {"status": "Writing", "rows_done": 0, "source": "chat_log"},
    {"status": "Finished", "rows_done": 3, "bytes_done": 9, "finished": NOW},
    {"status": "Finished", "rows_done": 0, "finished": NOW, "source": "chat_log"},
    # Of the system before.
    {"status": "Finished"},
    {"status": "Finished", "rows_done": 0, "finished": NOW, "removed": NOW},
    {"status": "Failed", "reason": "It broke."},
    {"status": "Failed", "reason": "Cancelled by its owner", "cancelled": NOW, "survey_id": OF_ANA},
]


@pytest.fixture
async def filled(system: Settings) -> Settings:
    for number, columns in enumerate(COLUMNS):
        await add_export(system, ANA, **{"created": NOW - timedelta(days=number)} | columns)
    await add_export(system, BEN, status="Failed", reason="Of Ben's.")
    return system


async def test_the_database_tells_the_states_that_rows_tell(filled: Settings) -> None:
    async with await create_pool(filled.database, min_size=0) as pool:
        exports = ExportList(pool)
        every = await exports.page(Caller(ANA), ANA, LookedFor(), size=100, number=1)
        for state in State:
            found = await exports.page(Caller(ANA), ANA, LookedFor(state=state), size=100, number=1)
            assert {row.id for row in found} == {row.id for row in every if row.state == state}
            assert await exports.count(Caller(ANA), ANA, LookedFor(state=state)) == len(found)
        assert len(every) == len(COLUMNS)
        assert [row.created for row in every] == sorted((row.created for row in every), reverse=True)
        largest = await exports.page(Caller(ANA), ANA, LookedFor(by=SortBy.ROWS), size=1, number=1)
        of_chat_log = await exports.count(Caller(ANA), ANA, LookedFor(source=Source.CHAT_LOG))
        named = await exports.page(Caller(ANA), ANA, LookedFor(name="ANA'S"), size=100, number=1)
        in_days = await exports.count(Caller(ANA), ANA, LookedFor(since=NOW - timedelta(days=2), until=NOW))

    assert (largest[0].rows_done, of_chat_log, len(named), in_days) == (3, 2, 1, 2)


@pytest.mark.usefixtures("filled")
async def test_the_page_shows_what_is_looked_for_and_leads_on_from_it(ana: Visitor) -> None:
    everything = text_of(await ana.get(addresses.EXPORTS))
    odd = await ana.get(f"{addresses.EXPORTS}?kind=nothing&state=no&since=never&sort=what&order=sideways")
    cancelled = await ana.get(f"{addresses.EXPORTS}?state=Cancelled&name=ana")
    none = text_of(await ana.get(f"{addresses.EXPORTS}?name=nothing+like+that"))

    assert "Exports 8" in everything
    assert "Of Ben's." not in everything
    assert odd.status_code == 200
    assert "Exports 1 found" in text_of(cancelled)
    assert "state=Cancelled&amp;name=ana&amp;sort=rows" in cancelled.text
    assert "No export is like that." in none


@pytest.mark.usefixtures("filled")
async def test_who_sees_everybodys_exports_sees_records_and_can_do_nothing_with_them(
    visitor: Visitor,
) -> None:
    await visitor.sign_in(caller=Caller("c@example.org", roles=frozenset({CallerRole.COMPLIANCE})))

    everybodys = await visitor.get(f"{addresses.EXPORTS}?user_id=*")
    of_ben = text_of(await visitor.get(f"{addresses.EXPORTS}?user_id={BEN}"))

    assert f"by {ANA}" in text_of(everybodys)
    assert "Of Ben's." in of_ben
    for action in ("/download", "/cancel", "/retry", 'name="export"'):
        assert action not in everybodys.text


@pytest.mark.usefixtures("filled")
async def test_an_owner_does_not_see_what_others_asked_for(ana: Visitor) -> None:
    answers = [await ana.get(f"{addresses.EXPORTS}?user_id={whose}") for whose in ("*", BEN)]

    assert [answer.status_code for answer in answers] == [403, 403]


async def test_several_are_ended_at_once_and_others_stay_as_they_are(ana: Visitor) -> None:
    running = [await add_export(ana.settings, ANA, status="Writing") for _ in range(2)]
    finished = await add_export(ana.settings, ANA, status="Finished")
    of_ben = await add_export(ana.settings, BEN, status="Writing")
    chosen = [str(export) for export in (*running, finished, of_ben)]
    token = await ana.csrf_token()

    async def do(action: str) -> int:
        answer = await ana.client.post(
            "/exports/selected",
            data={
                "csrf_token": token,
                "action": action,
                "export": chosen,
                "back": "/exports/list?state=Writing",
            },
            headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"},
        )
        assert answer.headers["location"] == "/exports/list?state=Writing"
        return answer.status_code

    assert await do("cancel") == 303
    rows = [await row_of(ana.settings, export) for export in (*running, finished, of_ben)]
    assert [row["status"] for row in rows] == ["Failed", "Failed", "Finished", "Writing"]
    assert [row["cancelled"] is not None for row in rows] == [True, True, False, False]
    assert await do("remove") == 303
    rows = [await row_of(ana.settings, export) for export in (*running, finished, of_ben)]
    assert [row["removed"] is not None for row in rows] == [False, False, True, False]


async def test_what_was_cancelled_and_is_tried_again_is_not_cancelled_any_more(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Failed", cancelled=NOW)

    await ana.submit(f"{addresses.TAB}/{export}/retry")

    row = await row_of(ana.settings, export)
    assert (row["status"], row["cancelled"]) == ("Started", None)


async def test_the_estimate_says_how_much_it_will_be(ana: Visitor) -> None:
    form = {"what": "messages", "preset": "r"}
    nothing = await ana.client.get("/exports/new/estimate", params=form)
    mistake = await ana.client.get("/exports/new/estimate", params=form | {"since": "never"})
    of_ben = await ana.client.get(
        "/exports/new/estimate", params={"what": "chat_log", "survey": f"owner={BEN}&name=Ben%27s+only"}
    )

    assert "Nothing matches." in text_of(nothing)
    assert "something to mend in the form: This is not a date." in text_of(mistake)
    assert "Choose a survey" in text_of(await ana.client.get("/exports/new/estimate"))
    assert "nothing of yours like that" in text_of(of_ben)
