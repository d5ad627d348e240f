"""Files of messages: who may ask for them, what is noted of it, and who has them afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from models.access import Caller, CallerRole
from tests.site.owners import (
    ANA,
    BEN,
    OF_BEN,
    SHARED_NAME,
    bearer,
    execute,
    fetch_value,
    row_of,
    share,
    unshare,
)
from tests.site.talks import ROOM, add_talks

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

MOD = Caller("mod@example.org", roles=frozenset({CallerRole.MODERATOR}))
NARROWED = replace(MOD, scope=frozenset({"channel:twitch/12"}))
BODY: dict[str, Any] = {"filter": {"platform": "twitch", "channel": "12"}, "rows": "conversation"}


async def ask(
    client: httpx.AsyncClient, system: Settings, caller: Caller | str, body: dict[str, Any] = BODY
) -> httpx.Response:
    return await client.post("/exports/messages", json=body, headers=bearer(system, caller))


async def noted(system: Settings) -> list[tuple[str, str, dict[str, Any]]]:
    found = await fetch_value(
        system,
        "SELECT coalesce(jsonb_agg(jsonb_build_array(who, action, subject) ORDER BY id), '[]') "
        "FROM access_log",
    )
    return [tuple(entry) for entry in orjson.loads(found)]


async def test_who_may_read_messages_asks_for_a_file_of_them_and_that_is_noted(
    client: httpx.AsyncClient, system: Settings
) -> None:
    answer = await ask(client, system, NARROWED)

    asked = answer.json()
    assert (answer.status_code, asked["source"], asked["survey_id"], asked["state"]) == (
        201,
        "messages",
        "",
        "Started",
    )
    row = await row_of(system, asked["id"])
    assert orjson.loads(row["asked_as"]) == {
        "tenant": "default",
        "roles": ["moderator"],
        "scope": ["channel:twitch/12"],
        "shared": [],
    }
    [entry] = await noted(system)
    assert entry == (MOD.email, "export_messages", {**BODY["filter"], "rows": "conversation"})


async def test_an_export_is_only_seen_by_who_may_read_as_much_as_is_in_it(
    client: httpx.AsyncClient, system: Settings
) -> None:
    wide, narrow = [(await ask(client, system, caller)).json()["id"] for caller in (MOD, NARROWED)]
    elsewhere = replace(MOD, scope=frozenset({"platform:twitch"}))
    admin = Caller("admin@example.org", roles=frozenset({CallerRole.ADMIN}))

    async def seen(caller: Caller, **query: str) -> set[str]:
        headers = bearer(system, caller)
        listed = (await client.get("/exports/status", params=query, headers=headers)).json()
        by_id = {
            export
            for export in (wide, narrow)
            if (await client.get(f"/exports/{export}", headers=headers)).status_code == 200
        }
        assert {export["id"] for export in listed} == by_id
        return by_id

    assert await seen(MOD) == {wide, narrow}
    assert await seen(NARROWED) == {narrow}
    assert await seen(elsewhere) == set()
    assert await seen(Caller(ANA)) == set()
    assert await seen(admin, user_id="*") == {wide, narrow}


async def test_exports_are_listed_in_the_tenant_in_which_they_were_asked_for(
    client: httpx.AsyncClient, system: Settings
) -> None:
    there = replace(MOD, tenant="acme")
    here, elsewhere = [(await ask(client, system, caller)).json()["id"] for caller in (MOD, there)]

    async def listed(caller: Caller, **query: str) -> list[str]:
        answer = await client.get("/exports/status", params=query, headers=bearer(system, caller))
        return [export["id"] for export in answer.json()]

    assert (await listed(MOD), await listed(there)) == ([here], [elsewhere])
    auditors = [
        Caller("c@example.org", tenant, frozenset({CallerRole.ADMIN})) for tenant in ("default", "acme")
    ]
    assert [await listed(one, user_id="*") for one in auditors] == [[here], [elsewhere]]
    for caller, export, status in ((MOD, here, 200), (MOD, elsewhere, 404), (there, here, 404)):
        answer = await client.get(f"/exports/{export}", headers=bearer(system, caller))
        assert answer.status_code == status


async def test_nobody_asks_for_what_they_may_not_read(client: httpx.AsyncClient, system: Settings) -> None:
    compliance = Caller("c@example.org", roles=frozenset({CallerRole.COMPLIANCE}))
    refused = [
        await ask(client, system, Caller("nobody@example.org")),
        await ask(client, system, compliance),
        await ask(client, system, ANA, {"filter": {"survey": OF_BEN}}),
        await client.post(
            "/exports/messages/estimate", json={"filter": {"survey": OF_BEN}}, headers=bearer(system, ANA)
        ),
    ]

    assert [answer.status_code for answer in refused] == [403, 403, 404, 404]
    assert await fetch_value(system, "SELECT count(*) FROM export_status") == 0
    assert await noted(system) == []


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"platfrom": "twitch"}},
        {"wide": True},
        {"format": "xlsx", "compression": "gzip"},
        {"since": "2026-02-30"},
        {"since": "2026-11-24", "tz": "Mars"},
        {"rows": "conversation", "include_raw_payload": True},
        {"filter": {"person": "a\0b"}},
        {"filter": {"q": ""}},
        {"filter": {"q": "x" * 501}},
    ],
)
async def test_what_is_no_wish_is_told_to_be_none(
    client: httpx.AsyncClient, system: Settings, body: dict[str, Any]
) -> None:
    assert (await ask(client, system, MOD, body)).status_code == 422


async def test_words_are_looked_for_as_a_search_does_and_refused_as_it_does(
    client: httpx.AsyncClient, system: Settings
) -> None:
    headers = bearer(system, MOD)
    for typed in ("-malaria", "a*", "...", "or", " ", "x " * 21):
        body = {"filter": {"q": typed}}
        asked, counted = [
            await client.post(f"/exports/messages{path}", json=body, headers=headers)
            for path in ("", "/estimate")
        ]
        searched = await client.get("/v1/messages/search", params={"q": typed}, headers=headers)
        assert (asked.status_code, counted.status_code, searched.status_code) == (422, 422, 422)
        assert asked.json()["detail"] == counted.json()["detail"] == searched.json()["detail"]
    assert await fetch_value(system, "SELECT count(*) FROM export_status") == 0
    assert await noted(system) == []

    wanted = {"q": 'refund -"no refund"', "platform": "twitch"}
    answer = await ask(client, system, MOD, {"filter": wanted})

    assert answer.json()["options"]["filter"]["q"] == wanted["q"]
    row = await row_of(system, answer.json()["id"])
    assert orjson.loads(row["options"])["filter"] == wanted
    assert await noted(system) == [(MOD.email, "export_messages", {**wanted, "rows": "message"})]


async def test_a_share_or_a_role_that_is_taken_back_takes_the_file_back(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await share(system, BEN, OF_BEN, ANA)
    of_ana = (await ask(client, system, ANA, {})).json()["id"]
    of_mod = (await ask(client, system, MOD)).json()["id"]
    link = "https://storage.example/file.csv"
    await execute(system, "UPDATE export_status SET status = 'Finished', export_link = $1", link)

    async def download(export: str, caller: Caller) -> int:
        answer = await client.get(f"/exports/{export}/download", headers=bearer(system, caller))
        return answer.status_code

    assert [await download(of_ana, Caller(ANA)), await download(of_mod, MOD)] == [307, 307]
    assert [entry[1] for entry in await noted(system)][-2:] == ["use_export", "use_export"]
    await unshare(system, BEN, OF_BEN, ANA)
    assert await download(of_ana, Caller(ANA)) == 403
    assert await download(of_mod, Caller(MOD.email)) == 403
    assert await download(of_mod, Caller(ANA)) == 404


async def test_an_estimate_counts_what_the_words_find(client: httpx.AsyncClient, system: Settings) -> None:
    ids = await add_talks(system)

    async def rows(caller: Caller, typed: str, **more: str) -> int:
        body = {"filter": {"q": typed} | more}
        answer = await client.post("/exports/messages/estimate", json=body, headers=bearer(system, caller))
        return int(answer.json()["rows"])

    assert await rows(MOD, "said") == len(ids)
    assert await rows(MOD, "said survey", platform="messenger") == 3
    assert await rows(MOD, "fig70 or date81") == 2
    assert await rows(replace(MOD, scope=frozenset({f"channel:twitch/{ROOM}"})), "said") == 1
    assert await rows(Caller(ANA), "said") == 1
    noted = "SELECT count(*) FROM access_log WHERE action = 'export_messages' AND subject ->> 'q' IS NOT NULL"
    assert await fetch_value(system, noted) == 5


async def test_an_estimate_counts_as_far_as_somebody_may_read(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await execute(
        system,
        "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, surveyid) "
        "SELECT 'u' || n, 'p', now(), 'user', 'x', surveys.id FROM surveys "
        "JOIN users ON users.id = userid, generate_series(1, 5) AS n WHERE survey_name = $1 AND email = $2 "
        "AND shortcode = 'base'",
        SHARED_NAME,
        BEN,
    )

    async def rows(caller: Caller | str) -> int:
        answer = await client.post("/exports/messages/estimate", json={}, headers=bearer(system, caller))
        assert answer.json()["is_exact"]
        return int(answer.json()["rows"])

    assert [await rows(caller) for caller in (MOD, BEN, ANA)] == [5, 5, 0]
    of_survey = await client.post(
        "/exports/estimate",
        params={"survey": SHARED_NAME},
        json={"export_type": "chat_log", "format": "xlsx"},
        headers=bearer(system, BEN),
    )
    assert of_survey.json()["rows"] == 5
    codebook = await client.post(
        "/exports/estimate",
        params={"survey": SHARED_NAME},
        json={"export_type": "codebook"},
        headers=bearer(system, BEN),
    )
    assert codebook.json()["rows"] == 26
