"""How the API speaks HTTP: as uvicorn does, but with a deadline for a request and no two ways to read one.

Uvicorn waits for the rest of a request for ever. And h11 takes some that a proxy before us may have read in
another way: with both Content-Length and Transfer-Encoding (RFC 9112, 6.1 and 11.2), or with lines that go on
or end in two ways. They are refused, and the connection is closed, as for whatever else is not HTTP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.web.connections import RECEIVE_WITHIN_S, Room

if TYPE_CHECKING:
    import asyncio

    from h11._events import Event

_CONTINUED = re.compile(rb"\n[ \t]|(?<!\r)\n")
_TWO_LENGTHS = {b"content-length", b"transfer-encoding"}


class HttpProtocol(H11Protocol):
    """One connection of a client.

    Attributes:
        since: when it was opened, by the event loop's clock.
        room: set by `protocol_with`; of all connections of a server.
    """

    room: Room[HttpProtocol]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _OneWay(h11.SERVER)
        self.since = self.loop.time()
        #: Set while a request is awaited or comes in; cleared when it is whole, or its client is gone.
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the first request is awaited."""
        self.room.make(sorted(self._open(), key=lambda one: one.since))
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take what came of a request."""
        if self.is_waiting:
            self._await_request()
        super().data_received(data)
        if not self.is_waiting:
            self._stop_awaiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_awaiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, unless its request is being answered: then nothing more can be said."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    @property
    def is_waiting(self) -> bool:
        """Whether a request is not whole yet, or none has come after the last."""
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY} or (
            self.cycle is not None  # type: ignore[redundant-expr]  # before the first request it is
            and self.cycle.response_complete
        )

    def abort(self) -> None:
        """Close it at once."""
        self.transport.abort()

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


class _OneWay(h11.Connection):
    """Reads requests that every server reads in the same way."""

    def next_event(self) -> Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.IDLE and _is_ambiguous(self.trailing_data[0]):
            raise h11.RemoteProtocolError(
                "a header over several lines, or lines that end otherwise than by CR LF"
            )
        event = super().next_event()
        if isinstance(event, h11.Request) and {name for name, _ in event.headers} >= _TWO_LENGTHS:
            raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
        return event


def _is_ambiguous(received: bytes) -> bool:
    """Tell whether what has come of a head goes on over lines (RFC 9112, 5.2), or has a bare LF (2.2)."""
    head = received.partition(b"\r\n\r\n")[0]
    return _CONTINUED.search(head) is not None


def protocol_with_room() -> type[HttpProtocol]:
    """Return the protocol of one server, whose connections share what descriptors there are."""
    shared = Room[HttpProtocol](lambda one: one.is_waiting, HttpProtocol.abort)
    return type("HttpProtocol", (HttpProtocol,), {"room": shared})
