"""Search by REST and on its page, as callers ask: what they get, what is noted, and what they never get."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from app.postgres.connections import connect
from models.access import Caller, CallerRole
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, bearer, fetch_value
from tests.site.talks import AMINA, BOLA, ROOM, Writer
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)
MODERATOR = Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR}))
COMPLIANCE = Caller("co@example.org", roles=frozenset({CallerRole.COMPLIANCE}))
OF_A_SURVEY = (
    "SELECT surveys.id FROM surveys JOIN users ON users.id = userid WHERE email = $1 AND survey_name = $2"
)

#: In microseconds since 1970, as cursors have it: a moment after which there is none.
LAST_OF_PYTHON = 253_402_300_799_999_999
#: Of a field of a form, its name and what is in it.
_VALUE = re.compile(r'name="(\w+)" value="([^"]*)" maxlength')


async def say(system: Settings) -> None:
    """Say refund to Ana's survey, to Ben's, and in a room."""
    database = await connect(system.database)
    try:
        write = Writer(database)
        for owner, survey, person in ((ANA, OF_ANA, AMINA), (BEN, OF_BEN, BOLA)):
            of = await database.fetchval(OF_A_SURVEY, owner, survey)
            await write.chat(person, f"a refund of {owner}", NOW, surveyid=of)
        await write.say("<b>refund</b> in a room", NOW)
    finally:
        await database.close()


async def test_search_by_rest_is_noted_and_gives_pieces_and_places(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await say(system)
    asked = {"q": "refund", "limit": "1", "platform": "twitch"}
    answer = await client.get("/v1/messages/search", params=asked, headers=bearer(system, MODERATOR))

    (item,) = answer.json()["items"]
    assert [(piece["text"], piece["is_hit"]) for piece in item["highlights"]] == [
        ("<b>", False),
        ("refund", True),
        ("</b> in a room", False),
    ]
    assert item["content"] == "<b>refund</b> in a room"
    assert item["place"] == f"/messages/{item['id']}"
    noted = await fetch_value(system, "SELECT subject FROM access_log ORDER BY id DESC LIMIT 1")
    assert json.loads(noted) == {"q": "refund", "platform": "twitch", "order": "newest"}
    within = asked | {"conversation": item["conversation"]}
    answer = await client.get("/v1/messages/search", params=within, headers=bearer(system, MODERATOR))
    assert [found["id"] for found in answer.json()["items"]] == [item["id"]]
    noted = await fetch_value(system, "SELECT subject FROM access_log ORDER BY id DESC LIMIT 1")
    assert json.loads(noted)["conversation"] == item["conversation"]

    seen, following = [], None
    while True:
        more = {"q": "refund", "limit": "1"} | ({"cursor": following} if following else {})
        part = await client.get("/v1/messages/search", params=more, headers=bearer(system, MODERATOR))
        seen += [item["id"] for item in part.json()["items"]]
        following = part.json()["next"]
        assert ("next" in part.links) is (following is not None)
        if following is None:
            break
    assert len(seen) == len(set(seen)) == 3

    line = await client.get(
        "/v1/messages/random",
        params={"platform": "twitch", "channel": ROOM},
        headers=bearer(system, MODERATOR),
    )
    assert line.json()["content"] == "<b>refund</b> in a room"


async def test_nobody_finds_anothers_message_and_what_cannot_be_asked_is_refused(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await say(system)

    async def found(caller: Caller | str, **asked: str) -> list[str]:
        answer = await client.get(
            "/v1/messages/search", params={"q": "refund"} | asked, headers=bearer(system, caller)
        )
        assert answer.status_code == 200, answer.text
        return [item["content"] for item in answer.json()["items"]]

    for asked in ({}, {"survey": OF_BEN}, {"survey_owner": BEN}, {"person": BOLA}, {"order": "rank"}):
        assert all(BEN not in content for content in await found(ANA, **asked))
    assert await found(ANA) == [f"a refund of {ANA}"]
    assert await found(Caller(ANA, "acme")) == []
    assert await found(Caller(ANA, scope=frozenset({"survey:Other"}))) == []
    refused = {
        "q": ("-malaria", "alone would be nearly every message"),
        "cursor": (f"{LAST_OF_PYTHON}~{UUID(int=0)}", "not a place"),
        "order": ("oldest", "newest"),
    }
    for name, (value, told) in refused.items():
        answer = await client.get(
            "/v1/messages/search", params={"q": "x", name: value}, headers=bearer(system, ANA)
        )
        assert answer.status_code == 422
        assert told in answer.text
    for path in ("search?q=refund", "random?platform=twitch&channel=1"):
        assert (await client.get(f"/v1/messages/{path}")).status_code == 401
        answer = await client.get(f"/v1/messages/{path}", headers=bearer(system, COMPLIANCE))
        assert answer.status_code == 403
    answer = await client.get("/v1/messages/random?platform=twitch", headers=bearer(system, MODERATOR))
    assert answer.status_code == 422


async def test_what_no_column_can_hold_is_looked_for_and_noted_without_it(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await say(system)
    answer = await client.get(
        "/v1/messages/search", params={"q": "refund\0room"}, headers=bearer(system, MODERATOR)
    )
    assert [item["content"] for item in answer.json()["items"]] == ["<b>refund</b> in a room"]
    noted = await fetch_value(system, "SELECT subject FROM access_log ORDER BY id DESC LIMIT 1")
    assert json.loads(noted)["q"] == "refund\N{REPLACEMENT CHARACTER}room"


async def test_languages_are_set_and_unset_by_those_who_may(
    client: httpx.AsyncClient, system: Settings
) -> None:
    place = {"place": "survey:Baseline"}
    path, moderator = "/v1/search/languages", bearer(system, MODERATOR)
    english = {**place, "language": "english"}

    assert (await client.put(path, params=english, headers=bearer(system, ANA))).status_code == 403
    assert (await client.put(path, params=english, headers=moderator)).json()["changed_by"] == MODERATOR.email
    spoken = {one["place"]: one["language"] for one in (await client.get(path, headers=moderator)).json()}
    # Leads are read in English from the start.
    assert spoken == {"survey:Baseline": "english", "platform:crm": "english"}
    klingon = await client.put(path, params={**place, "language": "klingon"}, headers=moderator)
    assert klingon.status_code == 422
    assert (await client.delete(path, params=place, headers=moderator)).status_code == 204
    assert (await client.delete(path, params=place, headers=moderator)).status_code == 404


async def test_the_page_says_what_it_found_and_leads_to_it(visitor: Visitor, system: Settings) -> None:
    await say(system)
    await visitor.sign_in(caller=Caller(ANA, roles=frozenset({CallerRole.OWNER, CallerRole.OPERATOR})))

    assert "How to ask" in text_of(await visitor.get("/search"))
    page = await visitor.get("/search?q=refund&platform=twitch")
    assert "&lt;b&gt;<mark>refund</mark>&lt;/b&gt; in a room" in page.text
    assert "1 message, and no more" in text_of(page)
    assert "Nothing was found" in text_of(await visitor.get("/search?q=nobodysaidthis"))
    refused = await visitor.get("/search?q=-malaria")
    assert refused.status_code == 422
    assert "say what has to be there, too" in text_of(refused)
    went = await visitor.get(f"/search/random?platform=twitch&channel={ROOM}")
    assert went.status_code == 303
    assert went.headers["location"].startswith("/messages/")
    nowhere = await visitor.get("/search/random?platform=twitch&channel=1")
    assert nowhere.status_code == 404
    assert "There is nothing there for you to read" in text_of(nowhere)


async def test_the_page_leads_to_a_file_of_what_it_found(visitor: Visitor, system: Settings) -> None:
    await say(system)
    await visitor.sign_in(caller=Caller(ANA, roles=frozenset({CallerRole.OWNER, CallerRole.OPERATOR})))
    asked = {
        "q": 'refund "a refund"',
        "survey": OF_BEN,
        "type": "",
        "role": "assistant",
        "since": "2026-11-24",
        "until": "2026-11-25",
        "tz": "Africa/Lagos",
    }
    page = await visitor.get(f"/search?{urlencode(asked)}")
    (link,) = re.findall(r'href="([^"]+)">Export these<', (await visitor.get("/search?q=refund")).text)
    assert unescape(link) == "/exports/new?what=messages&q=refund"
    assert "Export these" not in (await visitor.get("/search?q=nobodysaidthis")).text

    (link,) = re.findall(r'href="([^"]+)">Export these<', page.text)
    form = await visitor.get(unescape(link))

    shown = {name: unescape(value) for name, value in _VALUE.findall(form.text)}
    assert {name: shown[name] for name in ("q", "since", "through", "tz")} == {
        "q": asked["q"],
        "since": "2026-11-24",
        "through": "2026-11-24",
        "tz": "Africa/Lagos",
    }
    assert f"{OF_BEN} (of any owner)" in text_of(form)
    fields = {"what": "messages", "survey": urlencode({"owner": "", "name": OF_BEN}), "q": asked["q"]}
    told = text_of(await visitor.get(f"/exports/new/estimate?{urlencode(fields)}"))
    assert "1 row," in told
    wrong = text_of(await visitor.get("/exports/new/estimate?what=messages&q=-malaria"))
    assert "something to mend" in wrong


async def test_who_has_no_survey_exports_messages_of_any(visitor: Visitor, system: Settings) -> None:
    await say(system)
    await visitor.sign_in(caller=MODERATOR)

    form = await visitor.get(f"/exports/new?what=messages&q=refund&survey_name={OF_BEN}&survey_owner={BEN}")

    assert form.status_code == 200
    assert f"{OF_BEN} ({BEN})" in text_of(form)
    assert (await visitor.get("/exports/new")).status_code == 200
    of_a_survey = await visitor.get(f"/exports/new?what=responses&survey_name={OF_BEN}&survey_owner={BEN}")
    assert of_a_survey.status_code == 404
