"""Bodies are small here: nothing larger than a form or a token is read into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES = 64 * 1024


class BodyLimit:
    """Refuses a body that is too long, as it comes: it may say nothing of its length, or lie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read_bytes = 0

        async def receive_some() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > BODY_MAX_BYTES or said > BODY_MAX_BYTES:
                raise HTTPException(413, f"A body has at most {BODY_MAX_BYTES} bytes here.")
            return message

        length = Headers(scope=scope).get("content-length", "")
        said = int(length) if length.isdecimal() else 0
        await self._app(scope, receive_some, send)
