"""Threads of learners: what their messages hold, what is told of them, and how their state is named. Pure.

The format of events is that of the service whose contract this keeps (docs/threads.md): an object with
`event_type`, `tenant_id`, `learner_id`, `timestamp` and `data`. Ours have an `event_id` beside, by which who
reads them again tells what they had.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from models import JSON

#: What in a message's metadata is ours: its content, where that is more than a text.
CONTENT_KEY = "chatlog.content"
OUR_KEYS = "chatlog."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ThreadEventType(StrEnum):
    """What can happen; those of changed and deleted messages, and of changed threads, are ours alone."""

    MESSAGE_CREATED = "CHAT_MESSAGE_CREATED"
    MESSAGE_UPDATED = "CHAT_MESSAGE_UPDATED"
    MESSAGE_DELETED = "CHAT_MESSAGE_DELETED"
    THREAD_CREATED = "CHAT_THREAD_CREATED"
    THREAD_UPDATED = "CHAT_THREAD_UPDATED"
    THREAD_DELETED = "CHAT_THREAD_DELETED"
    EXPORT_REQUESTED = "CHAT_PRIVACY_EXPORT_REQUESTED"
    DELETION_REQUESTED = "CHAT_PRIVACY_DELETION_REQUESTED"

    @property
    def tells_content(self) -> bool:
        """Whether it brings what a message says."""
        return self in {ThreadEventType.MESSAGE_CREATED, ThreadEventType.MESSAGE_UPDATED}


class SplitContent(NamedTuple):
    """What a message says, as it is kept.

    Attributes:
        text: what people read, and what is searched.
        metadata: what was given, with the content in it where that is more than the text; None for nothing.
    """

    text: str
    metadata: dict[str, JSON] | None


def split_content(content: str | Mapping[str, JSON], metadata: Mapping[str, JSON]) -> SplitContent:
    """Return what is kept of a message.

    Args:
        content: a text, an object with `text`, or one with `parts`, of which some may have a `text`.
        metadata: whatever the client wants kept beside, without keys of ours.
    """
    if isinstance(content, str):
        content = {"text": content}
    text = text_of(content)
    kept = dict(metadata)
    if dict(content) != {"text": text}:
        kept[CONTENT_KEY] = dict(content)
    return SplitContent(text, kept or None)


def whole_content(text: str, metadata: Mapping[str, JSON] | None) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Return the content and the metadata of a kept message, as they were given."""
    kept = dict(metadata or {})
    content = kept.pop(CONTENT_KEY, None)
    return (content if isinstance(content, dict) else {"text": text}), kept


def text_of(content: Mapping[str, JSON]) -> str:
    """Return what is to be read of a content: its text, else those of its parts, one a line."""
    text = content.get("text")
    if isinstance(text, str):
        return text
    parts = content.get("parts")
    if not isinstance(parts, list):
        return ""
    texts = [part if isinstance(part, str) else _text_in(part) for part in parts]
    return "\n".join(text for text in texts if text)


def _text_in(part: JSON) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else ""


def tag_of(state: datetime | None) -> str:
    """Return the ETag of something that was last changed then; None for what never was.

    Strong (RFC 9110, 8.8.3): no two changes of one thing are of one microsecond.
    """
    return f'"{0 if state is None else (state - _EPOCH) // _MICROSECOND}"'


def is_matched(if_match: str | None, tag: str) -> bool:
    """Tell whether what somebody wants to change is what they saw (RFC 9110, 13.1.1).

    Args:
        if_match: the header If-Match; None for none, which asks nothing.
        tag: the ETag of what there is.
    """
    if if_match is None:
        return True
    named = [part.strip() for part in if_match.split(",")]
    return "*" in named or tag in named


def event_of(  # noqa: PLR0913  an event has so many parts
    event_type: str,
    *,
    event_id: UUID,
    tenant_id: str,
    learner_id: str,
    occurred: datetime,
    thread_id: UUID | None,
    message_id: UUID | None,
    data: Mapping[str, Any],
    content: str | None = None,
) -> dict[str, Any]:
    """Return an event as it is told.

    Args:
        event_type: one of ThreadEventType.
        event_id: which event.
        tenant_id: whose.
        learner_id: of which learner.
        occurred: when.
        thread_id: in which thread; None for what concerns all of a learner's.
        message_id: which message, if one.
        data: what else there is to tell.
        content: what the message says now; None where it says nothing any more.

    Raises:
        ValueError: there is no such event.
    """
    told: dict[str, Any] = {}
    if message_id is not None:
        told["message_id"] = str(message_id)
    if thread_id is not None:
        told["thread_id"] = str(thread_id)
    told |= data
    if ThreadEventType(event_type).tells_content:
        told["content"] = content
    return {
        "event_id": str(event_id),
        "event_type": event_type,
        "tenant_id": tenant_id,
        "learner_id": learner_id,
        "timestamp": occurred.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": told,
    }


def event_record(event: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the key and the value of the record of an event: those of a thread are in one partition."""
    key = event["data"].get("thread_id") or f"{event['tenant_id']}/{event['learner_id']}"
    return key.encode(), orjson.dumps(event)
