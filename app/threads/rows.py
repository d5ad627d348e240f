"""Threads and messages as the tables have them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import orjson

from app.errors import AppError, ErrorAnswer, NotFound, NotNow
from models.errors import MustAct
from models.threads import tag_of, whole_content

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg


@dataclass(frozen=True, slots=True)
class ThreadHead:
    """What of a thread never changes, which is why it may be remembered.

    Attributes:
        id: which thread.
        tenant: whose.
        learner: with whom.
        started: when it was made.
    """

    id: UUID
    tenant: str
    learner: str
    started: datetime


@dataclass(frozen=True, slots=True)
class KnownThread:
    """A thread, as it is now.

    Attributes:
        head: what never changes of it.
        title: what it is called.
        metadata: whatever its client wants kept.
        messages: how many it holds.
        last_at: when its last message was written; when it was made, while there is none.
        updated: when it or anything in it was last written.
        changed: when itself last changed.
        archived: since when it is put aside.
    """

    head: ThreadHead
    title: str | None
    metadata: dict[str, Any]
    messages: int
    last_at: datetime
    updated: datetime
    changed: datetime
    archived: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Return the thread of a row."""
        return cls(
            ThreadHead(row["id"], row["channel"], row["subject_id"], row["started"]),
            row["title"],
            orjson.loads(row["metadata"] or "{}"),
            row["captured"],
            row["last_at"],
            row["updated"],
            row["changed"],
            row["archived"],
        )

    @property
    def tag(self) -> str:
        """Its ETag: of what can be changed of it, and not of its messages."""
        return tag_of(self.changed)


@dataclass(frozen=True, slots=True)
class KnownPost:
    """A message of a thread, as it is now.

    Attributes:
        id: which.
        thread: of which thread.
        timestamp: when it was written.
        role: who speaks: user, assistant, bot, system or tool.
        sender: who wrote it.
        content: an object, as it was given.
        message_type: what kind, in its client's words.
        reply_to: which message it answers.
        metadata: whatever its client wants kept.
        edited: when it was last changed; None if it never was.
    """

    id: UUID
    thread: UUID
    timestamp: datetime
    role: str
    sender: str | None
    content: dict[str, Any]
    message_type: str | None
    reply_to: UUID | None
    metadata: dict[str, Any]
    edited: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Return the message of a row."""
        told = row["metadata"]
        content, metadata = whole_content(row["content"], None if told is None else orjson.loads(told))
        return cls(
            row["id"],
            row["conversation_id"],
            row["timestamp"],
            row["role"],
            row["author_id"],
            content,
            row["message_type"],
            row["reply_to"],
            metadata,
            row["edited"],
        )

    @property
    def tag(self) -> str:
        """Its ETag."""
        return tag_of(self.edited)


class NoSuchThread(NotFound):
    """There is no such thread among those of the caller."""

    def __init__(self) -> None:
        super().__init__("There is no such thread among yours.")


class NoSuchLearner(NotFound):
    """There is no such learner among those with whom the caller may do this."""

    def __init__(self) -> None:
        super().__init__("There is no such learner among yours.")


class NoSuchPost(NotFound):
    """There is no such message in the thread, or it was deleted."""

    def __init__(self) -> None:
        super().__init__("There is no such message in this thread.")


class ThreadIsFull(NotNow):
    """A thread holds as many messages as it may."""

    def __init__(self, at_most: int) -> None:
        super().__init__(
            f"This thread has {at_most} messages, and takes no more (MAX_MESSAGES_PER_THREAD): begin another."
        )


class Changed(AppError):
    """Somebody was faster: what there is is not what the caller saw."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.PRECONDITION_FAILED)

    def __init__(self) -> None:
        super().__init__("It has changed since you read it: read it again, and use its new ETag as If-Match.")


class KeyUsed(AppError):
    """An Idempotency-Key that stands for something else already."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.UNPROCESSABLE_ENTITY)

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request: each request needs its own.")


class UnusablePost(AppError):
    """What is asked for does not fit what there is; the message says what."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.UNPROCESSABLE_ENTITY)
