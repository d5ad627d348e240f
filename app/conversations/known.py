"""What is known beside what was said: what became of a message, opinions of it, who somebody is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from models.access import Thing, message_thing

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from app.conversations.rows import ConversationRow


@dataclass(frozen=True, slots=True)
class MessageVersion:
    """A text that a message had, or that it was taken back.

    Attributes:
        kind: first (what was said), fill (what filled an empty one in), edit or deletion.
        changed: since when.
        content: the text; None of a deletion, and where it is not to be shown.
        message_type: in the platform's words.
        changed_by: the platform's id of who did it, where it tells.
        reason: why, where it tells.
        deletion: what the channel's rule made of it.
    """

    kind: str
    changed: datetime
    content: str | None
    message_type: str | None
    changed_by: str | None
    reason: str | None
    deletion: str | None

    @classmethod
    def of(cls, row: asyncpg.Record, *, is_shown: bool) -> Self:
        """Read a row of message_versions; of some messages no text is to be shown."""
        content = row["content"] if is_shown and row["kind"] != "deletion" else None
        return cls(
            row["kind"],
            row["changed"],
            content,
            row["message_type"],
            row["changed_by"],
            row["reason"],
            row["deletion"],
        )


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody thinks of a message.

    Attributes:
        value: better is more: 1 and -1 for thumbs.
        given: when.
        label: in a word.
        comment: in their words.
        author: the platform's id of whose it is.
        author_name: what they are called.
    """

    value: float
    given: datetime
    label: str | None
    comment: str | None
    author: str | None
    author_name: str | None

    @classmethod
    def of(cls, row: asyncpg.Record, author_name: str | None) -> Self:
        """Read a row of message_feedback."""
        return cls(row["value"], row["given"], row["label"], row["comment"], row["author_id"], author_name)


@dataclass(frozen=True, slots=True)
class StayRow:
    """From when to when somebody was in a channel.

    Attributes:
        platform: where.
        channel: where on it.
        joined: from when on.
        last_at: when something was last seen of them.
        left_at: when they left; None while they may be there.
        messages: how many they sent, counted before sampling.
        told: whether the platform told it; else it is a time without a gap of half an hour.
    """

    platform: str
    channel: str
    joined: datetime
    last_at: datetime
    left_at: datetime | None
    messages: int
    told: bool

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read a row of stays."""
        return cls(
            row["platform"],
            row["channel"],
            row["joined"],
            row["last_at"],
            row["left_at"],
            row["messages"],
            row["told"],
        )

    @property
    def thing(self) -> Thing:
        """What the right to know of it depends on."""
        return message_thing(self.platform, self.channel)


@dataclass(frozen=True, slots=True)
class PersonSeen:
    """Somebody, as far as a platform knows them.

    Attributes:
        platform: where.
        id: the platform's id of them.
        name: what they were called last; None where that is not known.
        named: when they were last seen with that name.
        conversations: theirs, and those in which they spoke; the one where they spoke last first.
        stays: when they were where, the latest first.
        has_more: whether there are more conversations than these.
    """

    platform: str
    id: str
    name: str | None
    named: datetime | None
    conversations: tuple[ConversationRow, ...]
    stays: tuple[StayRow, ...]
    has_more: bool
