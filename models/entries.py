"""A chat log entry: one visible message, one row of `chat_log`, one record of the chat-log topic.

The topic's format is a contract: any producer may write it, and other consumers read it. How an entry comes
out of an event is the platform's matter (`models.platforms`), how it gets into the table the sink's.
"""

from dataclasses import dataclass
from enum import StrEnum

import orjson

from models import JSON
from models.decoding import MAX_DEPTH, decode_object
from models.errors import BadRecord, Reason
from models.fields import (
    optional_id,
    optional_indexed_id,
    optional_text,
    optional_uuid,
    required_id,
    required_text,
    required_timestamp_ms,
)

#: An entry holds an event one level down, and every event that could be read must be readable in it.
MAX_ENTRY_DEPTH = MAX_DEPTH + 1


class Direction(StrEnum):
    """Who said it."""

    BOT = "bot"
    USER = "user"


# Neither frozen nor slotted: every message is built twice and encoded twice, and that would take five times
# and twice as long. Nobody changes one but persist, which puts in a surveyid that was missing.
@dataclass
class ChatLogEntry:
    """One visible message. The fields are the columns of `chat_log`, in their order.

    Attributes:
        userid: the person, whoever spoke; never empty.
        pageid: the bot's page or channel.
        timestamp: when the platform says it was said, in ms since 1970, UTC.
        direction: who spoke.
        content: what was said, unaltered but for what no text column can hold; may be empty.
        question_ref: the survey question that was asked or answered.
        shortcode: the form the person was in.
        surveyid: the survey of that form, as canonical UUID text, where known.
        message_type: what kind of message, in the platform's or the bot's words.
        raw_payload: the event as it came.
        metadata: what the bot knew about the person at the time.
    """

    userid: str
    pageid: str | None
    timestamp: int
    direction: Direction
    content: str
    question_ref: str | None
    shortcode: str | None
    surveyid: str | None
    message_type: str | None
    raw_payload: JSON
    metadata: JSON

    @property
    def key(self) -> tuple[str, int, Direction]:
        """The primary key: two entries with the same key are the same message."""
        return (self.userid, self.timestamp, self.direction)


def encode_entry(entry: ChatLogEntry) -> bytes:
    """Encode an entry as the chat-log topic holds it: a JSON object named by field, the timestamp in ms."""
    return orjson.dumps(entry)


def decode_entry(raw: bytes | None) -> ChatLogEntry:
    """Decode a record of the chat-log topic, whoever wrote it. Unknown fields are ignored.

    Raises:
        BadRecord: it can never be a row; the detail names the field.
    """
    get = decode_object(raw, max_depth=MAX_ENTRY_DEPTH).get
    return ChatLogEntry(
        required_id(get("userid"), "userid"),
        optional_id(get("pageid"), "pageid"),
        required_timestamp_ms(get("timestamp"), "timestamp"),
        _direction(get("direction")),
        required_text(get("content"), "content"),
        optional_id(get("question_ref"), "question_ref"),
        optional_indexed_id(get("shortcode"), "shortcode"),
        optional_uuid(get("surveyid"), "surveyid"),
        optional_text(get("message_type"), "message_type"),
        get("raw_payload"),
        get("metadata"),
    )


_DIRECTIONS = {direction.value: direction for direction in Direction}


def _direction(value: JSON) -> Direction:
    if type(value) is str and value in _DIRECTIONS:
        return _DIRECTIONS[value]
    required_text(value, "direction")
    raise BadRecord(Reason.UNKNOWN_VALUE, "direction: expected 'bot' or 'user'")
