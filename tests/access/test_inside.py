"""What every answer has in common: headers, errors, limits, discreet logs; and health and figures."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from app.site import create_app
from tests.services import changed, eventually
from tests.site.fixtures import BASE_URL, client_of, serve
from tests.site.owners import ANA, SHARED_NAME, add_export, bearer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from app.settings import Settings

CHAT_LOG = {"export_type": "chat_log"}


async def test_every_answer_tells_browsers_to_load_run_frame_and_keep_nothing(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await add_export(system, ANA)
    for path in (
        "/health/live",
        "/exports/status",
        f"/exports/{export}",
        "/nowhere",
        "/openapi.json",
    ):
        headers = (await client.get(path, headers=bearer(system))).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_who_is_not_let_in_is_told_how_and_nothing_else(client: httpx.AsyncClient) -> None:
    for path in ("/exports/status", "/surveys", "/exports/2f9d6ce5-5a35-4f5e-9f0c-96a1b3b52a40/download"):
        answer = await client.get(path, headers={"Authorization": "Bearer nonsense"})
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == 'Bearer realm="chatlog"'
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() == {"title", "status", "detail", "request_id"}


async def test_an_error_is_a_page_for_people_and_a_problem_for_programs(client: httpx.AsyncClient) -> None:
    person = await client.get("/nowhere", headers={"Accept": "text/html,*/*"})
    program = await client.get("/nowhere")

    assert person.headers["content-type"].startswith("text/html")
    assert program.headers["content-type"] == "application/problem+json"
    assert (person.status_code, program.status_code) == (404, 404)


async def test_a_long_body_is_refused_whatever_it_says_of_its_length(
    client: httpx.AsyncClient, system: Settings
) -> None:
    async def without_a_length() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    headers = bearer(system) | {"Content-Type": "application/json"}
    honest = await client.post("/exports?survey=Baseline", content=b"x" * 100_000, headers=headers)
    silent = await client.post("/exports?survey=Baseline", content=without_a_length(), headers=headers)

    assert (honest.status_code, silent.status_code) == (413, 413)
    assert honest.headers["content-type"] == "application/problem+json"


async def test_no_link_is_made_of_the_host_that_a_request_names(client: httpx.AsyncClient) -> None:
    for path in ("/docs/", "/docs/static", "/health/live/", "/exports/", "/"):
        answer = await client.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in answer.headers.get("location", ""), path


async def test_logs_hold_routes_but_no_names_tokens_or_queries(
    client: httpx.AsyncClient, system: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="app")
    headers = bearer(system)
    await client.post("/exports", params={"survey": SHARED_NAME}, json=CHAT_LOG, headers=headers)
    await client.get("/exports/status/survey", params={"survey": "Secret name"}, headers=headers)
    await client.get("/sign-in?next=/secret")

    lines = [record for record in caplog.records if record.msg == "Request"]
    told = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("app"))
    assert [(line.method, line.route, line.status) for line in lines] == [  # type: ignore[attr-defined]
        ("POST", "/exports", 201),
        ("GET", "/exports/status/survey", 404),
        ("GET", "/sign-in", 200),
    ]
    for hidden in (ANA, SHARED_NAME, "Secret name", "/secret", headers["Authorization"][7:40]):
        assert hidden not in told


async def test_a_bug_is_answered_and_logged_without_what_it_quotes(
    system: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(system)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError(f"something about {ANA}")

    async with client_of(app) as client:
        answer = await client.get("/bug")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ANA not in answer.text
    # asyncio's are of what an earlier test left behind.
    [line] = [
        record
        for record in caplog.records
        if record.levelno == logging.ERROR and record.name.startswith("app")
    ]
    assert "in bug" in line.reasons  # type: ignore[attr-defined]
    assert ANA not in str(vars(line))


async def test_figures_count_requests_by_route_and_status(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await client.get("/exports/2f9d6ce5-5a35-4f5e-9f0c-96a1b3b52a40", headers=bearer(system))
    for number in range(3):
        await client.get(f"/made/up/{number}")
    await client.request("MADEUP", "/exports")

    figures = (await client.get("/metrics")).text
    assert 'chatlog_api_requests_total{method="GET",route="/exports/{export_id}",status="404"} 1.0' in figures
    assert 'chatlog_api_requests_total{method="GET",route="(none)",status="404"} 3.0' in figures
    assert "MADEUP" not in figures
    assert "made/up" not in figures

    async def outbox_is_told() -> bool:
        return "chatlog_api_outbox_pending 0.0" in (await client.get("/metrics")).text

    await eventually(outbox_is_told)


async def test_figures_need_the_token_that_those_of_workers_need(
    api_settings: Callable[..., Settings],
) -> None:
    app = create_app(api_settings(web_token="a token of operators"))
    async with app.router.lifespan_context(app), client_of(app) as client:
        without = await client.get("/metrics")
        with_it = await client.get("/metrics", headers={"Authorization": "Bearer a token of operators"})
        as_password = await client.get("/metrics", auth=("anyone", "a token of operators"))
        odd = await client.get("/metrics", headers={b"Authorization": "Bearer é".encode()})

    assert [one.status_code for one in (without, with_it, as_password, odd)] == [401, 200, 200, 401]
    assert "Bearer" in without.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("overrides", "host", "status"),
    [
        ({}, "localhost:8000", 200),
        ({"api_host": "::1"}, "[::1]:8000", 200),
        ({}, "evil.example", 421),
        ({"api_public_url": "https://chat.example"}, "127.0.0.1:8000", 403),
        ({"api_host": "0.0.0.0", "api_public_url": "http://10.0.0.1:8000"}, "localhost:8000", 403),
        ({"api_host": "::", "api_public_url": "http://10.0.0.1:8000"}, "[::1]:8000", 403),
    ],
)
async def test_without_a_token_figures_are_for_the_machine_itself(
    api_settings: Callable[..., Settings], overrides: dict[str, str], host: str, status: int
) -> None:
    app = create_app(api_settings(**overrides))
    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.get("/metrics", headers={"Host": host})

    assert answer.status_code == status
    assert ("chatlog_api_requests" in answer.text) is (status == 200)


async def test_readiness_says_what_is_down(
    client: httpx.AsyncClient, api_settings: Callable[..., Settings]
) -> None:
    async def is_well() -> bool:
        told: dict[str, str] = (await client.get("/health/ready")).json()
        return told == {"status": "ready", "database": "up", "kafka": "up", "storage": "configured"}

    await eventually(is_well)

    nobody = SecretStr("postgresql://u:p@127.0.0.1:9/x")
    nowhere = changed(api_settings(), database_url=nobody)
    async with serve(nowhere) as other:
        ready = await other.get("/health/ready")
        live = await other.get("/health/live")
        asked = await other.get("/exports/status", headers=bearer(nowhere))

    assert (ready.status_code, ready.json()["database"]) == (503, "down")
    assert live.status_code == 200
    assert (asked.status_code, asked.headers["retry-after"]) == (503, "5")
    assert "127.0.0.1" not in asked.text


async def test_docs_need_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text

    assert not re.findall(r'(?:href|src)="(?!/[^/])[^"#]', page), "from elsewhere"
    for path in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"/docs/static/{path}" in page
        assert (await client.get(f"/docs/static/{path}")).status_code == 200
    assert urlsplit(BASE_URL).netloc not in page
