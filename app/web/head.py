"""HEAD wherever there is GET (RFC 9110, 9.3.2): the same answer, but for what would be in it.

The routes know nothing of it, and neither does OpenAPI: it would describe each of them twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadLikeGet:
    """Has HEAD answered by what answers GET, and keeps the content back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        like_get = {**scope, "method": "GET"}
        answering = anyio.CancelScope()

        async def send_without_content(message: Message) -> None:
            if message["type"] == "http.response.start":
                # For the log, which counts this as the HEAD that it is.
                scope["route"] = like_get.get("route")
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif message.get("more_body", False):
                # The client has its answer; a stream of events would go on for as long as an export.
                answering.cancel()

        with answering:
            await self._app(like_get, receive, send_without_content)
