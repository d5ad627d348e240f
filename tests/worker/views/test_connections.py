"""The web views below HTTP: requests that never become whole, and those that two servers read in two ways."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from app.settings import Role
from app.web.connections import listen
from app.worker.views import ViewsRunner
from tests.looking import get, ready
from tests.raw_http import (
    AMBIGUOUS,
    CHUNKED,
    HALF_A_BODY,
    HALF_A_HEAD,
    HIDDEN,
    answer_to,
    half_requests,
    request,
    rest_of,
)
from tests.services import eventually
from tests.workers import WorkerProcess, prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from app.settings import Settings

OPEN_FILES = 96


async def _echo(asked: web.Request) -> web.Response:
    return web.Response(body=b"read: " + await asked.read())


async def _at_once(_: web.Request) -> web.Response:
    return web.Response(text="not read")


@asynccontextmanager
async def server(receive_within_s: float = 10.0) -> AsyncIterator[int]:
    """Serve what reads a body and what does not, as the views are served; give the port."""
    app = web.Application()
    app.router.add_route("*", "/echo", _echo)
    app.router.add_post("/at-once", _at_once)
    runner = ViewsRunner(app, receive_within_s)
    await runner.setup()
    (listening,) = listen("127.0.0.1", 0)
    await web.SockSite(runner, listening).start()
    try:
        yield listening.getsockname()[1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("sent", AMBIGUOUS)
async def test_what_can_be_read_in_two_ways_ends_the_connection(sent: bytes) -> None:
    async with server() as port:
        answer = await answer_to(port, sent + HIDDEN)

    assert answer.count(b"HTTP/1.") == 1
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400", b"HTTP/1.1 200 OK"))
    assert b"read: " not in answer


@pytest.mark.parametrize(
    "half",
    [
        b"",
        HALF_A_HEAD,
        HALF_A_BODY,
        request(CHUNKED, body=b"5\r\nab", path=b"/at-once"),
        request(method=b"GET") + HALF_A_HEAD,
    ],
)
async def test_half_a_request_is_not_waited_for_for_ever(half: bytes) -> None:
    async with server(receive_within_s=0.2) as port:
        await answer_to(port, half)


async def test_a_request_that_drips_in_is_not_waited_for_either() -> None:
    async with server(receive_within_s=0.5) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(60):
            ended = asyncio.create_task(rest_of(reader))
            writer.write(HALF_A_HEAD)
            while not ended.done():
                writer.write(b"A: b\r\n")
                await asyncio.wait([ended], timeout=0.05)
        writer.transport.abort()


async def test_who_sends_half_requests_keeps_nobody_out_where_descriptors_are_few(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    made = settings()
    await prepare(made)
    with workers_of(made, tmp_path / "workers") as workers:
        worker = workers.start(Role.PERSIST, open_files=OPEN_FILES)
        await ready(worker)
        async with half_requests(worker.web_port, OPEN_FILES) as readers:
            assert (await get(worker, "/health/live")).status == 200
            await eventually(lambda: _says(worker))
            async with asyncio.timeout(60):
                said = await asyncio.gather(*map(rest_of, readers))
        assert worker.stop() == 0

    assert said == [b""] * OPEN_FILES


async def _says(worker: WorkerProcess) -> bool:
    return "Too many connections" in worker.said
