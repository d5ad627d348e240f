r"""Text that PostgreSQL can hold.

A JSON string may hold U+0000 and lone surrogates (half of an emoji, from a client that cut a text).
PostgreSQL takes neither, and UTF-8 has no form for the second. Both become U+FFFD, the replacement character,
and nothing else is touched: the six characters `\u0000`, when someone typed them, are text like any other.
"""

import re

from models import JSON

REPLACEMENT = "\ufffd"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

#: Of whole numbers, those that orjson writes.
_LEAST, _LARGEST = -(2**63), 2**64 - 1


def clean_text(text: str) -> str:
    """Return the text with each U+0000 and each lone surrogate replaced by U+FFFD."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def decode_text(raw: bytes) -> str:
    """Return the text that bytes hold as UTF-8, clean, whatever they are: what is no UTF-8 is U+FFFD too."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        try:
            return clean_text(raw.decode(errors="surrogatepass"))
        except UnicodeDecodeError:
            return clean_text(raw.decode(errors="replace"))
    return clean_text(text) if 0 in raw else text


def clean_json(value: JSON) -> JSON:
    """Return the value with every string in it cleaned, keys too. Recursive: the caller bounds the depth.

    Where two keys of an object become the same, the later one wins, as it does for a key given twice. A whole
    number beyond 64 bits becomes a float, as it does where orjson reads it.

    Raises:
        ValueError: a number is too large for a float, too.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): clean_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    if isinstance(value, int) and not _LEAST <= value <= _LARGEST:
        try:
            return float(value)
        except OverflowError:
            raise ValueError("a number is too large for a 64-bit float") from None
    return value
