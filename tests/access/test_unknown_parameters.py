"""Routes of the API refuse query parameters that they do not know, by name; nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.site import create_app
from app.web.problems import MEDIA_TYPE
from models.access import Caller, CallerRole
from tests.access.filled_paths import filled
from tests.access.heeded import routes_of_api
from tests.access.signing import settings_of
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, bearer

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.site.visitor import Visitor

#: Whom every route lets in.
EVERYBODY = Caller(ANA, roles=frozenset(CallerRole))


async def test_every_route_of_the_api_refuses_what_it_does_not_know(system: Settings) -> None:
    told: dict[tuple[str, str], Any] = {}
    unknown_caller = {}
    async with running(system) as app, client_of(app) as client:
        routes = [(method, one.path or "") for one in routes_of_api(app) for method in one.methods or ()]
        for method, path in routes:
            address = f"{filled(path)}?nobody_knows=1"
            answer = await client.request(method, address, headers=bearer(system, EVERYBODY))
            assert answer.headers["content-type"] == MEDIA_TYPE
            fields = [error["field"] for error in answer.json().get("errors", ())]
            told[method, path] = (answer.status_code, fields)
            unknown_caller[method, path] = (await client.request(method, address)).status_code

    assert len(routes) > 70
    assert {key: one for key, one in told.items() if one != (422, ["query.nobody_knows"])} == {}
    assert {key: status for key, status in unknown_caller.items() if status != 401} == {}


def test_every_route_of_the_api_says_that_it_may_refuse() -> None:
    app = create_app(
        settings_of(
            storage_bucket="exports",
            database_url="postgresql://u@localhost/x",
            kafka_bootstrap_servers="localhost:9092",
        )
    )
    silent = [
        f"{method} {path}"
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
        if "security" in operation
        and MEDIA_TYPE not in operation["responses"].get("422", {"content": ()})["content"]
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/v1/conversations?platfrom=twitch", {"query.platfrom": "not known here; did you mean `platform`?"}),
        ("/v1/conversations?PLATFORM=twitch", {"query.PLATFORM": "not known here; did you mean `platform`?"}),
        (
            "/v1/messages/search?qq=a&limits=0",
            {
                "query.qq": "not known here; did you mean `q`?",
                "query.limits": "not known here; did you mean `limit`?",
            },
        ),
        ("/v1/opt-outs?x", {"query.x": "not known here; known: platform"}),
        ("/v1/system?x=1", {"query.x": "not known here; no parameter is"}),
        (f"/v1/system?{'x' * 100}=1&{'x' * 100}=2", {f"query.{'x' * 60}": "not known here; no parameter is"}),
    ],
)
async def test_what_may_have_been_meant_is_told(
    client: httpx.AsyncClient, system: Settings, address: str, told: dict[str, str]
) -> None:
    answer = await client.get(address, headers=bearer(system, EVERYBODY))

    assert answer.status_code == 422
    assert {error["field"]: error["message"] for error in answer.json()["errors"]} == told


async def test_one_who_may_not_ask_hears_of_that_alone(client: httpx.AsyncClient, system: Settings) -> None:
    service = Caller(ANA, roles=frozenset({CallerRole.SERVICE}))
    answer = await client.get("/v1/system?x=1", headers=bearer(system, service))

    assert answer.status_code == 403


async def test_pages_health_and_what_platforms_call_take_what_is_added(
    client: httpx.AsyncClient, visitor: Visitor
) -> None:
    await visitor.sign_in(caller=EVERYBODY)

    for page in ("/", "/conversations", "/search", "/figures", "/surveys/list", "/exports/list"):
        assert (await visitor.get(f"{page}?utm_source=mail")).status_code == 200, page
    assert (await client.get("/health/live?x=1")).status_code == 200
    unset = await client.get("/webhooks/meta?hub.mode=subscribe&hub.verify_token=a&hub.challenge=b&x=1")
    assert unset.status_code == 404, "as it is without: no secret of Meta's is set"
