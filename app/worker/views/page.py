"""The page for people: what the JSON says, in words and tables, kept up to date while it is open.

Rendered here as a whole, so that it can be read without scripts. Its script fetches it again every few
seconds and changes what differs in place: no flicker, and focus, selection and scrolling stay.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.web import words
from app.worker.views import snapshot

if TYPE_CHECKING:
    from app.worker.app import WorkerApp
    from app.worker.views.rates import Rates


async def page(app: WorkerApp, rates: Rates) -> web.Response:
    """Answer GET /."""
    text = _TEMPLATE.render(
        overview=snapshot.overview(app),
        lag=snapshot.lag(app),
        sink=snapshot.sink(app, rates),
        exports=snapshot.exports(app),
        dead_letters=await snapshot.dead_letters(app),
        gaps=await snapshot.gaps(app),
    )
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_ENVIRONMENT = Environment(
    loader=PackageLoader("app.worker.views"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "duration": words.duration,
    "number": words.number,
    "size": words.size,
}
_STYLE, _SCRIPT = (_ENVIRONMENT.get_template(name).render() for name in ("page.css", "page.js"))
_ENVIRONMENT.globals |= {"style": Markup(_STYLE), "script": Markup(_SCRIPT)}  # noqa: S704  our own files
_TEMPLATE = _ENVIRONMENT.get_template("page.html")
#: Nothing runs or styles the page but these very two.
_POLICY = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
