"""A TCP line to a server that tests can listen in on, and cut at the worst moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

_CHUNK_BYTES = 64 * 1024


class Line:
    """Passes bytes between whoever connects to `port` and the server.

    Attributes:
        heads: the first bytes of each request that went over it.
        lose_answer_to: once, when a request holds these bytes, the server gets it and its answer is lost.
        cut_after_bytes: once, the line breaks when so many bytes have gone to the server.
        losses: how often it has done either.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._pumps: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []
        self.lose_answer_to: bytes | None = None
        self.cut_after_bytes: int | None = None
        self.losses = 0
        self._passed_bytes = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.close()
            return
        is_deaf = asyncio.Event()
        pumps = {
            asyncio.create_task(self._to_server(reader, to_server, is_deaf)),
            asyncio.create_task(self._to_client(from_server, writer, is_deaf)),
        }
        self._pumps |= pumps
        # Whichever end hangs up, the line is down for both.
        _, others = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            other.cancel()
        self._pumps -= pumps
        to_server.close()
        writer.transport.abort()

    async def _to_server(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_deaf: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if chunk.startswith((b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ")):
                    self.heads.append(chunk.partition(b"\r\n\r\n")[0])
                if self.lose_answer_to is not None and self.lose_answer_to in chunk:
                    self.lose_answer_to = None
                    is_deaf.set()
                self._passed_bytes += len(chunk)
                if self.cut_after_bytes is not None and self._passed_bytes > self.cut_after_bytes:
                    self.cut_after_bytes = None
                    self.losses += 1
                    return
                writer.write(chunk)
                await writer.drain()

    async def _to_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_deaf: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if is_deaf.is_set():
                    self.losses += 1
                    return
                writer.write(chunk)
                await writer.drain()
