"""By REST: lists, threads, messages and people, each noted before it is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from app.postgres.connections import connect
from app.web import streams
from models.access import Caller, CallerRole
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, OF_ANA, bearer
from tests.site.talks import AMINA, BEGAN, MINUTE, ROOM, SECRETS, Writer, add_talks, dialogue, room

if TYPE_CHECKING:
    import httpx
    import pytest

    from app.settings import Settings

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))
MODERATOR = Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR}))
COMPLIANCE = Caller("co@example.org", roles=frozenset({CallerRole.COMPLIANCE}))


async def test_what_was_said_is_had_by_rest_and_who_read_it_is_kept(system: Settings) -> None:
    ids = await add_talks(system)
    database = await connect(system.database)
    await Writer(database).opine(ids["assistant"], -1, BEGAN + 6 * MINUTE, comment="too long")
    await database.close()
    async with running(system) as app, client_of(app) as client:

        async def get(path: str, caller: Caller | str = OPERATOR, **query: str | int) -> Any:
            answer = await client.get(path, params=query or None, headers=bearer(system, caller))
            assert answer.status_code == 200, answer.text
            return answer.json()

        # A list, in parts.
        first = await client.get("/v1/conversations?limit=4", headers=bearer(system, OPERATOR))
        assert first.status_code == 200, first.text
        rest = await get(first.headers["Link"].partition(">")[0][1:])
        listed = [*first.json()["items"], *rest["items"]]
        assert [one["last"]["content"] for one in listed] == [
            SECRETS[name] for name in ("assistant", "other room", "twitch", "nobody", "ben")
        ]
        assert rest["next"] is None
        assert listed[2]["channel_name"] == f"#{ROOM}"
        assert listed[4]["messages"] == 2
        assert listed[4]["started"] == "2026-11-24T14:00:00.000Z"

        # Of whom an owner has a survey, and nothing else.
        (mine,) = (await get("/v1/conversations", ANA))["items"]
        assert (mine["person"]["id"], mine["messages"], mine["survey"]) == (AMINA, 1, OF_ANA)

        # A thread, from a place.
        talk = f"/v1/conversations/{dialogue(AMINA)}"
        assert (await get(talk))["kind"] == "dialogue"
        thread = await get(f"{talk}/messages", limit=1)
        assert (thread["items"][0]["content"], thread["after"]) == (SECRETS["ben"], None)
        earlier = await get(f"{talk}/messages", before=thread["before"])
        assert (earlier["items"][0]["content"], earlier["items"][0]["author"]) == (SECRETS["ana"], None)
        assert len((await get(f"{talk}/messages", around=str(ids["ana"])))["items"]) == 2
        assert (await get(f"{talk}/messages", after="2026-11-24T15:00:30", tz="Africa/Lagos"))["items"] == [
            thread["items"][0]
        ]

        # A message, and the way from it to what is about it.
        told = await get(f"/v1/messages/{ids['ana']}", raw=True)
        assert (told["raw"], told["survey"]["owner"]) == ({"a": SECRETS["ana"]}, ANA)
        assert len((await get(told["place"]["after"]))["items"]) == 1
        rated = await get(f"/v1/messages/{ids['assistant']}")
        assert [(one["value"], one["comment"], one["given"]) for one in rated["feedback"]] == [
            (-1, "too long", "2026-11-24T14:06:00.000Z")
        ]

        # Somebody, for who may look people up.
        known = await get("/v1/people/twitch/1", MODERATOR)
        assert (known["name"], len(known["conversations"])) == ("Viewer One", 2)

        # All of it is kept, the latest first, and found by whose it was.
        noted = await get("/v1/access-log", COMPLIANCE)
        assert noted["items"][0]["route"] == "GET /v1/people/{platform}/{person:path}"
        of_amina = await get("/v1/access-log", COMPLIANCE, conversation=str(dialogue(AMINA)))
        assert {one["who"] for one in of_amina["items"]} == {OPERATOR.email, ANA}
        looked_up = await get("/v1/access-log", COMPLIANCE, person="1", limit=1)
        assert (looked_up["items"][0]["who"], looked_up["next"]) == (MODERATOR.email, None)
        assert (await get("/v1/access-log", COMPLIANCE, who=OPERATOR.email, limit=1))["next"] is not None
        assert all(secret not in json.dumps(noted) for secret in SECRETS.values())

        # A file.
        text = await client.get(f"{talk}/transcript?tz=Africa/Lagos", headers=bearer(system, OPERATOR))
        assert text.headers["Content-Disposition"] == (
            f'attachment; filename="messenger-{AMINA}_2026-11-24_2026-11-24.txt"'
        )
        assert text.text.splitlines()[1:] == [
            "2026-11-24 (Africa/Lagos)",
            f"15:00  bot  {SECRETS['ana']}",
            f"15:01  bot  {SECRETS['ben']}",
        ]
        as_json = await get(f"{talk}/transcript", format="json", until="2026-11-24T14:01:00Z")
        assert [said["content"] for said in as_json["messages"]] == [SECRETS["ana"]]


REFUSED = {
    "/v1/conversations?cursor=1~x": 422,
    "/v1/conversations?since=soon": 422,
    f"/v1/conversations/{room()}/messages?before=1~nothing": 422,
    f"/v1/conversations/{room()}/messages?before=2026-11-24&after=2026-11-24": 422,
    f"/v1/conversations/{room()}/messages?around={dialogue(AMINA)}": 404,
    f"/v1/conversations/{dialogue('nobody')}": 404,
    f"/v1/messages/{dialogue('nobody')}": 404,
    "/v1/messages/ffffffff-ffff-8fff-bfff-ffffffffffff": 404,
    "/v1/people/twitch/1": 403,
    "/v1/access-log": 403,
}


async def test_what_is_not_there_or_not_understood_is_said(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await add_talks(system)
    answers = {
        path: (await client.get(path, headers=bearer(system, OPERATOR))).status_code for path in REFUSED
    }
    assert answers == REFUSED


#: Where the calendar of Python ends.
EXTREMES = (
    {"until": "0001-01-01"},
    {"until": "0001-01-02", "tz": "Asia/Tokyo"},
    {"since": "0001-01-01", "tz": "America/New_York"},
    {"since": "9999-12-31T23:59:59.999999Z", "tz": "Asia/Tokyo"},
    {"until": "9999-12-31T23:59:59.999999Z", "tz": "Asia/Tokyo"},
)


async def test_times_at_the_ends_of_the_calendar_are_times(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await add_talks(system)
    talk = f"/v1/conversations/{dialogue(AMINA)}"
    for path in ("/v1/conversations", f"{talk}/transcript", f"{talk}/repeats", "/v1/figures/messages"):
        for times in EXTREMES:
            answer = await client.get(path, params=times, headers=bearer(system, OPERATOR))
            assert answer.status_code == 200, (path, times, answer.text)


async def test_who_finds_no_place_to_watch_is_told_before_the_stream_begins(
    system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "WATCHERS_MAX", 0)
    await add_talks(system)
    async with running(system) as app, client_of(app) as client:
        answer = await client.get(f"/v1/conversations/{room()}/events", headers=bearer(system, OPERATOR))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["detail"] == "Too many watch just now: try again in a moment."
