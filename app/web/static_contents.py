"""The files that pages load, read when the program starts: no path of a browser reaches the file system."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
#: How long a browser may keep what it asked for by its version.
FOREVER = "public, max-age=31536000, immutable"


class StaticFile(NamedTuple):
    """A file of `static/`.

    Attributes:
        content: what is in it.
        media_type: what it is; text is UTF-8.
        version: changes with the content.
    """

    content: bytes
    media_type: str
    version: str


def address_of(name: str) -> str:
    """Return where browsers find a file of `static/`.

    Raises:
        KeyError: there is no such file.
    """
    return f"/static/{name}?v={STATIC[name].version}"


def _read(directory: Traversable, prefix: str = "") -> dict[str, StaticFile]:
    found: dict[str, StaticFile] = {}
    for entry in directory.iterdir():
        if entry.is_dir():
            found |= _read(entry, f"{prefix}{entry.name}/")
        else:
            content = entry.read_bytes()
            version = hashlib.sha256(content).hexdigest()[:12]
            found[prefix + entry.name] = StaticFile(
                content, _MEDIA_TYPES[PurePosixPath(entry.name).suffix], version
            )
    return found


#: All of them, by name.
STATIC = _read(files("app.web").joinpath("static"))
