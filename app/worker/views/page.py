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
    )
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


def duration(seconds: float | None) -> str:
    """Say a duration for a person: `0.4 s`, `12 s`, `3 min 20 s`, `5 h 7 min`, `2 d 3 h`."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds else "0 s"
    whole = round(seconds)
    for unit, size, smaller, smaller_size in _UNITS:
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def number(value: float | None) -> str:
    """Say a number for a person, with thousands set apart; large or whole ones without a fraction."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) < 100 and value % 1 else f"{value:,.0f}"


def size(size_bytes: float) -> str:
    """Say a size for a person: `312 bytes`, `4.2 kB`, `1,204 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} bytes"
    return f"{number(size_bytes / 1000)} kB" if size_bytes < 1e6 else f"{number(size_bytes / 1e6)} MB"


def milliseconds(seconds: float) -> str:
    """Say a short time for a person: `3.4 ms`."""
    return f"{number(seconds * 1000)} ms"


_UNITS = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_ENVIRONMENT = Environment(
    loader=PackageLoader("app.worker.views"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"duration": duration, "number": number, "milliseconds": milliseconds, "size": size}
_STYLE, _SCRIPT = (_ENVIRONMENT.get_template(name).render() for name in ("page.css", "page.js"))
_ENVIRONMENT.globals |= {"style": Markup(_STYLE), "script": Markup(_SCRIPT)}  # noqa: S704  our own files
_TEMPLATE = _ENVIRONMENT.get_template("page.html")
#: Nothing runs or styles the page but these very two.
_POLICY = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
