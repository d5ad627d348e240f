"""Every route by every role, as somebody of another tenant: new routes, too.

The application runs with the role of the API alone, as it should. Whose roles have no such action, is told so
(403); anybody else gets of the default tenant nothing, by whatever route, and changes nothing of it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from app.access import CSRF_HEADER, SESSION_COOKIE
from app.access.sessions import Sessions
from models.access import Action, Caller, CallerRole, may_at_all
from tests.access.filled_paths import filled
from tests.access.heeded import Heeded
from tests.access.test_routes_ask import asks_of
from tests.services import changed
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, OF_ANA, OF_BEN, add_export, execute, fetch_value
from tests.site.talks import AMINA, ROOM, SECRETS, add_talks, dialogue
from tests.site.threads import THREADS_OF, add_threads
from tests.site.visitor import HEADERS, Visitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    import httpx
    from fastapi import FastAPI

    from app.settings import Settings

#: They would not end for whoever may watch.
STREAMS = ("/v1/conversations/{conversation_id:uuid}/events",)
#: At its address programs are told which service this is; that page's parts are asked for elsewhere.
FIRST_PAGE = "/"
#: What is not there, or not written as it should be.
NOT_THERE = frozenset({404, 422})
#: The same; or a list, sums or a page with nothing of the tenant's in it.
NOTHING = NOT_THERE | {200}
#: What somebody of another tenant is answered whose roles have the action; a new one wants a line. What must
#: not be in any answer is in WORDS.
ANSWERS: Mapping[Action, frozenset[int]] = {
    Action.SEE_SURVEY: NOTHING,
    Action.EXPORT_SURVEY: NOT_THERE,
    Action.SHARE_SURVEY: NOT_THERE,
    Action.SEE_EXPORT: NOTHING | {403},
    Action.USE_EXPORT: NOT_THERE | {303},
    Action.READ_MESSAGES: NOTHING,
    # In their own tenant.
    Action.EXPORT_MESSAGES: NOTHING | {201, 303, 403},
    Action.SEE_PERSON: NOT_THERE,
    Action.SEE_FIGURES: NOTHING,
    Action.SEE_SYSTEM: frozenset({403}),
    Action.READ_ACCESS_LOG: NOTHING,
    Action.LOG_TURNS: NOTHING | {403, 415},
    Action.READ_DEAD_LETTERS: NOTHING,
    Action.SETTLE_DEAD_LETTERS: NOTHING | {202, 303},
    Action.SEE_CHANNELS: NOTHING | {303, 403},
    Action.CHANGE_CHANNELS: NOT_THERE | {403},
    Action.OPT_OUT_PEOPLE: NOTHING | {403},
    Action.BACKFILL: NOT_THERE,
    Action.HAND_IN_EVENTS: frozenset({403, 404, 415}),
    Action.READ_THREADS: NOTHING,
    # In their own tenant, again.
    Action.WRITE_THREADS: NOTHING | {201, 303},
    Action.MODERATE_THREADS: NOT_THERE,
    Action.EXPORT_LEARNER: NOTHING | {202, 303},
    Action.ERASE_LEARNER: NOTHING | {202, 303},
}
#: What only the default tenant knows.
WORDS = [
    *(text.split()[2] for text in SECRETS.values()),
    *(thread.said.split()[2] for thread in THREADS_OF.values() if thread.tenant != "acme"),
    *(OF_ANA, OF_BEN, "wants no record", "held back"),
]
#: What there may be all the same: the log of their own tenant says by which survey they looked.
ECHOES: Mapping[str, str] = {"/v1/access-log": OF_ANA}
#: A body that can be used, of each route that takes one as JSON: a new route wants a line.
BODIES: Mapping[str, dict[str, object]] = {
    "/v1/sessions": {"session_id": "session_1"},
    "/v1/sessions/{session_id}/turns": {"user_message": "hello"},
    "/v1/sessions/{session_id}/turns/{turn_id}/feedback": {"value": 1},
    "/v1/turns": {"turns": [{"session_id": "session_1", "user_message": "hello"}]},
    "/api/v1/threads": {"learner_id": "7"},
    "/api/v1/threads/{thread_id}": {"title": "mine", "archived": True},
    "/api/v1/threads/{thread_id}/messages": {"content": "hello"},
    "/api/v1/threads/{thread_id}/messages/{message_id}": {"content": "mine"},
    "/api/v1/privacy/export": {"learner_id": "7"},
    "/api/v1/privacy/delete": {"learner_id": "7"},
    "/exports": {"export_type": "chat_log"},
    "/exports/estimate": {"export_type": "chat_log"},
    "/exports/messages": {},
    "/exports/messages/estimate": {},
    "/v1/channels/rule": {"is_enabled": False},
}
#: What a route calls by a name that means something else to others.
MORE: Mapping[str, dict[str, str]] = {"/figures/part": {"part": "messages"}}
#: What nobody else may change; what is of their own tenant, they may.
TABLES = (
    *("surveys", "survey_shares", "opt_outs", "dead_letters", "search_languages"),
    "(SELECT * FROM export_status WHERE asked_as ->> 'tenant' IS DISTINCT FROM 'acme')",
    "(SELECT * FROM conversations WHERE channel IS DISTINCT FROM 'acme')",
    "(SELECT * FROM messages WHERE channel IS DISTINCT FROM 'acme')",
    # Not the rules of whole platforms, which settings keep (`app.channels.keeping`).
    "(SELECT * FROM chat_logging_config WHERE channel <> '*')",
)
SCOPED = {CallerRole.LEARNER, CallerRole.PARENT, CallerRole.TEACHER}


def callers() -> Iterator[tuple[str, Caller]]:
    """Yield somebody of each role, and who has all of them, wide and narrowed."""
    for role in CallerRole:
        scope = frozenset({"learner:7"}) if role in SCOPED else frozenset()
        yield role, Caller(ANA, "acme", frozenset({role}), scope)
    yield "narrowed admin", Caller(ANA, "acme", frozenset({CallerRole.ADMIN}), frozenset({"learner:7"}))
    yield "everything", Caller(ANA, "acme", frozenset(CallerRole))


@pytest.fixture
async def as_api(system: Settings) -> AsyncIterator[Settings]:
    """The system, whose application has the role of the API and no other."""
    user = f"api_{secrets.token_hex(4)}"
    await execute(system, f"CREATE ROLE {user} LOGIN PASSWORD '{user}' IN ROLE chatlog_api")
    parts = urlsplit(system.database.require_url())
    url = parts._replace(netloc=f"{user}:{user}@{parts.netloc.rpartition('@')[2]}").geturl()
    yield changed(
        system,
        database_url=SecretStr(url),
        rate_limit_threads_caller=None,
        rate_limit_threads_address=None,
    )
    await execute(system, f"DROP ROLE {user}")


@pytest.fixture
async def there(system: Settings) -> dict[str, object]:
    """What there is of the default tenant, by the names that paths, forms and bodies give it."""
    messages = await add_talks(system)
    threads = await add_threads(system)
    for statement in (
        f"INSERT INTO chat_logging_config (platform, channel, retention_days) VALUES ('twitch', '{ROOM}', 7)",
        "INSERT INTO opt_outs (platform, person_id, since) VALUES ('twitch', 'wants no record', now())",
        """INSERT INTO dead_letters (topic, partition, "offset", reason) VALUES ('t', 0, 0, 'held back')""",
    ):
        await execute(system, statement)
    return {
        "thread": THREADS_OF["default 7"].talk,
        "thread_id": THREADS_OF["default 7"].talk,
        "message": threads["default 7"],
        "conversation_id": dialogue(AMINA),
        "message_id": messages["ana"],
        "export_id": await add_export(system, ANA, survey_id=OF_ANA, status="Finished"),
        "survey": OF_ANA,
        "survey_name": OF_ANA,
        "survey_owner": ANA,
        "address": "friend@example.org",
        # What else forms and queries say.
        "learner": "7",
        "text": "mine",
        "title": "mine",
        "archived": "yes",
        "valid_from": "2026-11-24T12:20:00Z",
        "action": "remove",
        "place": f"channel:twitch/{ROOM}",
        "language": "english",
        "what": "messages",
        "part": "texts",
        "all": "true",
        "sure": "true",
        "platform": "twitch",
        "channel": ROOM,
        "person": "1",
    }


@pytest.mark.timeout(900)
async def test_nobody_gets_anything_of_another_tenant_by_any_route(
    as_api: Settings, system: Settings, there: dict[str, object]
) -> None:
    before = await kept(system)
    told = []
    async with running(as_api) as app:
        routes, heeded = list(routes_of(app)), Heeded(app)
        assert {action for _, _, action in routes} <= ANSWERS.keys(), "say what is answered"
        for name, caller in callers():
            async with client_of(app) as client:
                visitor = Visitor(client, as_api)
                await visitor.sign_in(caller=caller)
                for path, method, action in routes:
                    expected = ANSWERS[action] if may_at_all(caller, action) else {403}
                    answers = await asked(visitor, heeded, path, method, there)
                    if name == "everything" and {answer.status_code for answer in answers} == {422}:
                        told.append(f"{name}: {method} {path}: say what it takes, in `there` or BODIES")
                    for answer in answers:
                        found = [word for word in WORDS if word in answer.text and word != ECHOES.get(path)]
                        if answer.status_code not in expected or found:
                            told.append(f"{name}: {method} {path}: {answer.status_code} {found}")

    assert told == []
    assert await kept(system) == before


async def asked(
    visitor: Visitor, heeded: Heeded, path: str, method: str, there: dict[str, object]
) -> list[httpx.Response]:
    """Return what is answered to a session: with few and with many parameters, or to a form and to JSON.

    One of the two may be of no use to a route.
    """
    address = filled(path, there)
    fields = {name: str(value) for name, value in there.items()} | MORE.get(path, {})
    if method == "GET":
        few = {"q": "said", "user_id": "*"}
        return [
            await visitor.client.get(address, params=heeded.of(method, path, params))
            for params in (few, fields)
        ]
    params = heeded.of(method, path, fields)
    headers = {CSRF_HEADER: csrf_token_of(visitor)} | HEADERS
    by_form = await visitor.client.request(method, address, params=params, data=fields, headers=headers)
    by_json = await visitor.client.request(
        method,
        address,
        params=params,
        json=BODIES.get(path, {}),
        headers={CSRF_HEADER: headers[CSRF_HEADER]},
    )
    return [by_form, by_json]


def csrf_token_of(visitor: Visitor) -> str:
    """Return what a write with the visitor's session carries, without a page that says it."""
    sessions = Sessions(visitor.settings.api)
    session = sessions.read(visitor.client.cookies[SESSION_COOKIE])
    assert session is not None
    return sessions.csrf_token(session)


async def kept(system: Settings) -> dict[str, str]:
    """Return all that nobody may change, as text."""
    return {
        table: await fetch_value(system, f"SELECT jsonb_agg(t ORDER BY t::text)::text FROM {table} AS t")
        for table in TABLES
    }


def routes_of(app: FastAPI) -> Iterator[tuple[str, str, Action]]:
    """Yield path, method and action of each route that asks for one."""
    for context in iter_route_contexts(app.routes):
        if not hasattr(context, "dependant") or context.path in {*STREAMS, FIRST_PAGE}:
            continue
        for asks in asks_of(context.dependant):
            for method in sorted(set(context.methods or ()) - {"HEAD"}):
                yield context.path or "", method, asks.action
