"""How a download gets its name: the header Content-Disposition, for every browser and any name.

RFC 6266: a plain name in ASCII for old clients, and the real one, encoded by RFC 5987, for all others.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

#: What RFC 5987 lets stand for itself, beside letters, digits and `_.-~`, which `quote` never encodes.
_ATTR_CHARS = "!#$&+^`|"
#: In a plain name, browsers read these in their own ways: as ends, escapes, directories.
_TROUBLE = frozenset('"\\%/:*?<>|;')


def attachment(file_name: str) -> str:
    """Return the header's value that makes a browser save what it gets as `file_name`; plain ASCII."""
    # A line break would begin another header, a mark of direction show another ending.
    name = "".join(char if char.isprintable() else "_" for char in file_name) or "download"
    encoded = quote(name.encode("utf-8", "replace"), safe=_ATTR_CHARS)
    return f"attachment; filename=\"{_plain(name)}\"; filename*=UTF-8''{encoded}"


def _plain(name: str) -> str:
    # Decomposed, é is an e and an accent, which is left out.
    decomposed = (char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return "".join(char if char.isascii() and char not in _TROUBLE else "_" for char in decomposed)
