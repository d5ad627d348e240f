"""The body of a request → the events in it, each as it was written, and the record of each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ingest.raw_json import items_of, members_of
from models.errors import BadRecord, Reason
from models.limits import OUR_RECORD_MAX_BYTES
from sinks.kafka.delivery import OutRecord

if TYPE_CHECKING:
    from models.platforms import Platform

JSON_TYPE, LINES_OF_JSON, LINES = "application/json", "application/x-ndjson", "text/plain"
#: As what events can be sent.
CONTENT_TYPES = (JSON_TYPE, LINES_OF_JSON, LINES)
#: The one member of an object that holds several events.
MANY = "events"
#: How many events a request may bring, and how long its body may be.
EVENTS_MAX = 1000
BODY_MAX_BYTES = OUR_RECORD_MAX_BYTES
#: What the topic of a platform takes, with room for the key and for Kafka's own bytes.
EVENT_MAX_BYTES = OUR_RECORD_MAX_BYTES - 2048


def events_in(content_type: str, body: bytes) -> list[bytes]:
    """Return the events of a body, in order.

    JSON is one event; or several, in a list, or in an object with `events` and nothing else. Of the other
    types, each line that is not blank is one, without its end.

    Args:
        content_type: one of `CONTENT_TYPES`.
        body: of a request. What is no JSON is returned whole, for its platform to say what is wrong with it.
    """
    if content_type != JSON_TYPE:
        return [line for line in (line.rstrip(b"\r") for line in body.split(b"\n")) if line.strip()]
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return [body]
    listed = text
    members = members_of(text)
    if members is not None and members.keys() == {MANY}:
        listed = members[MANY]
    found = items_of(listed)
    if found is None:
        return [body] if body.strip() else []
    return [item.encode() for item in found]


def record_of(platform: Platform, event: bytes) -> OutRecord:
    """Return the record of an event: its bytes, keyed as the platform's topic is.

    What tells no key and says nothing either, such as a PING, has none.

    Raises:
        BadRecord: it cannot be read, or tells no key although it says something.
    """
    if len(event) > EVENT_MAX_BYTES:
        raise BadRecord(Reason.TOO_LARGE, f"larger than {EVENT_MAX_BYTES} bytes")
    key = platform.key_of(event)
    if key is None and platform.extract(event).found:
        raise BadRecord(Reason.MISSING_FIELD, "it says something, but not where that was said")
    return OutRecord(None if key is None else key.encode(), event)
