"""Who may look: the token, the names a local worker answers to, and what browsers may do with an answer.

With WEB_TOKEN, everything but the worker's health needs it. Without, the views are on loopback only
(`app.settings`), and requests must name a loopback host: else a page on the web could make its own name
point to 127.0.0.1 and have the visitor's browser read the views for it (DNS rebinding).
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from aiohttp import BasicAuth, hdrs, web
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler, Middleware

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: Asked by whoever runs the workers, without a token; the answers hold topics, offsets and counts only.
OPEN = frozenset({"/health/live", "/health/ready"})

#: Nothing may be loaded, run, framed, kept or sent on, unless a view says otherwise.
_HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def guard(token: str | None) -> Middleware:
    """Return the middleware that lets in who may look."""

    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in OPEN:
            if token is None and not _names_loopback(request.headers.get(hdrs.HOST, "")):
                return _refuse(421, "without WEB_TOKEN this worker answers to localhost only")
            if token is not None and not holds(token, request.headers.get(hdrs.AUTHORIZATION, "")):
                # A browser asks its user for a name, which is ignored, and a password, which is the token.
                offers: dict[str, str] = {
                    hdrs.WWW_AUTHENTICATE: 'Basic realm="chatlog", charset="UTF-8", Bearer realm="chatlog"'
                }
                return _refuse(401, "send Authorization: Bearer and the value of WEB_TOKEN", offers)
        return await handler(request)

    return let_in


def holds(token: str, authorization: str) -> bool:
    """Tell whether an Authorization header holds the token: as Bearer, or as the password of Basic."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        presented = credentials.strip()
    else:
        try:
            presented = BasicAuth.decode(authorization, encoding="utf-8").password
        except ValueError:
            return False
    # What is not UTF-8 comes as surrogates, which cannot be encoded otherwise.
    return hmac.compare_digest(presented.encode(errors="surrogateescape"), token.encode())


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers what they may do with an answer (a signal handler of aiohttp)."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    # Which versions we run is nobody's business.
    response.headers[hdrs.SERVER] = "chatlog"


def _names_loopback(host: str) -> bool:
    try:
        return URL(f"http://{host}").host in LOOPBACK
    except ValueError:
        return False


def _refuse(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=headers)
