"""How the API speaks HTTP: as uvicorn does, but with a deadline for a request and no two ways to read one.

Uvicorn waits for the rest of a request for ever, and has llhttp read ahead as many as come. Here one is read
when the one before it is answered. What `app.web.framing` refuses ends the connection, as does whatever else
is not HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.web.connections import RECEIVE_WITHIN_S, Room
from app.web.framing import NotHttp, body_of, checked, head_length
from app.web.problems import problem

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        ASGISendEvent,
        Scope,
    )
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from app.web.framing import Body

_REFUSAL = problem(
    400, "This is not HTTP/1.1, or can be read in two ways (RFC 9112).", headers={"Connection": "close"}
)


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client.

    Attributes:
        since: when it was opened, by the event loop's clock.
        room: set by `protocol_with`; of all connections of a server.
    """

    room: Room[HttpProtocol]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.since = self.loop.time()
        #: Set while a request is awaited or comes in; cleared when it is whole, or its client is gone.
        self._deadline: asyncio.TimerHandle | None = None
        #: Set by a head, cleared when the body behind it has come.
        self._body: Body | None = None
        #: Half a head, or what came behind a request that is being answered.
        self._held = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the first request is awaited."""
        self.room.make(sorted(self._open(), key=lambda one: one.since))
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take what came of a request."""
        if self.is_waiting:
            self._await_request()
            self._unset_keepalive_if_required()
        try:
            self._read(self._held + data)
        except (NotHttp, httptools.HttpParserError):
            self._refuse()
        if not self.is_waiting:
            self._stop_awaiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_awaiting()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Have the request answered whose head has come.

        Raises:
            NotHttp: where it ends can be read in two ways, or it asks for a tunnel.
        """
        if self.parser.should_upgrade():
            raise NotHttp("a tunnel")
        version = self.parser.get_http_version()
        self._body = body_of(self.headers, version)
        self.expect_100_continue &= version != "1.0"
        super().on_headers_complete()
        # What comes behind the last chunk is not to be taken for headers.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Pass on some of a body."""
        if self._body is not None:
            self._body.note_content()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._body = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the request that came meanwhile, if one did."""
        super().on_response_complete()
        if self._held and not self.transport.is_closing():
            self.data_received(b"")

    @property
    def is_waiting(self) -> bool:
        """Whether a request is not whole yet, or none has come after the last."""
        return self._body is not None or not self._is_answering

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def abort(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def _read(self, data: bytes) -> None:
        """Read up to the end of a request that has not been answered yet, and hold what is behind it."""
        while data and not self.transport.is_closing():
            if self._body is not None:
                end = self._body.cut(data)
                self.parser.feed_data(data[:end])
            elif self._is_answering:
                self.flow.pause_reading()
                break
            elif end := head_length(data):
                self.parser.feed_data(checked(data[:end]))
            else:
                break
            data = data[end:]
        self._held = data

    def _refuse(self) -> None:
        """Close it, with an answer if none has begun."""
        self.logger.warning("Invalid HTTP request received.")
        if self._body is None or not self.cycle.response_started:
            if self._is_answering:
                # Whatever answers learns that nobody listens any more.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            headers = [*self.server_state.default_headers, *_REFUSAL.raw_headers]
            lines = [b"%s: %s\r\n" % header for header in headers]
            self.transport.write(b"".join([STATUS_LINE[400], *lines, b"\r\n", _REFUSAL.body]))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, _without_chunks(app, cycle) if is_old else app)

    def _open(self) -> list[HttpProtocol]:
        return [
            one
            for one in self.connections
            if isinstance(one, HttpProtocol) and not one.transport.is_closing()
        ]

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(RECEIVE_WITHIN_S, self.abort)

    def _stop_awaiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _without_chunks(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """Have an app answer who knows no chunks: a body of no said length ends with its connection."""

    async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        is_counted = True

        async def send_as_is(message: ASGISendEvent) -> None:
            nonlocal is_counted
            if message["type"] == "http.response.start":
                is_counted = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not is_counted:
                    cycle.chunked_encoding = False
            elif message["type"] == "http.response.body" and not is_counted:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_as_is)

    return answer


def protocol_with_room() -> type[HttpProtocol]:
    """Return the protocol of one server, whose connections share what descriptors there are."""
    shared = Room[HttpProtocol](lambda one: one.is_waiting, HttpProtocol.abort)
    return type("HttpProtocol", (HttpProtocol,), {"room": shared})
