"""Requests byte by byte: halves, and those that two servers read in two ways."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HALF_A_HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
HALF_A_BODY = b"POST /at-once HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\ntoken"


def request(*lines: bytes, body: bytes = b"", method: bytes = b"POST", path: bytes = b"/echo") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: localhost", *lines, b"", body])


CHUNKED = b"Transfer-Encoding: chunked"
#: Another request, as somebody would hide it from a proxy.
HIDDEN = b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: Each ends its connection; to be followed by `HIDDEN`.
AMBIGUOUS = [
    pytest.param(request(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), id="both lengths"),
    pytest.param(request(CHUNKED, b"content-length: 5", body=b"0\r\n\r\n"), id="the other first"),
    pytest.param(request(b"Content-Length: 4", b"Content-Length: 5", body=b"12345"), id="two lengths"),
    pytest.param(request(b"Content-Length: 4, 5", body=b"12345"), id="two in one"),
    pytest.param(request(b"Content-Length: +5", body=b"12345"), id="a sign"),
    pytest.param(request(b"Content-Length: -5", body=b"12345"), id="below zero"),
    pytest.param(request(b"Content-Length: 0x5", body=b"12345"), id="hexadecimal"),
    pytest.param(request(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), id="not chunked last"),
    pytest.param(request(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), id="nearly chunked"),
    pytest.param(request(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), id="chunked twice"),
    pytest.param(request(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), id="a space before the colon"),
    pytest.param(request(b" Transfer-Encoding: chunked", body=b"0\r\n\r\n"), id="a space before the name"),
    pytest.param(request(b"A: b\rTransfer-Encoding: chunked", body=b"0\r\n\r\n"), id="a bare CR"),
    pytest.param(request(b"A: b", b"\tc"), id="a header over two lines"),
    pytest.param(request(b"A: b\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"), id="a bare LF"),
    pytest.param(request(b"A: b\0"), id="a NUL"),
    pytest.param(request(CHUNKED, body=b"x\r\n\r\n"), id="a chunk that is none"),
    pytest.param(request(CHUNKED, body=b"-1\r\n\r\n"), id="a chunk below zero"),
    pytest.param(request(CHUNKED, body=b"1\r\nab\r\n0\r\n\r\n"), id="a chunk that is longer"),
    pytest.param(request(CHUNKED, body=b"x\r\n\r\n", path=b"/at-once"), id="a bad chunk that nobody reads"),
]


@asynccontextmanager
async def half_requests(
    port: int, how_many: int, half: bytes = HALF_A_HEAD
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Open connections that send half a request each and no more; what the server says can be read."""
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(how_many)]
    try:
        for _, writer in opened:
            writer.write(half)
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Return what a server says until it closes the connection, in whichever way."""
    said = bytearray()
    try:
        while some := await reader.read(65536):
            said += some
    except ConnectionResetError:
        pass
    return bytes(said)


async def answer_to(port: int, request: bytes) -> bytes:
    """Send bytes; return what comes until the server closes the connection, as it has to."""
    async with asyncio.timeout(60), half_requests(port, 1, request) as (reader,):
        return await rest_of(reader)
