"""An entry as asyncpg takes it, column by column: what the baselines that don't send JSON need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import orjson

if TYPE_CHECKING:
    from models import JSON
    from models.entries import ChatLogEntry

COLUMNS = (
    "userid",
    "pageid",
    "timestamp",
    "direction",
    "content",
    "question_ref",
    "shortcode",
    "surveyid",
    "message_type",
    "raw_payload",
    "metadata",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_of(entry: ChatLogEntry) -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    return (
        entry.userid,
        entry.pageid,
        _EPOCH + timedelta(milliseconds=entry.timestamp),
        entry.direction,
        entry.content,
        entry.question_ref,
        entry.shortcode,
        None if entry.surveyid is None else UUID(entry.surveyid),
        entry.message_type,
        _json(entry.raw_payload),
        _json(entry.metadata),
    )


def _json(value: JSON | msgspec.Raw) -> str | None:
    text = bytes(value) if isinstance(value, msgspec.Raw) else orjson.dumps(value)
    return None if text == b"null" else text.decode()
