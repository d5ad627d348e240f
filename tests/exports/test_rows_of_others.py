"""Rows that another program or version wrote: one that is not understood hides none of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.web import addresses
from tests.site.owners import ANA, SHARED_NAME, add_export, bearer
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings


@pytest.mark.parametrize(
    ("columns", "shown", "said"),
    [
        ({"source": "surveys"}, {"source": "surveys"}, "surveys CSV"),
        ({"status": "Pending"}, {"status": "Pending"}, "Responses CSV Pending"),
        ({"options": '{"format": "xml"}'}, {"options": None}, "with options that are not known here"),
        ({"options": '{"since": "2026-01-01T00:00:00"}'}, {"options": None}, "not known here"),
        ({"options": "[]"}, {"options": None}, "with options that are not known here"),
        ({"options": "null"}, {"options": None}, "with options that are not known here"),
        (
            {"options": '{"since": "9999-12-31T23:59:59-14:00"}'},
            {"status": "Failed"},
            "from 9999-12-31T23:59:59-14:00",
        ),
        ({"options": '{"until": "0001-01-01T00:00:00Z"}'}, {"status": "Failed"}, "until 0001-01-01 "),
    ],
)
async def test_an_odd_row_is_shown_as_far_as_it_is_known(
    client: httpx.AsyncClient,
    system: Settings,
    columns: dict[str, str],
    shown: dict[str, object],
    said: str,
) -> None:
    odd = await add_export(system, ANA, **{"status": "Failed", "reason": "Because."} | columns)
    plain = await add_export(system, ANA, status="Failed")
    headers = bearer(system)
    visitor = Visitor(client, system)
    await visitor.sign_in()

    listed = (await client.get("/exports/status", headers=headers)).json()
    of_survey = (await client.get(f"/exports/status/survey?survey={SHARED_NAME}", headers=headers)).json()
    alone = (await client.get(f"/exports/{odd}", headers=headers)).json()

    assert {row["id"] for row in listed} == {row["id"] for row in of_survey} == {str(odd), str(plain)}
    assert {name: alone[name] for name in shown} == shown
    assert alone["reason"] == "Because."
    assert said in await visitor.see_tab()
    assert (await visitor.get(addresses.SURVEYS)).status_code == 200


async def test_what_is_not_known_to_go_on_is_not_waited_for_and_can_be_cancelled(
    client: httpx.AsyncClient, system: Settings
) -> None:
    odd = await add_export(system, ANA, status="Pending")
    visitor = Visitor(client, system)
    await visitor.sign_in()

    page = await visitor.get(f"/surveys/export?survey_name={SHARED_NAME}")
    cancelled = await client.delete(f"/exports/{odd}", headers=bearer(system))

    assert 'id="live"' not in page.text
    assert "Pending" in text_of(page)
    assert "Cancel the Responses export" in text_of(page)
    assert cancelled.json()["status"] == "Failed"


@pytest.mark.parametrize(
    "since", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01"]
)
async def test_a_time_that_no_calendar_has_is_refused(
    client: httpx.AsyncClient, system: Settings, since: str
) -> None:
    answer = await client.post(
        f"/exports?survey={SHARED_NAME}",
        json={"export_type": "chat_log", "since": since},
        headers=bearer(system),
    )

    assert answer.status_code == 422
    assert "body.since: not within the years 1 to 9999 in UTC" in answer.json()["detail"]
