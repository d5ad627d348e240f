"""What was found on a platform → the records of its topic of messages, by the rules of its channels.

A message is known by its platform and the platform's id of it, and its id has the time it was said. Where a
platform tells another time with each delivery, the first one counts: `FirstTimes` has those that were seen.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
import orjson

from models.channels import Unrecorded
from models.errors import BadRecord, Reason
from models.ids import conversation_key, id_at, identity_of, lot_of, message_source
from models.limits import OUR_RECORD_MAX_BYTES
from models.messages import (
    ChannelParent,
    Clear,
    Deletion,
    Edit,
    Feedback,
    Message,
    MessageRole,
    Presence,
    SessionTold,
)
from models.records import (
    NULL,
    ClearRecord,
    DeletionRecord,
    EditRecord,
    FeedbackRecord,
    MessageRecord,
    ParentRecord,
    PresenceRecord,
    SeenRecord,
    SessionRecord,
    encode_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from models import JSON
    from models.channels import Fate, PlatformRules
    from models.messages import Found
    from models.records import JSONText, Record

#: The most that a record may take: what its topic takes, with room for the key and for Kafka's own bytes.
RECORD_MAX_BYTES = OUR_RECORD_MAX_BYTES - 4096


class FirstTimes(Protocol):
    """When messages were first said to have been said, in ms, by `models.ids.Identity.short`."""

    def first(self, short: int, time_ms: int) -> int:
        """Return the first time of a message that was seen now; it is this one if it was not seen before."""

    def known(self, short: int) -> int | None:
        """Return the first time of a message; None if it was not seen, or is forgotten."""


class SteadyTimes:
    """Of a platform that tells the same time with every delivery of a message: there is nothing to know."""

    def first(self, short: int, time_ms: int) -> int:  # noqa: ARG002  as the protocol has it
        """Return the time that was told."""
        return time_ms

    def known(self, short: int) -> int | None:  # noqa: ARG002
        """Return None: ids tell it, if anything does."""
        return None


class Capturing(NamedTuple):
    """What an event is captured with.

    Attributes:
        platform: where it was.
        rules: of its channels.
        times: the first times of its messages.
        remembers: whether what is not recorded has to be remembered, for its first time counts as well.
        parents: channels of late that belong to another, beside those that the rules know.
    """

    platform: str
    rules: PlatformRules
    times: FirstTimes
    remembers: bool = False
    parents: Mapping[str, str] = MappingProxyType({})


class Captured(NamedTuple):
    """What becomes of something that was found.

    Attributes:
        record: what goes to the topic; None for nothing.
        unrecorded: why nothing is recorded of it; None where it is.
        sampled_out: whether a sample left it out.
    """

    record: Record | None
    unrecorded: Unrecorded | None = None
    sampled_out: bool = False


def capture(found: Found, to: Capturing, came_ms: int) -> Captured:
    """Return what becomes of something that was found.

    Args:
        found: what.
        to: what it is captured with.
        came_ms: when Kafka got the event: counts where the platform tells no time.
    """
    return _CAPTURE[type(found)](found, to, came_ms)


def encode_within_limits(record: Record) -> bytes:
    """Encode a record; one that would be too large goes without the event as it came.

    Raises:
        BadRecord: it is too large all the same.
    """
    encoded = encode_record(record)
    if len(encoded) <= RECORD_MAX_BYTES:
        return encoded
    encoded = encode_record(_without_raw(record))
    if len(encoded) <= RECORD_MAX_BYTES:
        return encoded
    raise BadRecord(
        Reason.TOO_LARGE,
        f"{len(encoded)} bytes without raw_payload, and a record may have {RECORD_MAX_BYTES}",
    )


def _message(message: Message, to: Capturing, came_ms: int) -> Captured:  # noqa: ARG001  as all have it
    platform = to.platform
    who = identity_of(platform, message.source_id)
    time_ms = to.times.first(who.short, message.timestamp)
    message_id = id_at(who.source, time_ms)
    rule = to.rules.at(message.channel, time_ms, message.parent_channel or to.parents.get(message.channel))
    is_bot = message.author_is_bot or message.role is MessageRole.BOT
    why = to.rules.unrecorded(rule, message.author_id, time_ms, is_bot=is_bot)
    if why is not None:
        return Captured(SeenRecord(platform=platform, id=message_id) if to.remembers else None, why)
    lot = who.lot if message.sampled_by is None else lot_of(platform, message.sampled_by)
    fate = rule.fate_of(lot, message.exemptions)
    record = _row(message, to, message_id, time_ms, fate, keep_raw=rule.keep_raw)
    return Captured(record, sampled_out=not fate.kept)


def _row(
    message: Message, to: Capturing, message_id: str, time_ms: int, fate: Fate, *, keep_raw: bool
) -> MessageRecord:
    """Return the record of a message; of one that a sample left out, nothing that was said."""
    platform, channel = to.platform, message.channel
    conversation = message.conversation or channel
    conversation_id = conversation_key(platform, channel, conversation)
    if not fate.kept:
        message = _without_words(message)
    return MessageRecord(
        platform=platform,
        id=message_id,
        source_id=message.source_id,
        timestamp=time_ms,
        conversation_id=conversation_id,
        conversation=conversation,
        kind=message.kind,
        channel=channel,
        role=message.role,
        content=message.content,
        author_id=message.author_id,
        author_name=message.author_name,
        channel_name=message.channel_name,
        message_type=message.message_type,
        reply_to=_reply_to(message, to) if message.reply_to is not None else None,
        response_ms=message.response_ms,
        weight=fate.weight,
        kept=fate.kept,
        mirrored=message.is_mirrored,
        metadata=_json(message.metadata),
        raw_payload=_json(message.raw_payload) if keep_raw else NULL,
    )


def _without_words(message: Message) -> Message:
    """Return who spoke, where and when, without what was said."""
    return msgspec.structs.replace(
        message,
        content="",
        message_type=None,
        reply_to=None,
        response_ms=None,
        metadata=None,
        raw_payload=None,
    )


def _reply_to(message: Message, to: Capturing) -> str | None:
    """Return the id of the message that is answered; None where nobody knows when that was said."""
    who = identity_of(to.platform, message.reply_to or "")
    said_ms = to.times.known(who.short) or message.reply_to_timestamp
    return None if said_ms is None else id_at(who.source, said_ms)


def _edit(edit: Edit, to: Capturing, came_ms: int) -> Captured:
    """Return the other text of a message that may be stored.

    Where the event tells the whole message, it is known whether that is stored. Else it may be for an
    exemption that nobody knows of here; if it is not, its row is missing, and this comes to nothing.
    """
    who = identity_of(to.platform, edit.source_id)
    row: MessageRecord | None = None
    if edit.message is None:
        said_ms = to.times.known(who.short) or edit.timestamp
    else:
        captured = _message(edit.message, to, came_ms)
        if not isinstance(captured.record, MessageRecord) or captured.sampled_out:
            return captured
        row, said_ms = captured.record, captured.record.timestamp
    rule_ms = next(ms for ms in (said_ms, edit.edited, came_ms) if ms is not None)
    rule = to.rules.at(edit.channel, rule_ms, edit.parent_channel or to.parents.get(edit.channel or ""))
    if not rule.is_enabled:
        return Captured(None, Unrecorded.DISABLED)
    if row is None and not rule.exempt and not rule.fate_of(who.lot, frozenset()).kept:
        return Captured(None, sampled_out=True)
    return Captured(
        EditRecord(
            platform=to.platform,
            source=who.source,
            content=edit.content,
            id=None if said_ms is None else id_at(who.source, said_ms),
            edited=edit.edited,
            told=edit.told,
            channel=edit.channel,
            conversation_id=row.conversation_id if row else _own_conversation(edit.channel, said_ms, to),
            message=row,
            message_type=edit.message_type,
            metadata=_json(edit.metadata),
            raw_payload=_json(edit.raw_payload) if rule.keep_raw else NULL,
        )
    )


def _deletion(deletion: Deletion, to: Capturing, came_ms: int) -> Captured:
    """Return the deletion of a message, unless that was surely not recorded.

    What becomes of the message is what the rule says when it is deleted.
    """
    who = identity_of(to.platform, deletion.source_id)
    deleted_ms = came_ms if deletion.deleted is None else deletion.deleted
    parent = deletion.parent_channel or to.parents.get(deletion.channel or "")
    said_ms = to.times.known(who.short) or deletion.timestamp
    if (
        said_ms is not None
        and deletion.channel is not None
        and not to.rules.at(deletion.channel, said_ms, parent).is_enabled
    ):
        return Captured(None, Unrecorded.DISABLED)
    return Captured(
        DeletionRecord(
            platform=to.platform,
            source=who.source,
            deleted=deleted_ms,
            deletion=to.rules.at(deletion.channel, deleted_ms, parent).deletions,
            id=None if said_ms is None else id_at(who.source, said_ms),
            channel=deletion.channel,
            conversation_id=_own_conversation(deletion.channel, said_ms, to),
            deleted_by=deletion.deleted_by,
            reason=deletion.reason,
        )
    )


def _own_conversation(channel: str | None, said_ms: int | None, to: Capturing) -> str | None:
    """Return where the row is looked for of a message whose time nobody tells: in the channel's own talk."""
    if channel is None or said_ms is not None:
        return None
    return conversation_key(to.platform, channel, channel)


def _clear(clear: Clear, to: Capturing, came_ms: int) -> Captured:  # noqa: ARG001
    """Return a clear, also of a channel of which nothing is recorded any more: what was before may be."""
    rule = to.rules.at(clear.channel, clear.cleared, to.parents.get(clear.channel))
    return Captured(
        ClearRecord(
            platform=to.platform,
            channel=clear.channel,
            cleared=clear.cleared,
            deletion=rule.deletions,
            author_id=clear.author_id,
            cleared_by=clear.cleared_by,
            duration_s=clear.duration_s,
            reason=clear.reason,
        )
    )


def _presence(presence: Presence, to: Capturing, came_ms: int) -> Captured:  # noqa: ARG001
    rule = to.rules.at(presence.channel, presence.timestamp, to.parents.get(presence.channel))
    why = to.rules.unrecorded(rule, presence.author_id, presence.timestamp)
    if why is not None:
        return Captured(None, why)
    return Captured(
        PresenceRecord(
            platform=to.platform,
            source=message_source(to.platform, presence.source_id),
            kind=presence.kind,
            channel=presence.channel,
            timestamp=presence.timestamp,
            author_id=presence.author_id,
            author_name=presence.author_name,
        )
    )


def _feedback(feedback: Feedback, to: Capturing, came_ms: int) -> Captured:  # noqa: ARG001
    rule = to.rules.at(feedback.channel, feedback.given, to.parents.get(feedback.channel or ""))
    why = to.rules.unrecorded(rule, feedback.author_id, feedback.given)
    if why is not None:
        return Captured(None, why)
    return Captured(
        FeedbackRecord(
            platform=to.platform,
            source=message_source(to.platform, feedback.source_id),
            refers_to=message_source(to.platform, feedback.refers_to),
            value=feedback.value,
            given=feedback.given,
            label=feedback.label,
            comment=feedback.comment,
            author_id=feedback.author_id,
            channel=feedback.channel,
            metadata=_json(feedback.metadata),
        )
    )


def _parent(parent: ChannelParent, to: Capturing, came_ms: int) -> Captured:  # noqa: ARG001
    return Captured(
        ParentRecord(platform=to.platform, channel=parent.channel, parent=parent.parent, name=parent.name)
    )


def _session(session: SessionTold, to: Capturing, came_ms: int) -> Captured:  # noqa: ARG001
    rule = to.rules.at(session.channel, session.told, to.parents.get(session.channel))
    why = to.rules.unrecorded(rule, session.author_id, session.told)
    if why is not None:
        return Captured(None, why)
    return Captured(
        SessionRecord(
            platform=to.platform,
            conversation_id=conversation_key(to.platform, session.channel, session.channel),
            channel=session.channel,
            told=session.told,
            author_id=session.author_id,
            metadata=_json(session.metadata),
        )
    )


_CAPTURE: dict[type, Callable[[Any, Capturing, int], Captured]] = {
    Message: _message,
    Edit: _edit,
    Deletion: _deletion,
    Clear: _clear,
    Presence: _presence,
    Feedback: _feedback,
    ChannelParent: _parent,
    SessionTold: _session,
}


def _json(value: JSON) -> JSONText:
    return NULL if value is None else msgspec.Raw(orjson.dumps(value))


def _without_raw(record: Record) -> Record:
    """Return the record without the event as it came."""
    if isinstance(record, EditRecord):
        message = record.message and msgspec.structs.replace(record.message, raw_payload=NULL)
        return msgspec.structs.replace(record, message=message, raw_payload=NULL)
    if isinstance(record, MessageRecord):
        return msgspec.structs.replace(record, raw_payload=NULL)
    return record
