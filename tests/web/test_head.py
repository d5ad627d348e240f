"""HEAD: what GET would say, without what GET would send."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from app.access import SESSION_COOKIE
from app.web import addresses
from app.web.static_contents import address_of
from tests.services import eventually
from tests.site.owners import ANA, BEN, SHARED_NAME, add_export, bearer
from tests.site.served import ANSWER_S, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.settings import Settings

NOBODYS = "2f9d6ce5-5a35-4f5e-9f0c-96a1b3b52a40"
LINK_OF_OTHERS = "https://storage.example/file.csv"
PAGES = {
    addresses.SURVEYS: 200,
    addresses.SIGN_IN: 200,
    addresses.tab(SHARED_NAME): 200,
    addresses.tab("Nobody's"): 404,
    addresses.TAB: 422,
    addresses.new_export(SHARED_NAME): 200,
    addresses.EXPORTS: 200,
    "/sign-out": 405,
    "/nowhere": 404,
}
OF_PROGRAMS = {
    "/surveys": 200,
    "/exports/status": 200,
    f"/exports/status/survey?survey={SHARED_NAME}": 200,
    "/exports/status/survey": 422,
    "/exports/{finished}": 200,
    "/exports/{finished}/events": 200,
    "/exports/{finished}/download": 307,
    "/exports/{started}/download": 409,
    "/exports/{of_ben}": 404,
    "/exports/{of_ben}/download": 404,
    f"/exports/{NOBODYS}/events": 404,
    f"/exports/{NOBODYS}/retry": 405,
    "/nowhere": 404,
}
FOR_ALL = {
    "/surveys": 401,
    address_of("pages.css"): 200,
    "/static/none.css": 404,
    "/docs": 200,
    "/docs/static/swagger-ui-bundle.js": 200,
    "/docs/static/none.js": 404,
    "/openapi.json": 200,
    "/health/live": 200,
    "/health/ready": 200,
}


@pytest.fixture
async def api(system: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API in a process of its own, by one connection: a body is taken for the next answer."""
    one = httpx.Limits(max_connections=1)
    async with (
        served(system, tmp_path) as process,
        httpx.AsyncClient(base_url=process.url, limits=one, timeout=ANSWER_S) as client,
    ):
        yield client


async def test_head_is_answered_as_get_without_the_content(api: httpx.AsyncClient, system: Settings) -> None:
    exports = {
        "finished": await add_export(system, ANA, status="Finished", export_link=LINK_OF_OTHERS),
        "started": await add_export(system, ANA),
        "of_ben": await add_export(system, BEN, status="Finished", export_link=LINK_OF_OTHERS),
    }
    token = bearer(system)
    begun = await api.post("/sign-in", data={"token": token["Authorization"].partition(" ")[2]})
    as_page = {"Cookie": f"{SESSION_COOKIE}={begun.cookies[SESSION_COOKIE]}", "Accept": "text/html"}
    api.cookies.clear()
    wrong = []
    for paths, headers in ((PAGES, as_page), (OF_PROGRAMS, token), (FOR_ALL, {})):
        for path, status in paths.items():
            address = path.format(**exports)
            head = await api.head(address, headers=headers)
            get = await api.get(address, headers=headers)
            told, asked = ({**answer.headers} for answer in (head, get))
            for changing in ("date", "transfer-encoding", "x-request-id"):
                told.pop(changing, None)
                asked.pop(changing, None)
            if (head.status_code, get.status_code, head.content, told) != (status, status, b"", asked):
                wrong.append((path, head.status_code, get.status_code, head.content, told, asked))

    assert wrong == []


async def test_head_of_a_stream_ends_at_once(api: httpx.AsyncClient, system: Settings) -> None:
    export = await add_export(system, ANA)
    async with asyncio.timeout(ANSWER_S):
        answer = await api.head(f"/exports/{export}/events", headers=bearer(system))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")

    async def is_over() -> bool:
        return "chatlog_api_event_streams 0.0" in (await api.get("/metrics")).text

    await eventually(is_over)


async def test_head_is_counted_as_head(api: httpx.AsyncClient, system: Settings) -> None:
    await api.head(f"/exports/{NOBODYS}/download", headers=bearer(system))
    await api.head("/nowhere")

    figures = (await api.get("/metrics")).text
    routes = ("/exports/{export_id}/download", "(none)")
    for route in routes:
        assert f'chatlog_api_requests_total{{method="HEAD",route="{route}",status="404"}} 1.0' in figures
        assert f'method="GET",route="{route}"' not in figures


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"/exports/{NOBODYS}", "DELETE, GET, HEAD"),
        (f"/exports/{NOBODYS}/retry", "POST"),
        ("/exports", "POST"),
        ("/sign-in", "GET, HEAD, POST"),
        ("/sign-out", "POST"),
        ("/", "GET, HEAD"),
        (addresses.TAB, "GET, HEAD"),
        (addresses.NEW_EXPORT, "GET, HEAD, POST"),
        ("/docs", "GET, HEAD"),
        ("/docs/static/start.js", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
    ],
)
async def test_what_can_be_done_instead_is_said(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    answer = await client.put(path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
