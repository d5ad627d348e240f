"""Who may ask what of whom, what they are answered, and what nobody is told of others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest

from models.access import CallerRole
from tests.privacy.requests import PRIVACY_AT, as_the_api, ask_for, asked_for, becomes, rows_of
from tests.site.fixtures import serve
from tests.threads.asking import Asking

if TYPE_CHECKING:
    from app.settings import Settings

#: What somebody is answered who wants a file of the learner `l1`, wants them erased, looks at a request.
ROLES = [
    (CallerRole.LEARNER, ("l1",), 202, 403, 200),
    (CallerRole.LEARNER, ("l2",), 404, 403, 404),
    (CallerRole.PARENT, ("l1",), 202, 202, 200),
    (CallerRole.PARENT, ("l2", "l3"), 404, 404, 404),
    (CallerRole.PARENT, (), 404, 404, 404),
    (CallerRole.TEACHER, ("l1",), 403, 403, 403),
    (CallerRole.COMPLIANCE, (), 202, 202, 200),
    (CallerRole.COMPLIANCE, ("l2",), 404, 404, 404),
    (CallerRole.ADMIN, (), 202, 202, 200),
    (CallerRole.SERVICE, (), 202, 202, 200),
    (CallerRole.SERVICE, ("l2",), 404, 404, 404),
    (CallerRole.MODERATOR, (), 403, 403, 403),
    (CallerRole.OPERATOR, (), 403, 403, 403),
    (CallerRole.OWNER, (), 403, 403, 403),
]


@pytest.mark.parametrize(("role", "learners", "exports", "erases", "looks"), ROLES)
async def test_who_may_ask_and_look(
    acme: Asking, role: CallerRole, learners: tuple[str, ...], exports: int, erases: int, looks: int
) -> None:
    requests = [(await asked_for(acme, what))["id"] for what in ("export", "delete")]
    somebody = acme.as_(role, *learners)
    elsewhere = acme.as_(role, *learners, tenant="umbrella")

    asked = [await ask_for(somebody, what) for what in ("export", "delete")]
    assert [answer.status_code for answer in asked] == [exports, erases]
    for request in requests:
        assert (await somebody.ask("GET", f"{PRIVACY_AT}/{request}")).status_code == looks
        assert (await elsewhere.ask("GET", f"{PRIVACY_AT}/{request}")).status_code in {403, 404}
        download = f"{PRIVACY_AT}/{request}/download"
        assert (await somebody.ask("GET", download)).status_code == (409 if looks == 200 else looks)
        assert (await elsewhere.ask("GET", download)).status_code in {403, 404}
    listed = await somebody.ask("GET", PRIVACY_AT)
    theirs = await somebody.ask("GET", PRIVACY_AT, params={"learner_id": "l1"})
    if looks == 403:
        assert (listed.status_code, theirs.status_code) == (403, 403)
        return
    seen = {one["id"] for answer in (listed, theirs) for one in answer.json()["items"]}
    assert seen >= set(requests) if looks == 200 else seen == set()
    of_others = await elsewhere.ask("GET", PRIVACY_AT)
    assert of_others.json()["items"] == []


async def test_a_request_that_is_not_there_looks_like_anothers(acme: Asking) -> None:
    request = (await asked_for(acme, "export"))["id"]
    parent = acme.as_(CallerRole.PARENT, "l2")
    answers = [await parent.ask("GET", f"{PRIVACY_AT}/{one}") for one in (request, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


async def test_a_request_is_answered_with_what_it_is_and_noted_and_told(
    acme: Asking, system: Settings
) -> None:
    answer = await ask_for(acme, "export", reason="asked for by the family")
    asked = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"{PRIVACY_AT}/{asked['id']}")
    assert asked | {"requested_at": ""} == {
        "id": asked["id"],
        "kind": "export",
        "tenant_id": "acme",
        "learner_id": "l1",
        "status": "requested",
        "requested_by": acme.caller.id,
        "reason": "asked for by the family",
        "requested_at": "",
        "finished_at": None,
        "counts": {"records": 0},
        "trouble": None,
        "download": None,
    }
    erasing = await asked_for(acme, "delete")
    events = await rows_of(
        system,
        "SELECT event_type, tenant_id, learner_id, conversation_id, data FROM thread_events ORDER BY number",
    )
    assert [tuple(event)[:4] for event in events] == [
        ("CHAT_PRIVACY_EXPORT_REQUESTED", "acme", "l1", None),
        ("CHAT_PRIVACY_DELETION_REQUESTED", "acme", "l1", None),
    ]
    assert [orjson.loads(event["data"]) for event in events] == [
        {"request_id": request["id"], "requested_by": acme.caller.id} for request in (asked, erasing)
    ]
    noted = await rows_of(system, "SELECT who, action, subject FROM access_log ORDER BY id")
    assert [(row["who"], row["action"]) for row in noted] == [
        (acme.caller.email, "export_learner"),
        (acme.caller.email, "erase_learner"),
    ]
    assert orjson.loads(noted[0]["subject"]) == {
        "platform": "threads",
        "channel": "acme",
        "person": "l1",
        "request": asked["id"],
    }


async def test_many_who_ask_at_once_ask_for_one_file(system: Settings, acme: Asking) -> None:
    async with serve(as_the_api(system)) as one, serve(as_the_api(system)) as two:
        askings = [Asking(client, system, "acme") for client in (one, two)]
        answers = await asyncio.gather(*(ask_for(askings[number % 2], "export") for number in range(12)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
    [found] = await rows_of(
        system,
        "SELECT (SELECT count(*) FROM chat_export_logs), (SELECT count(*) FROM export_status), "
        "(SELECT count(*) FROM thread_events)",
    )
    assert tuple(found) == (1, 1, 1)
    other = await asked_for(acme, "export", "l2")
    assert other["id"] != answers[0].json()["id"]


async def test_under_one_key_a_request_is_made_once_also_when_it_is_done(acme: Asking) -> None:
    first = await asked_for(acme, "delete", key="k")
    await becomes(acme, first["id"], "done")
    again = await asked_for(acme, "delete", key="k")
    assert again["id"] == first["id"]
    assert (await asked_for(acme, "delete"))["id"] != first["id"]
    for what, learner in (("delete", "l2"), ("export", "l1")):
        assert (await ask_for(acme, what, learner, key="k")).status_code == 422


async def test_requests_are_listed_the_latest_first_in_parts(acme: Asking) -> None:
    made = []
    for number in range(5):
        request = await asked_for(acme, "delete" if number % 2 else "export", f"l{number}")
        made.append(request["id"])
    found: list[str] = []
    address: str | None = f"{PRIVACY_AT}?limit=2"
    while address:
        answer = await acme.ask("GET", address)
        found += [one["id"] for one in answer.json()["items"]]
        address = answer.links["next"]["url"] if answer.links else None
        assert (answer.json()["next"] is None) == (address is None)
    assert found == made[::-1]
    parent = acme.as_(CallerRole.PARENT, "l1", "l3")
    theirs = (await parent.ask("GET", PRIVACY_AT)).json()["items"]
    assert [one["id"] for one in theirs] == [made[3], made[1]]
    of_one = (await parent.ask("GET", PRIVACY_AT, params={"learner_id": "l3"})).json()["items"]
    assert [one["id"] for one in of_one] == [made[3]]
    of_another = (await parent.ask("GET", PRIVACY_AT, params={"learner_id": "l0"})).json()["items"]
    assert of_another == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"learner_id": ""},
        {"learner_id": "a\u0000b"},
        {"learner_id": "l1", "reason": ""},
        {"learner_id": "l1", "reason": "a" * 501},
        {"learner_id": "l1", "tenant_id": "umbrella"},
        [],
    ],
)
async def test_what_is_no_request_is_refused(acme: Asking, body: Any) -> None:
    for what in ("export", "delete"):
        answer = await acme.ask("POST", f"{PRIVACY_AT}/{what}", json=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


async def test_where_it_is_off_nobody_asks_and_what_was_asked_for_is_done(
    acme: Asking, system: Settings
) -> None:
    off = system.replace(threads={"privacy_enabled": False})
    async with serve(as_the_api(off)) as client:
        asking = Asking(client, off, "acme")
        answers = [
            await ask_for(asking, "export"),
            await ask_for(asking, "delete"),
            await asking.ask("GET", PRIVACY_AT),
            await asking.ask("GET", f"{PRIVACY_AT}/{uuid4()}"),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert "PRIVACY_ENABLED" in answers[0].json()["detail"]
        request = await asked_for(acme, "delete")
        await becomes(acme, request["id"], "done")


async def test_who_asks_too_often_waits(system: Settings, acme: Asking) -> None:
    limited = system.replace(limits={"rate_limit_threads_caller": "2/minute"})
    async with serve(as_the_api(limited)) as client:
        asking = Asking(client, limited, "acme")
        statuses = [(await ask_for(asking, "export")).status_code for _ in range(3)]
        assert statuses == [202, 202, 429]
