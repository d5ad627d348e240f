"""What is read of conversations and messages, as the service gives it to routes and pages. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.web.paging import Place

if TYPE_CHECKING:
    from datetime import datetime

    from app.conversations.known import Opinion

#: What the right to a conversation that is Messenger's is told by.
MESSENGER = "messenger"
#: What `deletion` says of a message that its author took back on Messenger, where there is no rule for it.
TAKEN_BACK = "unsent"
#: Of such messages nothing of what was said is shown, by whatever way.
NOT_SHOWN = frozenset({"blank", TAKEN_BACK})
_NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as far as a line of a list, or a reply to it, shows it.

    Attributes:
        id: of the message.
        timestamp: when it was said.
        role: who spoke.
        author_name: what they are called, as far as that is known.
        content: what was said; empty where that is not to be shown.
        message_type: in the platform's words.
        deleted: when it was taken back.
        author: the platform's id of who spoke; None where it has none of them.
    """

    id: UUID
    timestamp: datetime
    role: str
    author_name: str | None
    content: str
    message_type: str | None
    deleted: datetime | None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation, as far as somebody may see it: figures are of what they may read.

    Attributes:
        id: which.
        platform: where.
        channel: where on it; empty for a page that nothing names.
        channel_name: what that is called.
        external_id: what the platform calls it.
        kind: channel (a room of many), dialogue, session or thread.
        person: the platform's id of whom it is with; None of a room.
        person_name: what they are called.
        title: of a room or a thread.
        started: when the first message was said.
        last_at: when the last one was said; of a room, up to a minute behind.
        messages: how many there are; None of a room, whose days count them.
        matched: when the newest one was said to which the filter applies; the list is in this order.
        last: the newest message; None where nothing is to be read any more, or it was not asked for.
        survey: the name of the survey that the last message is of.
        is_whole: whether all of it may be read, now and later.
        archived: since when a thread is put aside; None if it is not.
    """

    id: UUID
    platform: str
    channel: str
    channel_name: str | None
    external_id: str
    kind: str
    person: str | None
    person_name: str | None
    title: str | None
    started: datetime
    last_at: datetime
    messages: int | None
    matched: datetime
    last: Preview | None = None
    survey: str | None = None
    is_whole: bool = False
    archived: datetime | None = None

    @property
    def place(self) -> Place:
        """Where it is in the list."""
        return Place(self.matched, str(self.id))


@dataclass(frozen=True, slots=True)
class SaidMessage:
    """A message: one row of `all_messages`, with names.

    Attributes:
        id: which.
        platform: where it was said.
        channel: where on it; None where no page is named.
        conversation: the id of the one that it belongs to.
        timestamp: when it was said.
        role: who spoke.
        author: the platform's id of who did; None of an assistant.
        author_name: what they are called.
        person: `author_id` as it is stored: of Messenger whom the conversation is with, whoever spoke.
        content: what was said last; empty where that is not to be shown.
        message_type: in the platform's words.
        question: the survey's question that it asks or answers.
        survey: the name of the survey that it is of.
        survey_owner: the address of whose survey that is.
        shortcode: the form.
        reply_to: the id of the message that it answers.
        reply: that message, where it may be read.
        response_ms: how long an answer took.
        weight: how many messages it stands for.
        edited: since when the text is what it is.
        deleted: when it was taken back.
        deletion: what became of it: keep (still shown), blank, or `unsent` (its author took it back).
        withheld: whether the platform kept back what was said.
        metadata: what else is known of it; of a survey's bot, what it knew then.
        versions: how many texts it had; 1 for one that was never edited.
        opinions: what people think of it, the oldest first.
    """

    id: UUID
    platform: str
    channel: str | None
    conversation: UUID
    timestamp: datetime
    role: str
    author: str | None
    author_name: str | None
    person: str | None
    content: str
    message_type: str | None
    question: str | None
    survey: str | None
    survey_owner: str | None
    shortcode: str | None
    reply_to: UUID | None
    reply: Preview | None
    response_ms: int | None
    weight: float
    edited: datetime | None
    deleted: datetime | None
    deletion: str | None
    withheld: bool
    metadata: Any
    versions: int
    opinions: tuple[Opinion, ...]

    @property
    def place(self) -> Place:
        """Where it is in its conversation."""
        return Place(self.timestamp, str(self.id))


@dataclass(frozen=True, slots=True)
class Thread:
    """A part of a conversation, in the order in which it was said.

    Attributes:
        conversation: which.
        messages: the oldest first.
        has_before: whether there are earlier ones.
        has_after: whether there are later ones.
    """

    conversation: ConversationRow
    messages: tuple[SaidMessage, ...] = field(default=())
    has_before: bool = False
    has_after: bool = False

    @property
    def before(self) -> Place | None:
        """From where on to read back; None at the beginning."""
        return self.messages[0].place if self.messages and self.has_before else None

    @property
    def after(self) -> Place | None:
        """From where on to read further; None at the end."""
        return self.messages[-1].place if self.messages and self.has_after else None


def place_at(moment: datetime) -> Place:
    """Return the place before whatever was said at a time."""
    return Place(moment, str(_NO_ID))
