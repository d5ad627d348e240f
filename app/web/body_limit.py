"""Bodies are small here: where the site does not say more, nothing larger than a form or a token is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES = 64 * 1024


class BodyLimit:
    """Refuses a body that is too long, as it comes: it may say nothing of its length, or lie.

    Args:
        app: what answers the rest.
        larger: what paths begin with whose bodies may be longer, and how long.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int]) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read_bytes = 0
        path: str = scope["path"]
        at_most = next(
            (size for begins, size in self._larger.items() if path.startswith(begins)), BODY_MAX_BYTES
        )

        async def receive_some() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > at_most or said > at_most:
                raise HTTPException(413, f"A body has at most {at_most} bytes here.")
            return message

        length = Headers(scope=scope).get("content-length", "")
        said = int(length) if length.isdecimal() else 0
        await self._app(scope, receive_some, send)
