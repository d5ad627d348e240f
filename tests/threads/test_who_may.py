"""Who may what with threads: every route, by every role, scope and tenant; others' ids where one fits."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts

from app.site import create_app
from app.threads.serving import API
from models.access import CallerRole
from tests.threads.asking import THREADS_AT, Asking

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

READ, WRITE, OTHERS, MODERATE = "read", "write", "in others' names", "moderate"
#: Whose threads, and what they may with them: as docs/threads.md has it.
NAMED, ALL, NONE = "of their scope", "the tenant's", "none"
MAY: dict[CallerRole, tuple[str, set[str]]] = {
    CallerRole.LEARNER: (NAMED, {READ, WRITE}),
    CallerRole.PARENT: (NAMED, {READ, WRITE}),
    CallerRole.TEACHER: (NAMED, {READ, WRITE, MODERATE}),
    CallerRole.SERVICE: (ALL, {READ, WRITE, OTHERS, MODERATE}),
    CallerRole.ADMIN: (ALL, {READ, WRITE, OTHERS, MODERATE}),
    CallerRole.MODERATOR: (ALL, {READ, MODERATE}),
    CallerRole.OPERATOR: (ALL, {READ}),
    CallerRole.COMPLIANCE: (NONE, set()),
    CallerRole.OWNER: (NONE, set()),
}
#: What each route needs, by what it takes. Nothing is changed: what they name as If-Match was never there.
ROUTES: dict[tuple[str, str], list[tuple[set[str], dict[str, Any] | None]]] = {
    ("GET", "/threads"): [({READ}, None)],
    ("POST", "/threads"): [({WRITE}, {"learner_id": "l1"})],
    ("GET", "/threads/{thread_id}"): [({READ}, None)],
    ("PUT", "/threads/{thread_id}"): [
        ({WRITE}, {"title": "mine"}),
        ({MODERATE}, {"archived": True}),
        ({WRITE, MODERATE}, {"archived": True, "title": "mine"}),
    ],
    ("DELETE", "/threads/{thread_id}"): [({MODERATE}, None)],
    ("GET", "/threads/{thread_id}/messages"): [({READ}, None)],
    ("POST", "/threads/{thread_id}/messages"): [
        ({WRITE}, {"content": "hello"}),
        ({WRITE, OTHERS}, {"content": "hello", "sender_id": "another"}),
    ],
    ("GET", "/threads/{thread_id}/messages/{message_id}"): [({READ}, None)],
    ("PUT", "/threads/{thread_id}/messages/{message_id}"): [({MODERATE}, {"content": "mine"})],
    ("DELETE", "/threads/{thread_id}/messages/{message_id}"): [({MODERATE}, None)],
    ("GET", "/threads/{thread_id}/events"): [({READ}, None)],
}
#: The scope of who names a learner without a name.
NAMELESS = ""
NEVER = {"If-Match": '"never"'}
#: Of whoever follows: an event that was never there.
FROM_THE_FIRST = {"Last-Event-ID": "never"}
#: That somebody may.
DONE = {200, 201, 412}


def expected(
    role: CallerRole, scope: str | None, tenant: str, method: str, path: str, needs: set[str]
) -> set[int]:
    """Return how a route answers for a thread of the learner l1 of acme."""
    if scope == NAMELESS:
        return {401}
    whose, may = MAY[role]
    of_route = READ if method == "PUT" or "messages/{" in path else WRITE if OTHERS in needs else min(needs)
    if of_route not in may:
        return {403}
    reaches = scope in {"l1", None} if whose == ALL else scope == "l1"
    if path == "/threads":
        # A list has what they may see; a thread is made in one's own tenant.
        return {200} if method == "GET" else ({201} if reaches else {404})
    if tenant != "acme" or not reaches:
        return {404}
    return DONE if needs <= may else {403}


def test_every_route_of_threads_is_tried(system: Settings) -> None:
    known = {
        (method, (context.path or "").removeprefix(API))
        for context in iter_route_contexts(create_app(system).routes)
        if (context.path or "").startswith(f"{API}/threads")
        for method in context.methods or ()
    }
    assert known == set(ROUTES)
    assert set(MAY) == set(CallerRole)


async def test_every_route_by_every_role_scope_and_tenant(acme: Asking) -> None:
    thread = await acme.thread("l1", title="a secret title")
    message = (await acme.say(thread, "a secret"))["id"]
    wrong = {}
    for role, scope, tenant in product(CallerRole, ("l1", "l2", NAMELESS, None), ("acme", "north")):
        learners = [] if scope is None else [scope]
        asking = acme.as_(role, *learners, tenant=tenant, user=f"{role}-{scope}-{tenant}")
        for (method, path), takes in ROUTES.items():
            address = API + path.format(thread_id=thread, message_id=message)
            for needs, body in takes:
                wanted = expected(role, scope, tenant, method, path, needs)
                if path.endswith("/events"):
                    answer = await asking.hear(address, "a secret", **FROM_THE_FIRST)
                else:
                    answer = await asking.ask(method, address, json=body, headers=NEVER)
                is_told = "a secret" in answer.text and (tenant != "acme" or wanted not in ({200}, DONE))
                if answer.status_code not in wanted or is_told:
                    wrong[role, scope, tenant, method, path] = (
                        answer.status_code,
                        wanted,
                        answer.text[:80],
                    )
    assert wrong == {}
    assert (await acme.ask("GET", f"{THREADS_AT}/{thread}")).json()["title"] == "a secret title"
    assert (await acme.said(thread))[0] == "a secret"


def alike(one: httpx.Response, other: httpx.Response) -> bool:
    """Tell whether nothing tells two refusals from each other."""
    told = [answer.json() | {"request_id": ""} for answer in (one, other)]
    return one.status_code == other.status_code and told[0] == told[1]


async def test_what_is_anothers_looks_as_if_it_did_not_exist(acme: Asking) -> None:
    theirs = await acme.thread("l1")
    said = await acme.say(theirs, "a secret")
    teacher = acme.as_(CallerRole.TEACHER, "l2")
    mine = await teacher.thread("l2")
    nothing = "00000000-0000-4000-8000-000000000000"
    for method, path in (
        ("GET", "{}"),
        ("PUT", "{}"),
        ("DELETE", "{}"),
        ("GET", "{}/messages"),
        ("POST", "{}/messages"),
        ("GET", "{}/events"),
    ):
        body = {"content": "a"} if method == "POST" else {"title": "a"} if method == "PUT" else None
        one, other = [
            await teacher.ask(method, f"{THREADS_AT}/{path.format(thread)}", json=body)
            for thread in (theirs, nothing)
        ]
        assert one.status_code == 404
        assert alike(one, other), (method, path)
    # A message of another's thread, as if it were of mine.
    for method in ("GET", "PUT", "DELETE"):
        one, other = [
            await teacher.ask(method, f"{THREADS_AT}/{mine}/messages/{message}", json={"content": "a"})
            for message in (said["id"], nothing)
        ]
        assert one.status_code == 404
        assert alike(one, other), method
    one, other = [
        await teacher.post(mine, content="a", reply_to=message) for message in (said["id"], nothing)
    ]
    assert one.status_code == 422
    assert alike(one, other)


@pytest.mark.parametrize("tenant", ["acme", "north"])
async def test_others_are_not_to_be_had_by_filters_cursors_keys_and_headers(
    acme: Asking, tenant: str
) -> None:
    theirs = [await acme.thread("l1", title="a secret title") for _ in range(3)]
    for text in ("a secret", "another secret", "a third secret"):
        await acme.say(theirs[0], text, sender_id="l1")
    cursor_of_threads = (await acme.ask("GET", THREADS_AT, params={"limit": 1})).json()["next"]
    cursor_of_messages = (
        await acme.ask("GET", f"{THREADS_AT}/{theirs[0]}/messages", params={"limit": 1})
    ).json()["next"]
    await acme.post(theirs[0], key="theirs", content="under a key")
    teacher = acme.as_(CallerRole.TEACHER, "l2", tenant=tenant)
    mine = await teacher.thread("l2", title="mine")
    await teacher.say(mine, "my own")
    for params in (
        {},
        {"learner_id": "l1"},
        {"cursor": cursor_of_threads},
    ):
        headers = {"X-Tenant-Id": "acme", "X-Learner-Scope": "l1", "X-User-Id": acme.caller.id}
        found = (await teacher.ask("GET", THREADS_AT, params=params, headers=headers)).json()["items"]
        assert {thread["title"] for thread in found} <= {"mine"}, params
    for name in ("tenant_id", "tenant", "learner_scope"):
        assert (await teacher.ask("GET", THREADS_AT, params={name: "acme"})).status_code == 422, name
    for asked in (
        {"cursor": cursor_of_messages},
        {"sender_id": "l1"},
        {"since": "1970-01-01T00:00:00Z", "order": "newest"},
    ):
        assert set(await teacher.said(mine, **asked)) <= {"my own"}, asked
    heard = (await acme.hear(f"{THREADS_AT}/{theirs[0]}/events", "a third secret", **FROM_THE_FIRST)).text
    events = re.findall(r"^id: (\S+)", heard, re.MULTILINE)
    assert len(events) >= 4
    for event in events:
        after_theirs = await teacher.hear(f"{THREADS_AT}/{mine}/events", "my own", **{"Last-Event-ID": event})
        assert "secret" not in after_theirs.text
        assert "CHAT_THREAD_CREATED" in after_theirs.text, "as with an event that is not there"
    again = await teacher.post(mine, key="theirs", content="under a key")
    assert again.status_code == 201
    assert again.json()["thread_id"] == mine
    for told in ({"learner_id": "l1"}, {"learner_id": "l1", "tenant_id": "acme"}):
        refused = await teacher.ask("POST", THREADS_AT, json=told)
        assert refused.status_code in {404, 422}
