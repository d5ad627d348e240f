"""What was said and done on a platform: what its extractor finds in an event. Pure facts, before any rule.

A platform's module (`models.platforms`) turns one raw event into some of these; `models.capturing` makes of
each the record that goes to the platform's topic of messages. Ids are the platform's own, as text, and text
is as it was sent, but for what no text column can hold (`models.text`). Times are ms since 1970, UTC, with
what is finer cut off, not rounded.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from models import JSON
from models.entries import ChatLogEntry


class MessageRole(StrEnum):
    """Who spoke: the values of `messages.role`."""

    USER = "user"
    ASSISTANT = "assistant"
    BOT = "bot"
    SYSTEM = "system"
    TOOL = "tool"


class ConversationKind(StrEnum):
    """What belongs together: the values of `conversations.kind`."""

    CHANNEL = "channel"
    """A room of many."""
    DIALOGUE = "dialogue"
    """A person and a bot, or a few people."""
    SESSION = "session"
    """An assistant and a person, from its beginning to its end."""
    THREAD = "thread"
    """A thread of messages."""


class Message(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One visible message.

    Attributes:
        source_id: the platform's own id of it; never empty. With the platform, it is who the message is.
        timestamp: when it was said, as far as this event tells.
        channel: the place on the platform: a room's id, a channel's id, an assistant's app.
        role: who spoke.
        content: what was said, as it was sent; may be empty.
        author_id: the platform's id of who spoke; None where it tells none (an anonymous gift).
        author_name: how they are called there.
        author_is_bot: whether the platform says that a program spoke.
        conversation: the platform's own name of what the message belongs to; None for the channel itself.
        kind: what that is.
        message_type: what kind of message, in the platform's words; None for plain text.
        reply_to: the platform's id of the message that it answers.
        reply_to_timestamp: when that one was said, where its id tells.
        response_ms: how long the answer took, of an assistant's.
        channel_name: what the channel is called now, as far as told: names change, `channel` does not.
        parent_channel: the channel whose rules hold where this one has none (of a Discord thread).
        is_mirrored: whether it is a copy of a message that was said in another channel, where it is counted.
        is_withheld: whether the platform keeps back what was said.
        sampled_by: the platform's id of the message with which it is in a sample or not, as an answer is with
            its question; None for itself.
        exemptions: for what it may be exempt from sampling: `moderator`, `mention`, `reply`, `first`.
        metadata: what else is worth a column: names, badges, attachments; None for nothing.
        raw_payload: the event as it came: its JSON, or its text where it is none.
    """

    source_id: str
    timestamp: int
    channel: str
    role: MessageRole
    content: str
    author_id: str | None = None
    author_name: str | None = None
    author_is_bot: bool = False
    conversation: str | None = None
    kind: ConversationKind = ConversationKind.CHANNEL
    message_type: str | None = None
    reply_to: str | None = None
    reply_to_timestamp: int | None = None
    response_ms: int | None = None
    channel_name: str | None = None
    parent_channel: str | None = None
    is_mirrored: bool = False
    is_withheld: bool = False
    sampled_by: str | None = None
    exemptions: frozenset[str] = frozenset()
    metadata: dict[str, JSON] | None = None
    raw_payload: JSON = None


class Edit(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A message has another text now.

    Attributes:
        source_id: whose text it is.
        content: the text.
        edited: since when; None for a text that fills in an empty message, which is no edit.
        timestamp: when the message was said, where its id tells.
        channel: where, as far as told.
        parent_channel: as of a message.
        message: the message as it is now, where the event tells all of it: its row, if it has none yet.
        message_type: what kind it is now.
        metadata: as of a message.
        told: when a text that fills in was told, where the platform says it: of several, the last one holds.
        raw_payload: as of a message.
    """

    source_id: str
    content: str
    edited: int | None = None
    told: int | None = None
    timestamp: int | None = None
    channel: str | None = None
    parent_channel: str | None = None
    message: Message | None = None
    message_type: str | None = None
    metadata: dict[str, JSON] | None = None
    raw_payload: JSON = None


class Deletion(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One message was taken back.

    Attributes:
        source_id: which.
        deleted: when; None where the platform does not tell.
        timestamp: when the message was said, where its id tells.
        channel: where, as far as told.
        parent_channel: as of a message.
        deleted_by: the platform's id of who did it, as far as told.
        reason: why, in the platform's words.
    """

    source_id: str
    deleted: int | None = None
    timestamp: int | None = None
    channel: str | None = None
    parent_channel: str | None = None
    deleted_by: str | None = None
    reason: str | None = None


class Clear(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything said before in a channel was taken back: of one person, or of all.

    Attributes:
        channel: where.
        cleared: when.
        author_id: whose; None for everybody's.
        cleared_by: the platform's id of who did it, as far as told.
        duration_s: how long the person is kept out; None for good, or where nobody is.
        reason: why, in the platform's words (`timeout`, `ban`).
    """

    channel: str
    cleared: int
    author_id: str | None = None
    cleared_by: str | None = None
    duration_s: int | None = None
    reason: str | None = None


class PresenceKind(StrEnum):
    """What becomes of somebody's presence."""

    JOIN = "join"
    LEAVE = "leave"
    LEAVE_ALL = "leave_all"
    """Everybody's presence there ends, as nobody is left who would tell."""


class Presence(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Somebody came or went, where the platform tells that reliably.

    Attributes:
        source_id: who this event is: the same when it is told again.
        kind: what happened.
        channel: where.
        timestamp: when.
        author_id: who; None for `leave_all`, and where only a name is told.
        author_name: how they are called there.
    """

    source_id: str
    kind: PresenceKind
    channel: str
    timestamp: int
    author_id: str | None = None
    author_name: str | None = None


class Feedback(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What somebody thinks of a message.

    Attributes:
        source_id: who this opinion is: a later one of the same takes its place.
        refers_to: the platform's id of the message.
        value: better is more: 1 and -1 for thumbs.
        given: when.
        label: a reason out of a list, or how it is told (`user-feedback`).
        comment: in their words.
        author_id: who.
        channel: where the message was said, as far as told.
        metadata: what else is worth keeping.
    """

    source_id: str
    refers_to: str
    value: float
    given: int
    label: str | None = None
    comment: str | None = None
    author_id: str | None = None
    channel: str | None = None
    metadata: dict[str, JSON] | None = None


class ChannelParent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A channel that belongs to another, whose rules hold for it where it has none: a Discord thread.

    Its messages do not tell it, so whoever applies the rules remembers it.

    Attributes:
        channel: which.
        parent: the channel that it belongs to.
        name: how it is called there.
    """

    channel: str
    parent: str
    name: str | None = None


class SessionTold(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A session is there, whether or not anything was said in it.

    Attributes:
        channel: which session: of an assistant's messages it is the channel and the conversation.
        told: when it began, or was touched.
        author_id: whose it is, as far as told.
        metadata: what is known of it as of then; None where nothing is told.
    """

    channel: str
    told: int
    author_id: str | None = None
    metadata: dict[str, JSON] | None = None


#: What an extractor may find; of Messenger, an entry.
Found: TypeAlias = (
    Message | Edit | Deletion | Clear | Presence | Feedback | ChannelParent | SessionTold | ChatLogEntry
)


#: The kind of an event that a platform's module does not know.
UNKNOWN = "unknown"


class Extraction(NamedTuple):
    """What one raw event comes to.

    Attributes:
        kind: what kind of event it is: one of the platform's `kinds`, or `UNKNOWN`.
        found: what was said and done, in order; nothing for an event in which nothing was.
        unknown: what an unknown kind calls itself, for the log; never anything that somebody said.
    """

    kind: str
    found: Sequence[Found] = ()
    unknown: str | None = None
