"""What is told of dead letters without what they hold, and how far a replay is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg


@dataclass(frozen=True, slots=True)
class ToldLetter:
    """A dead letter, without what it holds.

    Attributes:
        id: its number.
        reason: why it could not be stored, in one word.
        detail: the same in a line.
        topic: where it came from, with partition and offset.
        partition: of the topic.
        offset: in the partition.
        source_timestamp: the time that Kafka has of it.
        created: when it was kept.
        replayed_at: when it was put back last; None if it never was.
        key_bytes: the size of its key; None for no key.
        value_bytes: the size of its value; None for no value.
        replay_pending: whether it is about to be put back.
        replay_problem: why it could not be put back, the last time that somebody asked for it.
    """

    id: int
    reason: str
    detail: str | None
    topic: str
    partition: int
    offset: int
    source_timestamp: datetime | None
    created: datetime
    replayed_at: datetime | None
    key_bytes: int | None
    value_bytes: int | None
    replay_pending: bool
    replay_problem: str | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read what a statement says of one."""
        return cls(*(row[field.name] for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class OfOneReason:
    """How many dead letters there are for one reason, from one topic.

    Attributes:
        reason: why they could not be stored.
        topic: where they came from.
        kept: how many there are.
        waiting: how many of them nobody has replayed.
        first: when the first of them was kept.
        last: when the last of them was kept.
        last_id: the highest number among them.
    """

    reason: str
    topic: str
    kept: int
    waiting: int
    first: datetime
    last: datetime
    last_id: int


@dataclass(frozen=True, slots=True)
class Replay:
    """How far a replay is.

    Attributes:
        id: by which it is known.
        asked: how many dead letters are part of it.
        pending: how many of them are still to be put back.
        impossible: how many of them cannot be put back.
        impossible_ids: some of these.
        problem: why one of them cannot.
    """

    id: UUID
    asked: int
    pending: int
    impossible: int
    impossible_ids: tuple[int, ...]
    problem: str | None

    @property
    def done(self) -> int:
        """How many were put back."""
        return self.asked - self.pending - self.impossible


@dataclass(frozen=True, slots=True)
class Drop:
    """What came of dropping.

    Attributes:
        count: how many were dropped.
        left: how many of those that were meant are still there, as there was no time for more.
    """

    count: int
    left: int
