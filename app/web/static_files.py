"""The stylesheet, scripts and icon of the pages, each under an address that changes with its content."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from fastapi import APIRouter, HTTPException, Request, Response

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


def _contents(directory: Traversable, prefix: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in directory.iterdir():
        if entry.is_dir():
            found |= _contents(entry, f"{prefix}{entry.name}/")
        else:
            found[prefix + entry.name] = entry.read_bytes()
    return found


#: All of it, 80 kB: no path that a browser sends ever reaches the file system.
_CONTENTS = _contents(files("app.web").joinpath("static"))
_VERSIONS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in _CONTENTS.items()}


def address_of(name: str) -> str:
    """Return where browsers find a file of `static/`.

    Raises:
        KeyError: there is no such file.
    """
    return f"/static/{name}?v={_VERSIONS[name]}"


@router.get("/static/{name:path}")
async def static(request: Request, name: str) -> Response:
    """Answer with a file; one that is asked for by its present version need never be asked for again."""
    if name not in _CONTENTS:
        raise HTTPException(404)
    is_present = request.query_params.get("v") == _VERSIONS[name]
    return Response(
        _CONTENTS[name],
        media_type=_MEDIA_TYPES[PurePosixPath(name).suffix],
        headers={"Cache-Control": _FOREVER if is_present else "no-cache"},
    )
