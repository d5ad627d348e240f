"""One line and one count for every request: by its route, never by what was asked (names, tokens, queries).

What no route answers for is answered here: a bug is told to the log, and to the client that there is one.
"""

from __future__ import annotations

import logging
import time
import traceback
from typing import TYPE_CHECKING

from starlette.requests import Request

from app.web.error_handlers import answer_bug

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.web.metrics import RequestMetrics

log = logging.getLogger(__name__)

#: Asked for again and again by machines.
_QUIET = ("/health", "/metrics")
_UNKNOWN = "(none)"


class RequestLog:
    """Logs and counts requests, and answers for what is wrong with us.

    Args:
        app: what answers them otherwise.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status: int | None = None

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._note(scope, status, time.monotonic() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        except Exception as error:  # noqa: BLE001  whatever it is, someone waits for an answer
            # What it says may quote someone's data; where it happened does not.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error(  # noqa: TRY400  the message of the exception is left out
                "A request failed for a bug", extra={"error": type(error).__name__, "reasons": where}
            )
            if status is None:
                answer = answer_bug(Request(scope))
                await answer(scope, receive, send_and_look)
            else:
                # The client must not take what it has for the whole.
                raise ConnectionAbortedError("the answer broke off") from None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Note an answer when it begins: a stream of events lasts as long as an export."""
        route = getattr(scope.get("route"), "path_format", None) or _UNKNOWN
        self._metrics.count(scope["method"], route, status, seconds)
        log.log(
            logging.DEBUG if route.startswith(_QUIET) else logging.INFO,
            "Request",
            extra={"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 4)},
        )
