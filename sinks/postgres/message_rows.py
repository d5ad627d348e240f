"""What a batch of records of messages comes to, as the statements take it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from models.ids import source_of
from models.records import (
    ClearRecord,
    DeletionRecord,
    EditRecord,
    FeedbackRecord,
    MessageRecord,
    ParentRecord,
    PresenceRecord,
    SeenRecord,
    SessionRecord,
)
from sinks.postgres.message_changes import moment, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.records import JSONText, Record

#: A row for a statement that takes JSON.
Row: TypeAlias = dict[str, Any]
#: Where no time is told of what fills an empty message in: the message's, or this where that is not known.
FILLED_MS = 0


class MessageRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The columns of a message that its record tells; what is null or as by default is left out."""

    id: str
    timestamp: int
    conversation_id: str
    channel: str
    role: str
    author_id: str | None = None
    content: str = ""
    message_type: str | None = None
    reply_to: str | None = None
    response_ms: int | None = None
    weight: float = 1.0
    metadata: JSONText | None = None
    raw_payload: JSONText | None = None


@dataclass(slots=True)
class RecordBatch:
    """Records, sorted by what is done with them.

    Attributes:
        messages: those that are to be rows, by id.
        left_out: those that a sample left out.
        edits: other texts of messages.
        deletions: of messages.
        clears: of channels.
        presences: who came and went.
        feedback: on messages.
        parents: which channels belong to which.
        sessions: that are there.
    """

    messages: list[MessageRecord] = field(default_factory=list)
    left_out: list[MessageRecord] = field(default_factory=list)
    edits: list[EditRecord] = field(default_factory=list)
    deletions: list[DeletionRecord] = field(default_factory=list)
    clears: list[ClearRecord] = field(default_factory=list)
    presences: list[PresenceRecord] = field(default_factory=list)
    feedback: list[FeedbackRecord] = field(default_factory=list)
    parents: list[ParentRecord] = field(default_factory=list)
    sessions: list[SessionRecord] = field(default_factory=list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> RecordBatch:
        """Sort records."""
        batch = cls()
        places: dict[type[Any], list[Any]] = {
            EditRecord: batch.edits,
            DeletionRecord: batch.deletions,
            ClearRecord: batch.clears,
            PresenceRecord: batch.presences,
            FeedbackRecord: batch.feedback,
            ParentRecord: batch.parents,
            SessionRecord: batch.sessions,
        }
        for record in records:
            if isinstance(record, MessageRecord):
                (batch.messages if record.kept else batch.left_out).append(record)
            elif not isinstance(record, SeenRecord):
                places[type(record)].append(record)
        batch.messages.sort(key=attrgetter("id"))
        return batch

    @property
    def has_changes(self) -> bool:
        """Whether there is anything in it but messages."""
        return bool(
            self.edits
            or self.deletions
            or self.clears
            or self.presences
            or self.feedback
            or self.parents
            or self.sessions
        )


_encode = msgspec.json.Encoder().encode


def as_json(rows: Sequence[Any]) -> str:
    """Return rows as the one parameter of a statement."""
    return _encode(rows).decode()


def key_of(record: Record) -> str:
    """Return whom a record is about: what is about one message is written in the order of the log."""
    if isinstance(record, MessageRecord | SeenRecord):
        return source_of(record.id)
    if isinstance(record, ClearRecord):
        return f"{record.channel}\n{record.author_id or ''}"
    if isinstance(record, ParentRecord | SessionRecord):
        return record.channel
    return record.source


def message_row(record: MessageRecord) -> MessageRow:
    """Return the columns of a message."""
    return MessageRow(
        record.id,
        record.timestamp,
        record.conversation_id,
        record.channel,
        record.role,
        record.author_id,
        record.content,
        record.message_type,
        record.reply_to,
        record.response_ms,
        record.weight,
        record.metadata,
        record.raw_payload,
    )


def changed_ms(edit: EditRecord) -> int:
    """Return since when a message has a text, or when it was told what fills it in."""
    told = edit.told if edit.edited is None else edit.edited
    if told is not None:
        return told
    return FILLED_MS if edit.id is None else time_of(edit.id)


def text_row(edit: EditRecord) -> Row:
    """Return a text of a message for `add_texts`."""
    return {
        "source": edit.source,
        "kind": "fill" if edit.edited is None else "edit",
        "changed": iso(changed_ms(edit)),
        "content": edit.content,
        "message_type": edit.message_type,
        "metadata": edit.metadata,
        "conversation_id": edit.conversation_id,
        "id": edit.id,
    }


def deletion_row(deletion: DeletionRecord) -> Row:
    """Return a deletion for `add_deletions`."""
    return {
        "source": deletion.source,
        "changed": iso(deletion.deleted),
        "changed_by": deletion.deleted_by,
        "reason": deletion.reason,
        "deletion": deletion.deletion,
        "conversation_id": deletion.conversation_id,
        "id": deletion.id,
    }


def clear_row(clear: ClearRecord) -> Row:
    """Return a clear for `add_clears`."""
    return {
        "channel": clear.channel,
        "author_id": clear.author_id or "",
        "cleared": iso(clear.cleared),
        "cleared_by": clear.cleared_by,
        "reason": clear.reason,
        "duration_s": clear.duration_s,
        "deletion": clear.deletion,
    }


def presence_row(presence: PresenceRecord) -> Row:
    """Return a presence for `add_presences`; where no id is told, people are known by their names."""
    return {
        "source": presence.source,
        "kind": presence.kind,
        "channel": presence.channel,
        "person_id": presence.author_id or presence.author_name,
        "timestamp": iso(presence.timestamp),
    }


def said_while_present(message: MessageRecord) -> PresenceRecord:
    """Return that somebody was there, as they said something."""
    return PresenceRecord(
        platform=message.platform,
        source=source_of(message.id),
        kind="message",
        channel=message.channel,
        timestamp=message.timestamp,
        author_id=message.author_id,
    )


def feedback_row(feedback: FeedbackRecord) -> Row:
    """Return an opinion for `add_feedback`."""
    return {
        "source": feedback.source,
        "refers_to": feedback.refers_to,
        "value": feedback.value,
        "given": iso(feedback.given),
        "label": feedback.label,
        "comment": feedback.comment,
        "author_id": feedback.author_id,
        "metadata": feedback.metadata,
    }


def parent_row(parent: ParentRecord) -> Row:
    """Return which channel another belongs to, for `add_parents`."""
    return {"channel": parent.channel, "parent": parent.parent, "name": parent.name}


def session_row(session: SessionRecord) -> Row:
    """Return that a session is there, for `add_sessions`."""
    return {
        "id": session.conversation_id,
        "channel": session.channel,
        "told": iso(session.told),
        "author_id": session.author_id,
        "metadata": session.metadata,
    }


def waves(rows: Iterable[Row], *key: str) -> Iterable[list[Row]]:
    """Yield rows in groups with no key twice: a statement cannot alter what it has just written."""
    waiting = list(rows)
    while waiting:
        wave = {tuple(row[name] for name in key): row for row in reversed(waiting)}
        yield list(wave.values())
        written = {id(row) for row in wave.values()}
        waiting = [row for row in waiting if id(row) not in written]


def iso(timestamp_ms: int) -> str:
    """Return a time as text that PostgreSQL reads."""
    return moment(timestamp_ms).isoformat()
