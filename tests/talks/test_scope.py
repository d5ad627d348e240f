"""Somebody else's messages, tried by every route that answers with messages: new routes too.

A route is tried because it asks for an action that is done with messages. What its address needs is filled in
from what was said; a route that needs what nobody thought of fails here, until somebody has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from fastapi.routing import iter_route_contexts

from models.access import Action, Caller, CallerRole, may, message_thing
from tests.access.heeded import Heeded
from tests.access.test_routes_ask import asks_of
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, share
from tests.site.talks import AMINA, BOLA, PAGE, ROOM, SECRETS, SESSION, add_talks, dialogue, room
from tests.site.threads import THREADS_OF, add_threads
from tests.site.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from app.settings import Settings

#: By these, messages are shown.
OF_MESSAGES = {Action.READ_MESSAGES, Action.SEE_PERSON, Action.EXPORT_MESSAGES}
#: They would not end for whoever may read; tests/talks/test_live.py has what they tell, and to whom.
STREAMS = re.compile(r"/events$")
#: What is done with messages otherwise than by GET, and where it is tried.
NOT_BY_GET = {
    "/exports/messages": "asks for a file: tests/sinks/exports/test_messages.py has what is in it",
    "/exports/new": "the same by a form",
    "/surveys/export/{export_id}/again": "the same, of an export of one's own",
    "/exports/messages/estimate": "counts: tests/exports/test_messages.py has of what",
}
THINGS = {
    "ana": message_thing("messenger", PAGE, survey=OF_ANA, owner=ANA),
    "ben": message_thing("messenger", PAGE, survey=OF_BEN, owner=BEN),
    "nobody": message_thing("messenger", None),
    "twitch": message_thing("twitch", ROOM),
    "other room": message_thing("twitch", "555"),
    "assistant": message_thing("assistant", SESSION),
} | {name: thread.thing for name, thread in THREADS_OF.items()}
TALKS = {
    "ana": dialogue(AMINA),
    "ben": dialogue(AMINA),
    "nobody": dialogue(BOLA, None),
    "twitch": room(),
    "other room": room("555"),
    "assistant": room(SESSION, "assistant"),
} | {name: thread.talk for name, thread in THREADS_OF.items()}
SAID = SECRETS | {name: thread.said for name, thread in THREADS_OF.items()}
PEOPLE = {"messenger": (AMINA, BOLA), "twitch": ("1",), "assistant": ("u-7",), "threads": ("7", "teacher-1")}
EVERY_ROLE = frozenset(CallerRole)


def caller(
    *roles: CallerRole, email: str = "somebody@example.org", scope: str = "", tenant: str = "default"
) -> Caller:
    return Caller(email, tenant, frozenset(roles), frozenset({scope} if scope else ()))


CALLERS = {
    "ana": caller(CallerRole.OWNER, email=ANA),
    "ben": caller(CallerRole.OWNER, email=BEN),
    "an owner of none": caller(CallerRole.OWNER),
    "operator": caller(CallerRole.OPERATOR),
    "moderator": caller(CallerRole.MODERATOR),
    "compliance": caller(CallerRole.COMPLIANCE),
    "service": caller(CallerRole.SERVICE),
    "another tenant's": caller(*EVERY_ROLE, email=ANA, tenant="acme"),
    "narrowed to a survey": caller(*EVERY_ROLE, scope=f"survey:{OF_ANA}"),
    "narrowed to a channel": caller(*EVERY_ROLE, scope=f"channel:twitch/{ROOM}"),
    "narrowed to a platform": caller(*EVERY_ROLE, scope="platform:assistant"),
    "narrowed to nothing here": caller(*EVERY_ROLE, email=ANA, scope="learner:7"),
    "ben, narrowed to another's": caller(CallerRole.OWNER, email=BEN, scope=f"survey:{OF_ANA}"),
    "another tenant's admin": caller(CallerRole.ADMIN, tenant="north"),
    "a learner": caller(CallerRole.LEARNER, scope="learner:7", tenant="acme"),
    "a parent": caller(CallerRole.PARENT, scope="learner:8", tenant="acme"),
    "a teacher of the default tenant": caller(CallerRole.TEACHER, scope="learner:7"),
    "a teacher who names no learner": caller(CallerRole.TEACHER, scope="platform:threads", tenant="acme"),
    "an owner and parent": caller(CallerRole.OWNER, CallerRole.PARENT, email=ANA, scope="learner:7"),
    "another tenant's, narrowed to a learner": caller(*EVERY_ROLE, scope="learner:8", tenant="acme"),
}


def routes_of_messages(app: FastAPI) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield path and methods of the routes that show messages."""
    for context in iter_route_contexts(app.routes):
        if not hasattr(context, "dependant"):
            continue
        if any(one.action in OF_MESSAGES for one in asks_of(context.dependant)):
            yield context.path or "", frozenset(context.methods or ())


def addresses(path: str, ids: dict[str, Any]) -> list[str]:
    """Return a route's addresses, with each of what was said."""
    names = set(re.findall(r"\{(\w+)", path))
    bare = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
    if names == {"platform", "person"}:
        return [
            bare.format(platform=platform, person=quote(person))
            for platform, people in PEOPLE.items()
            for person in people
        ]
    filled = []
    for secret, message in ids.items():
        talk = TALKS[secret]
        known = {
            "conversation_id": talk,
            "conversation": talk,
            "message_id": message,
            "message": message,
        }
        assert names <= known.keys(), f"{path}: say here what is to be tried for {names - known.keys()}"
        query = "raw=true&format=json&q=said&limit=200"
        if not names:
            query += f"&conversation={talk}&message={message}"
        filled += [f"{bare.format(**known)}?{query}", f"{bare.format(**known)}?around={message}&q=said"]
    if not names:
        for query in (
            "q=said",
            f"q=said&survey={quote(OF_BEN)}&survey_owner={BEN}",
            f"q=said&person={AMINA}&platform=messenger",
            f"q=said&channel={ROOM}",
            "q=said&platform=threads",
            "q=said&platform=threads&channel=north&person=teacher-1",
            "q=said&role=user",
            "q=said&role=assistant&since=2026-11-01",
            "q=said&question=q1",
        ):
            filled.append(f"{bare}?{query}")
    return list(dict.fromkeys(filled))


def heeded_of(heeded: Heeded, path: str, address: str) -> str:
    """Return an address with what the route heeds of its query."""
    bare, _, query = address.partition("?")
    return f"{bare}?{urlencode(heeded.of('GET', path, dict(parse_qsl(query))))}"


@pytest.mark.timeout(900)
async def test_no_route_shows_anybody_what_is_not_theirs_to_read(system: Settings) -> None:
    ids = await add_talks(system) | await add_threads(system)
    told: list[str] = []
    seen: dict[str, set[str]] = {}
    async with running(system) as app:
        routes = list(routes_of_messages(app))
        shown_by_get = {path for path, methods in routes if "GET" in methods}
        others = {path for path, methods in routes if "GET" not in methods}
        assert others == set(NOT_BY_GET), "say where these are tried"
        heeded = Heeded(app)
        tried = {
            path: list(dict.fromkeys(heeded_of(heeded, path, one) for one in addresses(path, ids)))
            for path in shown_by_get
        }
        for name, who in CALLERS.items():
            async with client_of(app) as client:
                visitor = Visitor(client, system)
                await visitor.sign_in(caller=who)
                for path in shown_by_get:
                    for address in tried[path]:
                        allowed = {
                            secret
                            for secret, thing in THINGS.items()
                            if any(may(who, action, thing) for action in OF_MESSAGES)
                        }
                        if STREAMS.search(path):
                            talk = next(key for key, one in TALKS.items() if str(one) in address)
                            if {key for key in allowed if TALKS[key] == TALKS[talk]}:
                                continue
                        answer = await client.get(address)
                        found = {secret for secret, text in SAID.items() if word_of(text) in answer.text}
                        seen.setdefault(path, set()).update(found)
                        told += [f"{name}: {address}: {secret}" for secret in found - allowed]
                        if answer.status_code >= 500:
                            told.append(f"{name}: {address}: {answer.status_code} {answer.text[:200]}")

    assert told == []
    # Those that may are shown it by each of these, or nothing was tried.
    for path in (
        "/v1/conversations",
        "/v1/conversations/{conversation_id:uuid}/messages",
        "/v1/messages/{message_id:uuid}",
    ):
        assert seen[path] == set(SAID), path


def word_of(text: str) -> str:
    """Return the one word of a secret that is said nowhere else."""
    return text.split()[2]


async def test_what_is_shared_can_be_read_until_it_is_not(system: Settings) -> None:
    await add_talks(system)
    await share(system, BEN, OF_BEN, ANA)
    async with running(system) as app, client_of(app) as client:
        visitor = Visitor(client, system)
        await visitor.sign_in()
        (row,) = (await client.get("/v1/conversations")).json()["items"]
        assert (row["messages"], row["last"]["content"]) == (2, SECRETS["ben"])
