"""Every route asks what its caller may do, or is open to all for a reason that stands here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts

from app.access import Asks, LimitedAsks, LimitedRoute
from app.site import create_app
from app.threads.serving import API
from models.access import Caller, CallerRole
from tests.access.filled_paths import filled
from tests.access.signing import settings_of
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, bearer
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant

    from app.settings import Settings

#: Open to all, and why.
OPEN = {
    "/sign-in": "nobody is known before",
    "/sign-in/provider": "the same",
    "/sign-in/callback": "the same; what the provider says is checked",
    "/appearance": "how pages look in one's own browser, signed in or not",
    "/sign-out": "it ends the session that it comes with",
    "/": "to programs it tells which service this is, and nobody's data; to people it is a page, which asks",
    "/health": "asked by supervisors, and tells of this process alone",
    "/health/live": "asked by supervisors, and tells of this process alone",
    "/health/ready": "the same",
    "/metrics": "asks for WEB_TOKEN, as the views of workers do",
    "/docs": "what there is, and nobody's data",
    "/docs/static": "files of the package",
    "/openapi.json": "what there is, and nobody's data",
    "/static/{name:path}": "files of the package",
    "/webhooks/meta": "shows nobody's data, and takes what Meta has signed",
    "/webhooks/twitch": "shows nobody's data, and takes what Twitch has signed",
}
#: What programs are for; and pages of threads and learners' data: there they may no more than by the API.
OF_PROGRAMS = {
    "/privacy",
    "/privacy/export",
    "/privacy/delete",
    "/threads/new",
    "/threads/{thread:uuid}",
    "/threads/{thread:uuid}/title",
    "/threads/{thread:uuid}/archive",
    "/threads/{thread:uuid}/delete",
    "/threads/{thread:uuid}/messages",
    "/threads/{thread:uuid}/messages/{message:uuid}",
    "/threads/{thread:uuid}/messages/{message:uuid}/delete",
    "/v1/events/{platform}",
    "/v1/sessions",
    "/v1/traces",
    "/v1/turns",
    "/api/v1/privacy",
    "/api/v1/privacy/delete",
    "/api/v1/privacy/export",
    "/api/v1/privacy/{request_id:uuid}",
    "/api/v1/privacy/{request_id:uuid}/download",
    "/api/v1/threads",
    "/api/v1/threads/{thread_id}",
    "/api/v1/threads/{thread_id}/events",
    "/api/v1/threads/{thread_id}/messages",
    "/api/v1/threads/{thread_id}/messages/{message_id}",
    "/v1/sessions/{session_id}/turns",
    "/v1/sessions/{session_id}/turns/{turn_id}/feedback",
    "/v1/sessions/{session_id}/history",
    "/v1/sessions/{session_id}/stats",
}
#: What a program is answered for what is not its matter.
REFUSED = 403


def every_route(settings: Settings) -> dict[str, list[Any]]:
    routes: dict[str, list[Any]] = {}
    for context in iter_route_contexts(create_app(settings).routes):
        routes.setdefault(context.path or "", []).append(context)
    return routes


def asks_of(dependant: Dependant) -> Iterator[Asks]:
    """Yield what a route and all that it depends on ask."""
    if isinstance(dependant.call, Asks):
        yield dependant.call
    for other in dependant.dependencies:
        yield from asks_of(other)


@pytest.fixture
def built() -> Settings:
    """Settings with which the application can be built, and nothing is there."""
    return settings_of(
        storage_bucket="exports",
        database_url="postgresql://u@localhost/x",
        kafka_bootstrap_servers="localhost:9092",
    )


def test_every_route_asks_for_one_action_or_is_open_to_all(built: Settings) -> None:
    asked = {
        path: [len(list(asks_of(route.dependant))) for route in routes if hasattr(route, "dependant")]
        for path, routes in every_route(built).items()
    }

    assert {path for path, counts in asked.items() if not counts or min(counts) == 0} == set(OPEN)
    assert {count for path, counts in asked.items() if path not in OPEN for count in counts} == {1}


def test_of_a_route_that_is_limited_the_address_is_counted_too(built: Settings) -> None:
    counted = {
        context.path: isinstance(context.original_route, LimitedRoute)
        for context in iter_route_contexts(create_app(built).routes)
        if hasattr(context, "dependant")
        and any(isinstance(asks, LimitedAsks) for asks in asks_of(context.dependant))
    }

    assert f"{API}/threads/{{thread_id}}" in counted
    assert [path for path, is_counted in counted.items() if not is_counted] == []


def test_a_route_that_does_not_ask_is_found(built: Settings) -> None:
    app = create_app(built)

    @app.get("/everything")
    async def everything() -> str:
        return "all there is"

    route = next(one for one in iter_route_contexts(app.routes) if one.path == "/everything")
    assert not list(asks_of(route.dependant))


async def test_a_program_that_is_no_person_has_none_but_those_of_programs(system: Settings) -> None:
    service = Caller(ANA, roles=frozenset({CallerRole.SERVICE}))
    refused = {}
    async with running(system) as app, client_of(app) as client:
        visitor = Visitor(client, system)
        await visitor.sign_in(caller=service)
        page = await visitor.get("/")
        form = {"csrf_token": await visitor.csrf_token(), "survey_name": "Baseline", "address": "a@b.c"}
        for context in iter_route_contexts(app.routes):
            path = context.path or ""
            if path in OPEN or path in OF_PROGRAMS:
                continue
            address = filled(path)
            for method in context.methods or ():
                by_session = await client.request(method, address, data=form)
                refused[method, path, "session"] = by_session.status_code
                if not path.startswith(("/surveys/people", "/surveys/export", "/exports/create")):
                    by_token = await client.request(method, address, headers=bearer(system, service))
                    refused[method, path, "token"] = by_token.status_code

    assert text_of(page).count("Not allowed") == 2, "in the title and on the page"
    assert "Your surveys" not in text_of(page), "which would lead back here"
    assert {key: status for key, status in refused.items() if status != REFUSED} == {}
