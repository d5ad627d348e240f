"""Another owner's export and survey, tried by every route that the application has: new routes, too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts

from models.access import Caller, CallerRole
from models.export_names import owner_hash
from tests.access.filled_paths import filled
from tests.access.heeded import Heeded
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, BEN, OF_BEN, add_export, bearer, fetch_value, row_of
from tests.site.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx
    from fastapi import FastAPI

    from app.settings import Settings

#: Not one's own, not there, not for this method, not a form that this is, or not from a page of ours.
REFUSALS = {403, 404, 405, 422}
UUID_IN_PATH = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: They show what is one's own, or nobody's, or have nothing to do with surveys and exports.
OF_ALL_SURVEYS = {
    *(
        "/",
        "/appearance",
        "/sign-in",
        "/sign-out",
        "/surveys",
        "/surveys/list",
        "/exports/status",
        "/exports/list",
        # They take a survey, or exports, in the fields of a form, or as a filter: `tests/exports` tries that.
        *("/exports/new/estimate", "/exports/new", "/exports/selected"),
        *("/exports/messages", "/exports/messages/estimate"),
        "/docs",
        "/docs/static",
    ),
    *("/openapi.json", "/health", "/health/live", "/health/ready", "/metrics"),
}
#: What begins so has nothing to do with them; tests of their own say who may what there.
OF_OTHER_THINGS = (
    "/api/v1/privacy",
    "/api/v1/threads",
    "/threads",
    "/privacy",
    "/v1/access-log",
    "/channels",
    "/dead-letters",
    "/conversations",
    "/messages",
    "/people",
    "/v1/channels",
    "/v1/conversations",
    "/v1/dead-letters",
    "/v1/events",
    "/system",
    "/v1/messages",
    "/figures",
    "/v1/figures",
    "/v1/opt-outs",
    "/v1/people",
    "/v1/sessions",
    "/v1/traces",
    "/v1/turns",
    "/v1/system",
    "/search",
    "/v1/search",
    "/v1/waiting",
    "/waiting",
    "/webhooks",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SECRET = "What only Ben may know"
WHOSE = ("user", "user_id", "email", "owner", "survey_owner")
FORM = {"format": "csv", "compression": "none", "direction": "", "layout": "long"}


def is_of_surveys(path: str) -> bool:
    return path not in OF_ALL_SURVEYS and not path.startswith(OF_OTHER_THINGS)


def paths_of(app: FastAPI) -> set[str]:
    return {context.path or "" for context in iter_route_contexts(app.routes)}


def assert_nothing_is_told(answers: Sequence[httpx.Response], paths: int) -> None:
    """Make sure that all are refusals, and on each path one that looked for the owner's own."""
    told = [
        f"{answer.request.method} {answer.request.url}: {answer.status_code}"
        for answer in answers
        if answer.status_code not in REFUSALS or SECRET in answer.text or BEN in answer.text
    ]
    assert told == []
    # The last part of an address is the action; exports differ before it.
    looked = {
        UUID_IN_PATH.sub("", answer.request.url.path) for answer in answers if answer.status_code == 404
    }
    assert len(looked) == paths


async def test_no_route_lets_an_owner_at_anothers_export(system: Settings) -> None:
    key = f"exports/{owner_hash(BEN)}/x/{OF_BEN}.csv"
    theirs = [
        await add_export(system, BEN, survey_id=OF_BEN, status=status, reason=SECRET, object_key=key)
        for status in ("Started", "Failed", "Finished")
    ]
    before = [await row_of(system, export) for export in theirs]
    answers = []
    async with running(system) as app, client_of(app) as client:
        ana = Visitor(client, system)
        await ana.sign_in()
        as_page: dict[str, Any] = {"data": {"csrf_token": await ana.csrf_token(), "page": "1"}}
        by_token: dict[str, Any] = {"headers": bearer(system, ANA), "json": {"export_type": "chat_log"}}
        heeded = Heeded(app)
        paths = [path for path in paths_of(app) if "{export_id" in path]
        for path in paths:
            for export in theirs:
                address = filled(path, {"export_id": export})
                for method in METHODS:
                    # Whose it is cannot be said by whoever asks, either.
                    said = heeded.of(method, path, dict.fromkeys(WHOSE, BEN))
                    answers += [
                        await client.request(method, address, params=said, **as_page),
                        await client.request(method, address, params=said, **by_token),
                    ]

    assert len(paths) >= 8
    assert_nothing_is_told(answers, len(paths))
    assert [await row_of(system, export) for export in theirs] == before


@pytest.mark.parametrize(
    "caller",
    [
        pytest.param(Caller(BEN, "acme", frozenset(CallerRole)), id="of another tenant, with every role"),
        pytest.param(Caller(BEN, scope=frozenset({"survey:Other", "learner:7"})), id="narrowed to others"),
    ],
)
async def test_no_route_lets_the_same_address_of_another_tenant_or_scope_at_it(
    system: Settings, caller: Caller
) -> None:
    theirs = await add_export(system, BEN, survey_id=OF_BEN, status="Failed", reason=SECRET)
    before = await row_of(system, theirs)
    names = {"survey": OF_BEN, "survey_name": OF_BEN, "address": "friend@example.org"}
    answers = []
    async with running(system) as app, client_of(app) as client:
        visitor = Visitor(client, system)
        await visitor.sign_in(caller=caller)
        form = {"csrf_token": await visitor.csrf_token(), **names, **FORM}
        heeded = Heeded(app)
        paths = [path for path in paths_of(app) if is_of_surveys(path)]
        for path in paths:
            address = filled(path, {"export_id": theirs})
            for method in METHODS:
                said = heeded.of(method, path, names)
                body: dict[str, Any] = {"params": said, "json": {"export_type": "responses"}}
                answers += [
                    await client.request(method, address, params=said, data=form),
                    await client.request(method, address, **body, headers=bearer(system, caller)),
                ]
        of_all = [
            await client.get(address, headers=bearer(system, caller))
            for address in ("/surveys", "/exports/status", "/exports/status?user_id=*")
        ]

    told = [
        f"{answer.request.method} {answer.request.url}: {answer.status_code}"
        for answer in answers
        if answer.status_code not in REFUSALS or SECRET in answer.text
    ]
    assert told == []
    assert [answer.text for answer in of_all[:2]] == ["[]", "[]"]
    assert of_all[2].status_code == 403 or of_all[2].text == "[]"
    assert await row_of(system, theirs) == before
    assert await fetch_value(system, "SELECT count(*) FROM survey_shares") == 0
    assert await fetch_value(system, "SELECT count(*) FROM export_status") == 1


async def test_no_route_lets_an_owner_at_anothers_survey(system: Settings) -> None:
    await add_export(system, BEN, survey_id=OF_BEN, status="Failed", reason=SECRET)
    names = {"survey": OF_BEN, "survey_name": OF_BEN, "survey_owner": BEN, "owner": BEN, "user_id": BEN}
    answers = []
    async with running(system) as app, client_of(app) as client:
        ana = Visitor(client, system)
        await ana.sign_in()
        form = {"csrf_token": await ana.csrf_token(), **names, "address": "friend@example.org", **FORM}
        body = {"export_type": "responses"}
        heeded = Heeded(app)
        paths = [path for path in paths_of(app) if "{" not in path and is_of_surveys(path)]
        for path in paths:
            for method in METHODS:
                said = heeded.of(method, path, names)
                answers += [
                    await client.request(method, path, params=said, data=form),
                    await client.request(method, path, params=said, json=body, headers=bearer(system, ANA)),
                ]
        for path, status in (("/exports/status", 403), ("/surveys", 200)):
            said = heeded.of("GET", path, names)
            of_all = await client.get(path, params=said, headers=bearer(system, ANA))
            assert (of_all.status_code, BEN in of_all.text, OF_BEN in of_all.text) == (status, False, False)

    assert len(paths) >= 5
    assert_nothing_is_told(answers, len(paths))
    assert await fetch_value(system, "SELECT count(*) FROM export_status") == 1


async def test_one_that_is_there_and_one_that_is_not_are_answered_alike(system: Settings) -> None:
    theirs, nobodys = await add_export(system, BEN, status="Finished"), uuid4()
    async with running(system) as app, client_of(app) as client:
        ana = Visitor(client, system)
        await ana.sign_in()
        token = await ana.csrf_token()
        for path in paths_of(app):
            if "{export_id" not in path:
                continue
            for method in METHODS:
                there, not_there = [
                    await client.request(
                        method,
                        filled(path, {"export_id": export}),
                        headers={"X-Request-ID": "1"}
                        | (bearer(system, ANA) if path.startswith("/exports") else {}),
                        data={"csrf_token": token},
                    )
                    for export in (theirs, nobodys)
                ]
                assert (there.status_code, there.text) == (not_there.status_code, not_there.text), path
