"""What happens in the rooms of a stream, as a witness would note it, and the deliveries that tell of it.

Facts are what the generator made up, not what an extractor found, so that both are held against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from models.errors import Reason


@dataclass(frozen=True, slots=True)
class Said:
    """A message, as one delivery of it tells it.

    Attributes:
        source_id: the platform's id.
        time_ms: when, as this delivery says.
        channel: where.
        kind: what its conversation is: `channel` or `dialogue`.
        author: who.
        name: what they are called.
        content: what was said.
        role: who speaks: `user` or `bot`.
        message_type: what kind of message.
        exempt: what it may be spared for in a sample.
        reply_to: the platform's id of the message that it answers.
    """

    source_id: str
    time_ms: int
    channel: str
    kind: str
    author: str
    name: str
    content: str
    role: str = "user"
    message_type: str | None = None
    exempt: frozenset[str] = frozenset()
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """A message has another text.

    Attributes:
        source_id: which.
        content: the text.
        edited_ms: since when; None for the answer to a command, which was promised before.
        time_ms: when the message was said.
        channel: where.
        whole: the message as it is now, where all of it is told.
        message_type: what kind it is now.
    """

    source_id: str
    content: str
    edited_ms: int | None
    time_ms: int
    channel: str
    whole: Said | None
    message_type: str | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A message was deleted; its own time, and when it was deleted, as far as told."""

    source_id: str
    channel: str
    time_ms: int | None
    deleted_ms: int | None


@dataclass(frozen=True, slots=True)
class Cleared:
    """All that was said before was deleted: somebody's, or (None) of the last day everybody's."""

    channel: str
    author: str | None
    cleared_ms: int


Fact: TypeAlias = "Said | Changed | TakenBack | Cleared | Reason"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as a platform delivers it.

    Attributes:
        platform: which.
        key: of its record: the channel.
        value: the event.
        came_ms: when Kafka gets it.
        facts: what it tells; the reason why it is none; nothing.
    """

    platform: str
    key: str
    value: bytes
    came_ms: int
    facts: tuple[Fact, ...]
