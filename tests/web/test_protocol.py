"""The API below HTTP: requests that never become whole, and those that two servers read in two ways."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from app.web import protocol
from app.web.connections import listen
from app.web.protocol import protocol_with_room
from tests.access.signing import settings_of
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
from tests.site.served import ANSWER_S, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

#: Enough of a configuration; nothing of it is there.
NOWHERE = {
    "database_url": "postgresql://u@127.0.0.1:9/x",
    "kafka_bootstrap_servers": "127.0.0.1:9",
    "storage_bucket": "exports",
}
OPEN_FILES = 64


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(b"read: " + await request.body())


async def _at_once(_: Request) -> PlainTextResponse:
    return PlainTextResponse("not read")


async def _headers(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse(" ".join(request.headers))


async def _stream(_: Request) -> StreamingResponse:
    return StreamingResponse(iter(["one, ", "two"]))


@asynccontextmanager
async def server() -> AsyncIterator[int]:
    """Serve what reads a body and what does not, as the API is served; give the port."""
    app = Starlette(
        routes=[
            Route("/echo", _echo, methods=["GET", "POST"]),
            Route("/at-once", _at_once, methods=["POST"]),
            Route("/headers", _headers, methods=["POST"]),
            Route("/stream", _stream),
        ]
    )
    config = uvicorn.Config(app, log_config=None, lifespan="off", http=protocol_with_room(), ws="none")
    serving = uvicorn.Server(config)
    listening = listen("127.0.0.1", 0)
    task = asyncio.create_task(serving.serve(sockets=listening))
    try:
        yield listening[0].getsockname()[1]
    finally:
        serving.should_exit = True
        await task


@pytest.mark.parametrize(
    "sent",
    [
        *AMBIGUOUS,
        pytest.param(request(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), id="also compressed"),
        pytest.param(request(b"Host: elsewhere", body=b"0\r\n\r\n"), id="two hosts"),
        pytest.param(request(CHUNKED, body=b"1\na\r\n0\r\n\r\n"), id="a chunk with a bare LF"),
        pytest.param(request(CHUNKED, body=b"0\r\nA: b\nC: d\r\n\r\n"), id="a bare LF behind the last chunk"),
        pytest.param(request(method=b"CONNECT", path=b"echo:80"), id="a tunnel"),
        pytest.param(request(path=b"/echo HTTP/1.1\r\nGET /echo"), id="two first lines"),
        pytest.param(request(b"A: " + b"b" * 20_000)[:-4] + b"c" * 300_000, id="a head without end"),
    ],
)
async def test_what_can_be_read_in_two_ways_ends_the_connection(sent: bytes) -> None:
    async with server() as port:
        answer = await answer_to(port, sent + HIDDEN)

    # Refused as a whole, or answered before it came to that; nothing behind it is taken for a request.
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.1 200 OK"))
    assert b"read: " not in answer


async def test_requests_that_are_whole_are_answered_one_after_the_other() -> None:
    sent = (
        request(b"Content-Length: 5", body=b"first")
        + request(CHUNKED, body=b"6\r\nsecond\r\n0\r\n\r\n")
        + request(b"Connection: close", method=b"GET")
    )
    async with server() as port:
        answer = await answer_to(port, sent)

    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.index(b"read: first") < answer.index(b"read: second")


async def test_what_is_refused_is_told_as_a_problem() -> None:
    async with server() as port:
        head, _, body = (await answer_to(port, b"\x16\x03\x01\x02")).partition(b"\r\n\r\n")

    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert json.loads(body)["status"] == 400


async def test_who_was_right_is_answered_before_who_came_behind_is_refused() -> None:
    sent = request(b"Content-Length: 5", body=b"first") + request(b"A: b\nC: d")
    async with server() as port:
        answer = await answer_to(port, sent)

    assert answer.index(b"read: first") < answer.index(b"HTTP/1.1 400")


async def test_what_comes_behind_the_last_chunk_is_no_header() -> None:
    sent = request(CHUNKED, b"Connection: close", path=b"/headers", body=b"1\r\na\r\n0\r\nAdmin: yes\r\n\r\n")
    async with server() as port:
        answer = await answer_to(port, sent)

    assert answer.endswith(b"host transfer-encoding connection")


async def test_a_body_is_read_whatever_else_its_sender_could_speak() -> None:
    offer = (b"Connection: Upgrade, close", b"Upgrade: h2c", b"Content-Length: %d" % len(HIDDEN))
    async with server() as port:
        answer = await answer_to(port, request(*offer, body=HIDDEN))

    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"read: " + HIDDEN)


async def test_who_knows_no_chunks_gets_none() -> None:
    async with server() as port:
        streamed = await answer_to(port, b"GET /stream HTTP/1.0\r\n\r\n")
        counted = await answer_to(port, b"GET /echo HTTP/1.0\r\n\r\n")

    assert b"chunked" not in streamed
    assert streamed.endswith(b"\r\n\r\none, two")
    assert b"content-length: 6" in counted


async def test_requests_may_come_byte_by_byte() -> None:
    sent = request(CHUNKED, body=b"2\r\nab\r\n0\r\n\r\n") + request(b"Connection: close")
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(60):
            for byte in sent:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            answer = await rest_of(reader)
        writer.transport.abort()

    assert answer.count(b"HTTP/1.1 200") == 2
    assert b"read: ab" in answer


@pytest.mark.parametrize(
    "half",
    [
        b"",
        HALF_A_HEAD,
        HALF_A_BODY,
        HALF_A_BODY.replace(b"/at-once", b"/echo"),
        request(CHUNKED, body=b"5\r\nab"),
        request(method=b"GET") + HALF_A_HEAD,
    ],
)
async def test_half_a_request_is_not_waited_for_for_ever(
    half: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "RECEIVE_WITHIN_S", 0.2)
    async with server() as port:
        await answer_to(port, half)


async def test_a_request_that_drips_in_is_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "RECEIVE_WITHIN_S", 0.5)
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(60):
            ended = asyncio.create_task(rest_of(reader))
            writer.write(HALF_A_HEAD)
            while not ended.done():
                writer.write(b"A: b\r\n")
                await asyncio.wait([ended], timeout=0.05)
        writer.transport.abort()


async def test_an_answer_may_take_longer_than_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "RECEIVE_WITHIN_S", 0.05)

    async def slowly(_: Request) -> PlainTextResponse:
        await asyncio.sleep(0.3)
        return PlainTextResponse("done")

    monkeypatch.setattr(f"{__name__}._at_once", slowly)
    async with server() as port:
        assert (await answer_to(port, request(b"Connection: close", path=b"/at-once"))).endswith(b"done")


async def test_who_sends_half_requests_keeps_nobody_out_where_descriptors_are_few(tmp_path: Path) -> None:
    async with (
        served(settings_of(**NOWHERE), tmp_path, open_files=OPEN_FILES) as api,
        half_requests(api.port, OPEN_FILES) as readers,
        httpx.AsyncClient(timeout=ANSWER_S) as client,
    ):
        assert (await client.get(f"{api.url}/health/live")).status_code == 200
        await eventually(lambda: _says(api.said))
        async with asyncio.timeout(ANSWER_S):
            said = await asyncio.gather(*map(rest_of, readers))

    assert said == [b""] * OPEN_FILES


async def _says(log: str) -> bool:
    return "Too many connections" in log
