"""Who may look at the web views of a worker (by `app.access.inside`), and what browsers may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from app.access.inside import refusal

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

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
            refused = refusal(
                token,
                authorization=request.headers.get(hdrs.AUTHORIZATION, ""),
                host=request.headers.get(hdrs.HOST, ""),
                is_local=True,  # without a token the views are on loopback only
            )
            if refused is not None:
                return web.json_response(
                    {"error": refused.reason}, status=refused.status, headers=refused.headers
                )
        return await handler(request)

    return let_in


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers what they may do with an answer (a signal handler of aiohttp)."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    # Which versions we run is nobody's business.
    response.headers[hdrs.SERVER] = "chatlog"
