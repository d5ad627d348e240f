"""The pages for people: what the JSON says, in words and tables, kept up to date while they are open.

Rendered here as a whole, so that they can be read without scripts, in the frame and the colours of the API's
pages. A script fetches the page again every few seconds and changes what differs in place: no flicker, and
focus, selection and scrolling stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import hdrs, web

from app.web.static_contents import FOREVER, STATIC
from app.web.templating import ENVIRONMENT
from app.web.theme import THEME_COOKIE, Theme, theme_named
from app.worker.views import snapshot

if TYPE_CHECKING:
    from app.worker.app import WorkerApp
    from app.worker.views.rates import Rates
    from app.worker.views.snapshot import Snapshot

#: Nothing runs or styles a page but our own files.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: What programs read, and how people call it.
_TOLD = {
    "/api/overview": "Worker",
    "/api/lag": "Lag",
    "/api/sink": "Writing",
    "/api/exports": "Exports",
    "/api/gaps": "Gaps",
    "/api/dead-letters": "Dead letters",
    "/metrics": "Metrics",
    "/health/live": "Live",
    "/health/ready": "Ready",
}
_PAGE = ENVIRONMENT.get_template("worker/views/templates/page.html")
_AS_TOLD = ENVIRONMENT.get_template("worker/views/templates/told.html")


async def page(app: WorkerApp, rates: Rates, request: web.Request) -> web.Response:
    """Answer GET /."""
    return _html(
        _PAGE.render(
            **_frame(app, request, "worker"),
            overview=snapshot.overview(app),
            remedies=snapshot.remedies(app),
            words=snapshot.words_of(app),
            lag=snapshot.lag(app),
            sink=snapshot.sink(app, rates),
            exports=snapshot.exports(app),
            dead_letters=await snapshot.dead_letters(app),
            gaps=await snapshot.gaps(app),
        )
    )


def tell(app: WorkerApp, request: web.Request, told: Snapshot, status: int = 200) -> web.Response:
    """Return an answer in JSON; whoever opens it in a browser sees it laid out, with a way back."""
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return web.json_response(told, status=status)
    text = orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()
    frame = _frame(app, request, request.path)
    return _html(_AS_TOLD.render(**frame, label=_TOLD.get(request.path, "State"), text=text), status)


async def static(request: web.Request) -> web.Response:
    """Answer with one of the files that the pages load."""
    found = STATIC.get(request.match_info["name"])
    if found is None:
        return web.json_response({"error": "there is no such file"}, status=404)
    is_present = request.query.get("v") == found.version
    return web.Response(
        body=found.content,
        content_type=found.media_type,
        charset=None if found.media_type.startswith("image/") else "utf-8",
        headers={hdrs.CACHE_CONTROL: FOREVER if is_present else "no-cache"},
    )


def _frame(app: WorkerApp, request: web.Request, here: str) -> dict[str, Any]:
    """Return what every page of a worker shows around its content."""
    lacks = {"/api/exports": snapshot.exports(app) is None, "/api/gaps": not snapshot.has_gaps(app)}
    return {
        "here": here,
        "role": app.role.value,
        "theme": theme_named(request.cookies.get(THEME_COOKIE, "")) or Theme.SYSTEM,
        "api_url": app.settings.api.public_url,
        "told": [(path, label) for path, label in _TOLD.items() if not lacks.get(path)],
    }


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(
        text=text, status=status, content_type="text/html", headers={"Content-Security-Policy": _POLICY}
    )
