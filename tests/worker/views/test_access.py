"""Who may look inside a worker: attempts to get in, with and without a token."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.access.inside import holds
from app.worker.views.access import add_headers, guard

TOKEN = "s3cret-tökén"
CLOSED = (
    "/",
    "/api/lag",
    "/metrics",
    "/api/state/1",
    "/nothing-here",
    "/health",
    "/health/live/",
    "/HEALTH/LIVE",
)


@pytest.mark.parametrize(
    ("authorization", "let_in"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN} ", True),
        ("Basic " + base64.b64encode(f"anyone:{TOKEN}".encode()).decode(), True),
        ("Basic " + base64.b64encode(f":{TOKEN}".encode()).decode(), True),
        ("", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("Bearer wrong", False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer \udcff\udcfe", False),
        (TOKEN, False),
        (f"Token {TOKEN}", False),
        ("Basic " + base64.b64encode(TOKEN.encode()).decode(), False),
        ("Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode(), False),
        ("Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(), False),
        ("Basic ???", False),
        ("Basic", False),
    ],
)
def test_only_the_token_itself_lets_in(authorization: str, let_in: bool) -> None:
    assert holds(TOKEN, authorization) is let_in


@pytest.mark.parametrize("path", CLOSED)
async def test_with_a_token_everything_but_health_needs_it(path: str) -> None:
    async with client_of(guard(TOKEN)) as client:
        refused = await client.get(path)
        let_in = await client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    assert refused.status == 401
    assert "Bearer" in refused.headers["WWW-Authenticate"]
    assert let_in.status in {200, 404}


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health_needs_no_token(path: str) -> None:
    async with client_of(guard(TOKEN)) as client:
        assert (await client.get(path, headers={"Host": "10.1.2.3:6066"})).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:6066", 200),
        ("LOCALHOST:6066", 200),
        ("127.0.0.1:6066", 200),
        ("[::1]:6066", 200),
        ("evil.example", 421),
        ("evil.example:6066", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:6066", 421),
        ("localhost@evil.example", 421),
        ("evil.example#localhost", 421),
        ("0.0.0.0:6066", 421),
        ("10.1.2.3", 421),
        ("[::1", 421),
        (":6066", 421),
        ("", 421),
    ],
)
async def test_without_a_token_only_a_loopback_name_is_answered(host: str, status: int) -> None:
    async with client_of(guard(None)) as client:
        assert (await client.get("/api/lag", headers={"Host": host})).status == status


async def test_answers_may_be_neither_kept_nor_framed_and_name_no_versions() -> None:
    async with client_of(guard(None)) as client:
        headers = (await client.get("/", headers={"Host": "localhost"})).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "chatlog"
    assert "Access-Control-Allow-Origin" not in headers


async def _answer(_: web.Request) -> web.Response:
    return web.Response(text="inside")


@asynccontextmanager
async def client_of(
    middleware: Callable[..., Awaitable[web.StreamResponse]],
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[middleware])
    app.on_response_prepare.append(add_headers)
    for path in ("/", "/api/lag", "/metrics", "/api/state/{userid}", "/health/live", "/health/ready"):
        app.router.add_get(path, _answer)
    async with TestClient(TestServer(app)) as client:
        yield client
