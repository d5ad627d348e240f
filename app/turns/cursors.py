"""The place in a list as programs hand it back: text that says nothing to them. Pure."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import UTC, datetime, timedelta

from app.web.paging import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def cursor_of(place: Place) -> str:
    """Return the cursor of a place whose key is an id."""
    told = (place.moment - _EPOCH) // _US
    return base64.urlsafe_b64encode(f"{told}.{place.key}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Return the place of a cursor.

    Raises:
        ValueError: it is none of ours.
    """
    try:
        told, _, key = (
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(".")
        )
        return Place(_EPOCH + int(told) * _US, str(uuid.UUID(key)))
    except (binascii.Error, ValueError, OverflowError):
        raise ValueError("no cursor of this list: use what `next` says, or none") from None
