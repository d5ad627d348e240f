"""Inline pictures, voice and files out of a logged record: megabytes that nobody searches.

In the place of each is a marker that says what it was of and its size: `[image/png, 8 bytes, not kept]`.
"""

import re

from models import JSON

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,\s]*)*;base64,([A-Za-z0-9+/_-]*={0,2})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")

#: Fields that hold base64 where one beside them says of what, or where it is long. No words are in them.
_HOLDERS = frozenset({"data", "file_data", "b64_json", "result", "image", "audio", "bytes", "base64"})
#: Fields that say of what.
_MEDIA_TYPES = ("media_type", "mime_type", "mimeType", "mediaType", "content_type", "format")
#: Characters of base64 that are no word.
_SURELY_BASE64 = 256
_ANYTHING = "application/octet-stream"


def without_base64(value: JSON) -> JSON:
    """Return the value with a marker for what is base64. Recursive: the caller bounds the depth."""
    if type(value) is str:
        return _DATA_URL.sub(_marker_of_url, value) if ";base64," in value else value
    if type(value) is dict:
        return {name: _member(name, item, value) for name, item in value.items()}
    if type(value) is list:
        return [without_base64(item) for item in value]
    return value


def _member(name: str, item: JSON, beside: dict[str, JSON]) -> JSON:
    if type(item) is str and name in _HOLDERS and _BASE64.fullmatch(item):
        media_type = next((told for field in _MEDIA_TYPES if type(told := beside.get(field)) is str), None)
        if media_type is not None or name == "b64_json" or len(item) >= _SURELY_BASE64:
            return _marker(media_type or _ANYTHING, item)
    return without_base64(item)


def _marker_of_url(found: re.Match[str]) -> str:
    return _marker(found[1] or _ANYTHING, found[2])


def _marker(media_type: str, encoded: str) -> str:
    return f"[{media_type}, {len(encoded.rstrip('=')) * 3 // 4} bytes, not kept]"
