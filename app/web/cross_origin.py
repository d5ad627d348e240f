"""Which other sites' pages may ask for what programs ask for: those of CORS_ORIGINS, with a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from app.web.request_ids import HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

#: How long a browser need not ask again whether it may ask.
_KNOWN_FOR_S = 600


class CrossOrigin:
    """Answers for browsers that show another site's page, below a path; all else is as it was.

    No cookie counts for them: browsers send none along, and are not told that they could.

    Args:
        app: what answers.
        origins: of the sites; `*` for any.
        below: what the paths begin with.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str], below: str) -> None:
        self._app = app
        self._below = below
        self._answering = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=[
                *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", HEADER)
            ],
            expose_headers=[
                *("ETag", "Link", "Location", "Retry-After", HEADER),
                *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
            ],
            max_age=_KNOWN_FOR_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        is_theirs = scope["type"] == "http" and scope["path"].startswith(self._below)
        await (self._answering if is_theirs else self._app)(scope, receive, send)
