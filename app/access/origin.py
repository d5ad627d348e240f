"""Where a request of a browser comes from, and where a person may be sent on to: our own pages only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

if TYPE_CHECKING:
    from starlette.requests import Request

HOME = "/"


def is_from_our_pages(request: Request, public_url: str | None) -> bool:
    """Tell whether what the browser says of a request's origin allows a write.

    Browsers say it, and no page can alter what they say; what says nothing is no browser of today.

    Args:
        request: the write.
        public_url: what browsers call us; None on loopback, where it is any name that they used for us. (A
            name that someone else made point here is another host to a browser: it sends no cookie of ours.)
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    theirs = _parts(origin)
    if theirs is None:
        return False
    return theirs == _parts(public_url or f"{theirs[0]}://{request.headers.get('host', '')}")


def own_path(wanted: str | None) -> str:
    r"""Return the path to go to: `wanted` if it is one of ours, or else the first page.

    What browsers read as another host is none of ours: `//host`, `/\host`, and both with a tab or a line
    break in between, which they leave out.
    """
    if wanted is None or not wanted.startswith("/") or wanted.startswith("//"):
        return HOME
    if "\\" in wanted or not wanted.isascii() or not wanted.isprintable():
        return HOME
    return wanted


def _parts(origin: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port (the usual one where none is said); None for what is no origin."""
    try:
        url = URL(origin)
    except ValueError:
        return None
    return (url.scheme, url.host, url.port) if url.host else None
