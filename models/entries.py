"""A chat log entry: one visible message, one row of `chat_log`, one record of the chat-log topic.

The topic's format is a contract: any producer may write it, and other consumers read it. How an entry comes
out of an event is the platform's matter (`models.platforms`), how it gets into the table the sink's.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
import orjson

from models import JSON
from models.decoding import MAX_DEPTH, decode_object
from models.errors import BadRecord, Reason
from models.fields import (
    CANONICAL_UUID,
    SURELY_FITS,
    TIMESTAMP_MAX_MS,
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


#: A JSON value, or the text of one that was not parsed.
JSONColumn: TypeAlias = "JSON | msgspec.Raw"


class Direction(StrEnum):
    """Who said it."""

    BOT = "bot"
    USER = "user"


# No garbage can be in cycles here: values are text, numbers, and JSON.
class ChatLogEntry(msgspec.Struct, frozen=True, gc=False):
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
        raw_payload: the event as it came. Not parsed in an entry that was decoded: on the way from the topic
            to the table nobody looks into it.
        metadata: what the bot knew about the person at the time. Not parsed in a decoded entry either.
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
    raw_payload: JSONColumn
    metadata: JSONColumn

    @property
    def key(self) -> tuple[str, int, Direction]:
        """The primary key: two entries with the same key are the same message."""
        return (self.userid, self.timestamp, self.direction)


class _Decoded(ChatLogEntry, frozen=True, gc=False, kw_only=True):
    """An entry whose record already has every value as it is stored."""

    userid: Annotated[str, msgspec.Meta(min_length=1, max_length=SURELY_FITS)]
    pageid: str | None = None
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=TIMESTAMP_MAX_MS)]
    direction: Direction
    content: str
    question_ref: str | None = None
    shortcode: Annotated[str, msgspec.Meta(max_length=SURELY_FITS)] | None = None
    surveyid: Annotated[str, msgspec.Meta(pattern=CANONICAL_UUID)] | None = None
    message_type: str | None = None
    raw_payload: msgspec.Raw = msgspec.Raw(b"null")
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class _Said(msgspec.Struct):
    mid: str | None = None


class _Event(msgspec.Struct):
    """What an event tells of who it is."""

    message: _Said | None = None
    postback: _Said | None = None


_BACKSLASH = ord("\\")
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Decoded)
_event_decoder = msgspec.json.Decoder(_Event)


def encode_entry(entry: ChatLogEntry) -> bytes:
    """Encode an entry as the chat-log topic holds it: a JSON object named by field, the timestamp in ms."""
    return _encoder.encode(entry)


def encode_entries(entries: Sequence[ChatLogEntry]) -> bytes:
    """Encode entries as a JSON list of what `encode_entry` makes of each."""
    return _encoder.encode(entries)


def decode_entry(raw: bytes | None) -> ChatLogEntry:
    """Decode a record of the chat-log topic, whoever wrote it. Unknown fields are ignored.

    Numbers in the JSON columns stay as they were written, whatever their size, if nothing in the record has
    to be altered; otherwise they follow `models.decoding`.

    Raises:
        BadRecord: it can never be a row; the detail names the field.
    """
    if raw and _can_be_stored_as_it_is(raw):
        try:
            return _decoder.decode(raw)
        except msgspec.DecodeError:  # not JSON, or not as it is stored: the rules tell
            return _by_the_rules(raw)
    return _by_the_rules(raw)


def mid_of(entry: ChatLogEntry) -> str | None:
    """Return the platform's own id of the message, None where its event has none that can be read.

    Two entries with one key and two ids are two messages, of which the table can hold one.
    """
    payload = entry.raw_payload
    try:
        if isinstance(payload, msgspec.Raw):
            event = _event_decoder.decode(payload)
        else:
            event = msgspec.convert(payload, _Event)
    except msgspec.DecodeError:
        return None
    return next((said.mid for said in (event.message, event.postback) if said and said.mid is not None), None)


def _can_be_stored_as_it_is(raw: bytes) -> bool:
    """Tell whether text and depth are fine, without parsing: False means that it takes a closer look."""
    return (
        # Text that cannot be stored is only ever written by such an escape.
        (_BACKSLASH not in raw or raw.find(b"\\u") < 0)
        and raw.count(b"{") + raw.count(b"[") <= MAX_ENTRY_DEPTH
        and (raw.isascii() or _is_utf8(raw))
    )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _by_the_rules(raw: bytes | None) -> ChatLogEntry:
    """Make an entry of what may be written otherwise than it is stored, field by field."""
    get = decode_object(raw, max_depth=MAX_ENTRY_DEPTH).get
    return _Decoded(
        userid=required_id(get("userid"), "userid"),
        pageid=optional_id(get("pageid"), "pageid"),
        timestamp=required_timestamp_ms(get("timestamp"), "timestamp"),
        direction=_direction(get("direction")),
        content=required_text(get("content"), "content"),
        question_ref=optional_id(get("question_ref"), "question_ref"),
        shortcode=optional_indexed_id(get("shortcode"), "shortcode"),
        surveyid=optional_uuid(get("surveyid"), "surveyid"),
        message_type=optional_text(get("message_type"), "message_type"),
        raw_payload=msgspec.Raw(orjson.dumps(get("raw_payload"))),
        metadata=msgspec.Raw(orjson.dumps(get("metadata"))),
    )


_DIRECTIONS = {direction.value: direction for direction in Direction}


def _direction(value: JSON) -> Direction:
    if type(value) is str and value in _DIRECTIONS:
        return _DIRECTIONS[value]
    required_text(value, "direction")
    raise BadRecord(Reason.UNKNOWN_VALUE, "direction: expected 'bot' or 'user'")
