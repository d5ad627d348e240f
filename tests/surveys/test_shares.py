"""A survey that is shared: who sees it, who exports it, which of two of one name, and that it ends."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pytest

from app.exports.forms import survey_value
from app.surveys.rows import SurveyKey
from app.surveys.service import SHARES_MAX
from app.web import addresses
from models.access import Caller
from tests.site.owners import (
    ANA,
    BEN,
    OF_ANA,
    OF_BEN,
    SHARED_NAME,
    add_export,
    bearer,
    fetch_value,
    row_of,
    share,
    unshare,
)
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

LINK = "https://storage.example/a-signed-link"
EXPORT = {"export_type": "chat_log"}


async def surveys_of(client: httpx.AsyncClient, headers: dict[str, str]) -> set[tuple[str, str]]:
    found = (await client.get("/surveys", headers=headers)).json()
    return {(survey["survey_owner"], survey["survey_name"]) for survey in found}


# By REST


async def test_it_is_shared_seen_and_no_longer(client: httpx.AsyncClient, system: Settings) -> None:
    ben, ana = bearer(system, BEN), bearer(system, ANA)
    asked = {"survey": OF_BEN, "address": " Ana@Example.ORG"}

    put = [await client.put("/surveys/shares", params=asked, headers=ben) for _ in range(2)]
    shares = (await client.get("/surveys/shares", params={"survey": OF_BEN}, headers=ben)).json()
    seen = await surveys_of(client, ana)
    gone = [await client.delete("/surveys/shares", params=asked, headers=ben) for _ in range(2)]

    assert [answer.status_code for answer in (*put, *gone)] == [204] * 4
    assert [(one["address"], one["shared_by"]) for one in shares] == [(ANA, BEN)]
    assert seen == {(ANA, SHARED_NAME), (ANA, OF_ANA), (BEN, OF_BEN)}
    assert await surveys_of(client, ana) == {(ANA, SHARED_NAME), (ANA, OF_ANA)}


async def test_only_its_owner_sees_and_changes_with_whom_it_is_shared(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await share(system, BEN, OF_BEN, ANA)
    survey, address = {"survey": OF_BEN}, {"address": "friend@example.org"}

    async def asked(**whose: str) -> list[int]:
        answers = [
            await client.request(method, "/surveys/shares", params=said | whose, headers=bearer(system, ANA))
            for method, said in (("GET", survey), ("PUT", survey | address), ("DELETE", survey | address))
        ]
        return [answer.status_code for answer in answers]

    statuses, of_named = await asked(), await asked(survey_owner=BEN)
    listed = (await client.get("/surveys", headers=bearer(system, ANA))).json()

    assert (statuses, of_named) == ([404] * 3, [422] * 3)
    assert {survey["survey_name"]: survey["shared_with"] for survey in listed}[OF_BEN] is None
    assert await fetch_value(system, "SELECT count(*) FROM survey_shares") == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nobody", "no email address"),
        (f"{BEN.upper()} ", "of this address"),
        ("a@b\0", "no email address"),
        ("a\n@b", "no email address"),
        ("a@b.c, d@e.f", "no email address"),
        ("Ana <ana@example.org>", "no email address"),
        ("ana@example.org@example.org", "no email address"),
    ],
)
async def test_it_is_shared_with_addresses_of_others_alone(
    client: httpx.AsyncClient, system: Settings, address: str, said: str
) -> None:
    asked = {"survey": OF_BEN, "address": address}

    answer = await client.put("/surveys/shares", params=asked, headers=bearer(system, BEN))

    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_there_is_a_limit_to_with_how_many(client: httpx.AsyncClient, system: Settings) -> None:
    for number in range(SHARES_MAX):
        await share(system, BEN, OF_BEN, f"colleague{number}@example.org")

    asked = {"survey": OF_BEN, "address": ANA}
    answer = await client.put("/surveys/shares", params=asked, headers=bearer(system, BEN))

    assert answer.status_code == 422
    assert str(SHARES_MAX) in answer.json()["detail"]
    known = asked | {"address": "Colleague0@example.org"}
    assert (await client.put("/surveys/shares", params=known, headers=bearer(system, BEN))).is_success


async def test_what_is_too_long_to_be_kept_is_said(client: httpx.AsyncClient, system: Settings) -> None:
    letters = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(1100))
    name, address = letters[:850], f"{letters[850:]}@example.org"
    await fetch_value(system, "UPDATE surveys SET survey_name = $2 WHERE survey_name = $1", OF_BEN, name)

    asked = {"survey": name, "address": address}
    answer = await client.put("/surveys/shares", params=asked, headers=bearer(system, BEN))

    assert answer.status_code == 422
    assert "too long" in answer.json()["detail"]


async def test_of_two_surveys_of_one_name_each_export_is_of_the_one_it_was_asked_of(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await share(system, BEN, SHARED_NAME, ANA)
    headers, asked = bearer(system, ANA), {"survey": SHARED_NAME}
    theirs = asked | {"survey_owner": BEN.upper()}

    own_row = (await client.post("/exports", params=asked, json=EXPORT, headers=headers)).json()
    their_row = (await client.post("/exports", params=theirs, json=EXPORT, headers=headers)).json()
    own = (await client.get("/exports/status/survey", params=asked, headers=headers)).json()
    their = (await client.get("/exports/status/survey", params=theirs, headers=headers)).json()
    of_ben = (await client.get("/exports/status", headers=bearer(system, BEN))).json()

    assert (own_row["survey_owner"], their_row["survey_owner"]) == (None, BEN)
    assert [row["id"] for row in own] == [own_row["id"]]
    assert [row["id"] for row in their] == [their_row["id"]]
    assert of_ben == [], "an export belongs to whoever asked for it"
    assert {(await row_of(system, row["id"]))["user_id"] for row in (own_row, their_row)} == {ANA}


async def test_the_stored_link_of_a_shared_export_is_not_shown_as_it_outlives_the_share(
    client: httpx.AsyncClient, system: Settings
) -> None:
    finished = {"status": "Finished", "export_link": LINK}
    own = await add_export(system, ANA, **finished)
    their = await add_export(system, ANA, survey_owner=BEN, **finished)

    links = [
        (await client.get(f"/exports/{export}", headers=bearer(system, ANA))).json()["export_link"]
        for export in (own, their)
    ]

    assert links == [LINK, "Not Found"]


async def test_after_it_is_no_longer_shared_nothing_of_it_is_to_be_had(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await share(system, BEN, OF_BEN, ANA)
    of_ben = {"survey_id": OF_BEN, "survey_owner": BEN}
    file = await add_export(system, ANA, status="Finished", export_link=LINK, **of_ben)
    failed = await add_export(system, ANA, status="Failed", **of_ben)
    started = await add_export(system, ANA, status="Started", **of_ben)
    headers, theirs = bearer(system, ANA), {"survey": OF_BEN, "survey_owner": BEN}
    before = await client.get(f"/exports/{file}/download", headers=headers)

    await unshare(system, BEN, OF_BEN, ANA)

    download = await client.get(f"/exports/{file}/download", headers=headers)
    retry = await client.post(f"/exports/{failed}/retry", headers=headers)
    again = await client.post("/exports", params=theirs, json=EXPORT, headers=headers)
    cancelled = await client.delete(f"/exports/{started}", headers=headers)
    record = await client.get(f"/exports/{file}", headers=headers)
    assert (before.status_code, before.headers["location"]) == (307, LINK)
    assert [answer.status_code for answer in (download, retry, again)] == [403, 403, 404]
    assert "not shared with you any more" in download.json()["detail"]
    assert LINK not in download.text + retry.text + record.text
    assert (await row_of(system, failed))["status"] == "Failed"
    assert (record.status_code, cancelled.status_code, cancelled.json()["status"]) == (200, 200, "Failed")


async def test_the_shares_of_a_survey_that_is_gone_can_be_seen_and_undone(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await share(system, BEN, OF_BEN, ANA)
    of_ben = {"survey_id": OF_BEN, "survey_owner": BEN}
    file = await add_export(system, ANA, status="Finished", export_link=LINK, **of_ben)
    await fetch_value(system, "UPDATE surveys SET survey_name = 'renamed' WHERE survey_name = $1", OF_BEN)
    ben, asked = bearer(system, BEN), {"survey": OF_BEN}
    before = await client.get(f"/exports/{file}/download", headers=bearer(system, ANA))

    seen = await client.get("/surveys/shares", params=asked, headers=ben)
    by_another = await client.delete(
        "/surveys/shares", params=asked | {"address": ANA}, headers=bearer(system, ANA)
    )
    undone = await client.delete("/surveys/shares", params=asked | {"address": ANA}, headers=ben)

    after = await client.get(f"/exports/{file}/download", headers=bearer(system, ANA))
    assert [one["address"] for one in seen.json()] == [ANA]
    assert [answer.status_code for answer in (by_another, undone)] == [404, 204]
    assert [answer.status_code for answer in (before, after)] == [307, 403]


async def test_a_list_in_parts_tells_two_surveys_of_one_name_and_moment_apart(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await share(system, BEN, SHARED_NAME, ANA)
    await fetch_value(system, "UPDATE surveys SET created = '2026-01-01T00:00:00Z'")
    headers, address, seen = bearer(system, ANA), "/surveys?limit=1", []
    while address:
        part = await client.get(address, headers=headers)
        seen += [(survey["survey_owner"], survey["survey_name"]) for survey in part.json()]
        address = part.links.get("next", {}).get("url", "")

    assert seen == [(ANA, OF_ANA), (ANA, SHARED_NAME), (BEN, SHARED_NAME)]


async def test_somebody_narrowed_shares_and_sees_what_is_left_to_them(
    client: httpx.AsyncClient, system: Settings
) -> None:
    narrowed = bearer(system, Caller(BEN, scope=frozenset({f"survey:{SHARED_NAME}"})))

    answers = [
        await client.put("/surveys/shares", params={"survey": name, "address": ANA}, headers=narrowed)
        for name in (SHARED_NAME, OF_BEN)
    ]

    assert [answer.status_code for answer in answers] == [204, 404]
    assert await surveys_of(client, narrowed) == {(BEN, SHARED_NAME)}


# By the pages


async def test_a_person_shares_a_survey_and_removes_somebody(ana: Visitor) -> None:
    people = addresses.people(SHARED_NAME)

    empty = text_of(await ana.get(people))
    shared = await ana.submit("/surveys/people", survey_name=SHARED_NAME, address=" Ben@Example.org ")
    page = text_of(await ana.get(people))
    listed = text_of(await ana.get(addresses.SURVEYS))
    removed = await ana.submit("/surveys/people/remove", survey_name=SHARED_NAME, address=BEN)

    assert "Nobody. Only you can see and export this survey." in empty
    assert (shared.status_code, shared.headers["location"]) == (303, people)
    assert BEN in page
    assert "shared with 1" in listed
    assert (removed.status_code, removed.headers["location"]) == (303, people)
    assert BEN not in text_of(await ana.get(people))


@pytest.mark.parametrize("address", ["", "nobody", ANA])
async def test_what_is_wrong_with_an_address_is_said_beside_it(ana: Visitor, address: str) -> None:
    answer = await ana.submit("/surveys/people", survey_name=SHARED_NAME, address=address)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{address}"' in answer.text


async def test_two_surveys_of_one_name_are_two_rows_and_two_pages(ana: Visitor) -> None:
    await share(ana.settings, BEN, SHARED_NAME, ANA)
    own, theirs = addresses.tab(SHARED_NAME), addresses.tab(SHARED_NAME, owner=BEN)

    listed = await ana.get(addresses.SURVEYS)
    page = await ana.get(theirs)
    await ana.ask(owner=BEN)

    assert own.replace("&", "&amp;") in listed.text
    assert theirs.replace("&", "&amp;") in listed.text
    assert f"shared by {BEN}" in text_of(listed)
    assert f"Shared with you by {BEN}" in text_of(page)
    assert "People" not in text_of(page)
    assert "Nothing exported yet" in text_of(await ana.get(own))
    assert "Nothing exported yet" not in text_of(await ana.get(theirs))


async def test_every_form_and_link_of_a_shared_survey_stays_with_it(ana: Visitor) -> None:
    await share(ana.settings, BEN, OF_BEN, ANA)
    form = addresses.new_export(OF_BEN, owner=BEN)
    tab = addresses.tab(OF_BEN, owner=BEN)
    chosen = f'{escape(survey_value(SurveyKey(BEN, OF_BEN)))}" selected'

    shown = await ana.get(form)
    wrong = await ana.ask(OF_BEN, BEN, format="xml")
    asked = await ana.ask(OF_BEN, BEN)
    export = await fetch_value(ana.settings, "SELECT id FROM export_status")
    cancelled = await ana.submit(f"/surveys/export/{export}/cancel")
    again = await ana.submit(f"/surveys/export/{export}/again")

    assert [shown.status_code, wrong.status_code] == [200, 422]
    assert chosen in shown.text
    assert chosen in wrong.text
    assert [answer.headers["location"] for answer in (asked, cancelled, again)] == [tab] * 3
    rows = await fetch_value(
        ana.settings, "SELECT array_agg(DISTINCT (user_id, survey_owner)::text) FROM export_status"
    )
    assert rows == [f"({ANA},{BEN})"]


async def test_a_survey_that_is_no_longer_shared_leaves_the_list_of_what_was_exported(ana: Visitor) -> None:
    tab = addresses.tab(OF_BEN, owner=BEN)
    finished = {"status": "Finished", "export_link": LINK}
    export = await add_export(ana.settings, ANA, survey_id=OF_BEN, survey_owner=BEN, **finished)

    page = await ana.get(tab)
    download = await ana.get(f"/exports/{export}/download")

    assert page.status_code == 200
    assert "no longer shared with you" in text_of(page)
    assert "New export" not in text_of(page)
    assert f"/exports/{export}/download" not in page.text
    assert download.status_code == 403
    assert "not shared with you any more" in text_of(download)


@pytest.mark.parametrize("address", [addresses.people(OF_BEN), addresses.tab(OF_BEN, owner=BEN)])
async def test_the_pages_of_anothers_survey_are_not_there(ana: Visitor, address: str) -> None:
    assert (await ana.get(address)).status_code == 404
