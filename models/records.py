"""The records of a platform's topic of messages: what capture hands to persist, one JSON object each.

    {"op": "message", "platform": "twitch", "id": …}

The operation says which of the types below it is. Ids of messages are ours (`models.ids`): `source` is who a
message is, `id` that with its time. Times are ms since 1970, UTC. The rule that held for the channel as of
the event's own time has been applied: persist writes what it is told.
"""

import re
from typing import TypeAlias, cast

import msgspec

from models.errors import BadRecord, Reason
from models.fields import CANONICAL_UUID

#: The text of a JSON value, which nobody looks into on its way from the platform to the table.
JSONText: TypeAlias = msgspec.Raw
NULL = msgspec.Raw(b"null")


class MessageRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="message"):
    """A message: a row of `messages`, and what its conversation and its author are called.

    Attributes:
        platform: where it was said.
        id: of the row.
        source_id: the platform's own id.
        timestamp: when it was said; of several deliveries, as the first one said.
        conversation_id: what it belongs to.
        conversation: the platform's name of that.
        kind: what that is (`models.messages.ConversationKind`).
        channel: the place on the platform.
        role: who spoke.
        content: what was said.
        author_id: the platform's id of who spoke.
        author_name: how they are called there.
        channel_name: how the channel is called there.
        message_type: what kind of message, in the platform's words.
        reply_to: the id of the message that it answers, where its time is known.
        response_ms: how long the answer took.
        weight: how many messages it stands for: 1 / the rate that it was sampled at.
        kept: whether it is to be a row. If not, a sample left it out, and neither content nor payloads are
            here: it is only counted among what its author said.
        mirrored: whether it is a copy of a message of another channel, where it is counted.
        metadata: what else is worth a column.
        raw_payload: the event as it came; null where the channel's rule keeps none.
    """

    platform: str
    id: str
    source_id: str
    timestamp: int
    conversation_id: str
    conversation: str
    kind: str
    channel: str
    role: str
    content: str = ""
    author_id: str | None = None
    author_name: str | None = None
    channel_name: str | None = None
    message_type: str | None = None
    reply_to: str | None = None
    response_ms: int | None = None
    weight: float = 1.0
    kept: bool = True
    mirrored: bool = False
    metadata: JSONText = NULL
    raw_payload: JSONText = NULL


class EditRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="edit"):
    """Another text of a message.

    Attributes:
        platform: where it was said.
        source: which message.
        id: of its row, where the time of the message is known.
        content: the text.
        edited: since when; None for a text that fills in an empty message.
        told: when a text that fills in was told, as far as the platform says it: the last one holds.
        channel: where, as far as told.
        conversation_id: what the message belongs to, as far as told.
        message: its row as it is now, for a message that has none yet.
        message_type: what kind it is now.
        metadata: as of a message.
        raw_payload: as of a message.
    """

    platform: str
    source: str
    content: str
    id: str | None = None
    edited: int | None = None
    told: int | None = None
    channel: str | None = None
    conversation_id: str | None = None
    message: MessageRecord | None = None
    message_type: str | None = None
    metadata: JSONText = NULL
    raw_payload: JSONText = NULL


class DeletionRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="deletion"):
    """A message was taken back.

    Attributes:
        platform: where it was said.
        source: which message.
        deleted: when; where the platform does not tell, when Kafka got the event.
        deletion: what the channel's rule makes of it: `keep`, `hide` or `blank`.
        id: of its row, where the time of the message is known.
        channel: where, as far as told.
        conversation_id: what the message belongs to, as far as told.
        deleted_by: the platform's id of who did it, as far as told.
        reason: why, in the platform's words.
    """

    platform: str
    source: str
    deleted: int
    deletion: str = "keep"
    id: str | None = None
    channel: str | None = None
    conversation_id: str | None = None
    deleted_by: str | None = None
    reason: str | None = None


class ClearRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="clear"):
    """Everything said before in a channel was taken back: of one person, or of all.

    Attributes:
        platform: where.
        channel: where on it.
        cleared: when.
        deletion: what the channel's rule makes of it: `keep`, `hide` or `blank`.
        author_id: whose; None for everybody's.
        cleared_by: the platform's id of who did it, as far as told.
        duration_s: how long the person is kept out.
        reason: why, in the platform's words.
    """

    platform: str
    channel: str
    cleared: int
    deletion: str = "keep"
    author_id: str | None = None
    cleared_by: str | None = None
    duration_s: int | None = None
    reason: str | None = None


class PresenceRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="presence"):
    """Somebody came or went (`models.messages.Presence`); `source` is who this event is."""

    platform: str
    source: str
    kind: str
    channel: str
    timestamp: int
    author_id: str | None = None
    author_name: str | None = None


class FeedbackRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="feedback"):
    """What somebody thinks of a message (`models.messages.Feedback`); `refers_to` is the message's source."""

    platform: str
    source: str
    refers_to: str
    value: float
    given: int
    label: str | None = None
    comment: str | None = None
    author_id: str | None = None
    channel: str | None = None
    metadata: JSONText = NULL


class ParentRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="parent"):
    """A channel belongs to another, whose rules hold for it (`models.messages.ChannelParent`)."""

    platform: str
    channel: str
    parent: str
    name: str | None = None


class SessionRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="session"):
    """A session is there (`models.messages.SessionTold`); of several, the earliest and the latest count.

    Attributes:
        platform: where.
        conversation_id: which.
        channel: the same, as the platform calls it.
        told: when it began, or was touched.
        author_id: whose it is, as far as told.
        metadata: what is known of it: the latest that is not null holds.
    """

    platform: str
    conversation_id: str
    channel: str
    told: int
    author_id: str | None = None
    metadata: JSONText = NULL


class SeenRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="op", tag="seen"):
    """A message that is not recorded was seen: for capture, which gives it the same time when it comes again.

    Nothing is to be stored of it. `id` is what it would have been.
    """

    platform: str
    id: str


#: What the topic holds.
Record: TypeAlias = (
    MessageRecord
    | EditRecord
    | DeletionRecord
    | ClearRecord
    | PresenceRecord
    | FeedbackRecord
    | ParentRecord
    | SessionRecord
    | SeenRecord
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


class _Row(msgspec.Struct, gc=False):
    """The least that tells which message a record is, and its time."""

    op: str = ""
    id: str | None = None
    message: "_Row | None" = None


_IS_ID = re.compile(CANONICAL_UUID).match
_row_decoder = msgspec.json.Decoder(_Row)


def encode_record(record: Record) -> bytes:
    """Encode a record as the topic holds it."""
    return _encoder.encode(record)


def decode_record(raw: bytes | None) -> Record:
    """Decode a record of the topic. Unknown fields are ignored.

    Raises:
        BadRecord: it is none that capture writes.
    """
    if not raw:
        raise BadRecord(Reason.EMPTY, "the record has no value")
    try:
        return cast("Record", _decoder.decode(raw))
    except msgspec.ValidationError as error:
        raise BadRecord(Reason.WRONG_TYPE, f"not a record of messages: {error}") from None
    except msgspec.DecodeError:
        raise BadRecord(Reason.NOT_JSON, "not JSON") from None
    except RecursionError:
        raise BadRecord(Reason.TOO_DEEP, "objects and lists are nested too deep") from None


def message_told_in(raw: bytes | None) -> str | None:
    """Return the id of the message that a record of the topic tells, recorded or not; None for all others."""
    try:
        row = _row_decoder.decode(raw or b"")
    except (msgspec.DecodeError, RecursionError):
        return None
    if row.op == "edit":
        row = row.message or _Row()
    elif row.op not in {"message", "seen"}:
        return None
    # Whoever writes what capture does not must not stop it when it reads back.
    return row.id if row.id is not None and _IS_ID(row.id) else None
