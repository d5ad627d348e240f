"""One websocket to Discord's gateway: from its hello to its end, kept alive, payload by payload.

It knows nothing of sessions; whoever reads says which event was heard last. While nobody reads, it is kept
alive all the same, and what the gateway sends waits in the network.
"""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from app.connect.discord.protocol import (
    CLOSE_AND_RESUME,
    VERSION,
    Hello,
    Inflater,
    Op,
    Payload,
    decode,
    heartbeat,
)
from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

#: How long connecting may take, and the hello after it.
CONNECT_WITHIN_S = 20.0
#: How long a polite end may take.
CLOSE_WITHIN_S = 2.0


class ConnectionEnded(ChatlogError):
    """The connection is no more; the next one is made, whatever the reason.

    Attributes:
        close_code: with which the gateway closed it; None if it just ended.
    """

    must_act = MustAct.SERVICE

    def __init__(self, why: str, close_code: int | None = None) -> None:
        super().__init__(why)
        self.close_code = close_code


class Connection:
    """A connection that is open; made by `connected`.

    Args:
        socket: the websocket.
        sequence: returns the number of the last event that was heard, None before the first.

    Attributes:
        heard_ms: what the gateway sent before this time was received; 0 while nothing is known.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, sequence: Callable[[], int | None]) -> None:
        self._socket = socket
        self._sequence = sequence
        self.heard_ms = 0
        self._inflater = Inflater()
        #: When heartbeats were sent that were not answered yet.
        self._beats: deque[int] = deque()
        #: Whether the last one should have been answered. Set by whoever sends one, cleared by the reader.
        self._is_unanswered = False
        #: Whether somebody waits for a payload: otherwise an answer may be there and not read yet.
        self._is_reading = False

    async def send(self, payload: bytes) -> None:
        """Send a payload.

        Raises:
            ConnectionEnded: it cannot be sent.
        """
        try:
            await self._socket.send_str(payload.decode())
        except (ConnectionError, aiohttp.ClientError) as error:
            raise ConnectionEnded(type(error).__name__, self._socket.close_code) from None

    async def receive(self) -> tuple[Payload, bytes]:
        """Return the next payload, and its text as it came.

        Raises:
            ConnectionEnded: there is none.
        """
        self._is_reading = True
        try:
            while (text := await self._next_text()) is None:
                continue
            payload = decode(text)
        except (zlib.error, msgspec.DecodeError) as error:
            raise ConnectionEnded(f"a payload cannot be read: {type(error).__name__}") from None
        finally:
            self._is_reading = False
        if payload.op == Op.HEARTBEAT_ACK:
            self._is_unanswered = False
            if self._beats:
                self.heard_ms = self._beats.popleft()
        elif payload.op == Op.HEARTBEAT:
            await self._beat()
        return payload, text

    async def _next_text(self) -> bytes | None:
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data).encode()
        if message.type is aiohttp.WSMsgType.BINARY:
            return self._inflater.payload(message.data)
        raise ConnectionEnded("the gateway closed it", self._socket.close_code)

    async def keep_alive(self, interval_s: float) -> None:
        """Send heartbeats until the connection ends; end it when one was not answered: it is dead."""
        # Not all clients at once, after the gateway came back.
        await asyncio.sleep(interval_s * random.random())  # noqa: S311
        with suppress(ConnectionEnded):
            while True:
                await self._beat()
                self._is_unanswered = self._is_reading
                await asyncio.sleep(interval_s)
                if self._is_unanswered and self._is_reading:
                    break
        await self.close()

    async def _beat(self) -> None:
        self._beats.append(round(time.time() * 1000))
        await self.send(heartbeat(self._sequence()))

    async def close(self) -> None:
        """End the connection, whatever the gateway does; the session stays. Idempotent."""
        await self._socket.close(code=CLOSE_AND_RESUME)


@asynccontextmanager
async def connected(
    http: aiohttp.ClientSession, url: str, sequence: Callable[[], int | None]
) -> AsyncIterator[Connection]:
    """Connect to a gateway, and keep the connection alive in here; its session can be taken up afterwards.

    Args:
        http: for the connection.
        url: of the gateway, as Discord tells it, without a query.
        sequence: returns the number of the last event that was heard, None before the first.

    Raises:
        ConnectionEnded: there is no connection, or none any more.
    """
    connection: Connection | None = None
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            connection = Connection(await _open(http, url), sequence)
            first, _ = await connection.receive()
            hello = msgspec.json.decode(first.d, type=Hello)
    except (TimeoutError, OSError, aiohttp.ClientError, msgspec.DecodeError) as error:
        if connection is not None:
            await connection.close()
        raise ConnectionEnded(type(error).__name__) from None
    except ConnectionEnded:
        if connection is not None:
            await connection.close()
        raise
    beating = asyncio.create_task(connection.keep_alive(hello.heartbeat_interval / 1000))
    try:
        yield connection
    finally:
        beating.cancel()
        await connection.close()


async def _open(http: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    return await http.ws_connect(
        f"{url.rstrip('/')}/?v={VERSION}&encoding=json&compress=zlib-stream",
        autoclose=False,
        max_msg_size=0,
        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN_S),
    )
