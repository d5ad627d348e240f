"""What the API gives of dead letters, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.dead_letters.content import as_data
from app.dead_letters.reasons import explain

if TYPE_CHECKING:
    from app.dead_letters.box import KeptDeadLetter
    from app.dead_letters.rows import OfOneReason, Replay, ToldLetter


class ReasonCount(BaseModel):
    """How many dead letters there are for one reason, from one topic."""

    reason: str = Field(description="In one word, to filter by.")
    means: str = Field(description="The same in a sentence.")
    remedy: str = Field(description="What to do.")
    topic: str
    platform: str | None = Field(description="Whose records the topic holds; null if it is none of ours.")
    kept: int
    waiting: int = Field(description="Of these, how many nobody has replayed.")
    first: datetime
    last: datetime

    @classmethod
    def of(cls, some: OfOneReason, platform: str | None) -> Self:
        """Return how the API shows a count."""
        explained = explain(some.reason)
        return cls(
            reason=some.reason,
            means=explained.means,
            remedy=explained.remedy,
            topic=some.topic,
            platform=platform,
            kept=some.kept,
            waiting=some.waiting,
            first=some.first,
            last=some.last,
        )


class HeldBytes(BaseModel):
    """A key, a value, or a header's value."""

    bytes: int
    sha256: str
    hex: str | None = Field(default=None, description="All of it; with `content` alone.")
    text: str | None = Field(default=None, description="The same, where it is UTF-8.")


class HeaderPart(BaseModel):
    """A header of the record."""

    name: str
    value: HeldBytes | None


class Letter(BaseModel):
    """A record that could not be stored, without what it holds."""

    id: int
    reason: str
    detail: str | None = Field(description="What was wrong, for a person.")
    topic: str = Field(description="Where it came from.")
    platform: str | None = Field(description="Whose records the topic holds; null if it is none of ours.")
    partition: int
    offset: int
    source_timestamp: datetime | None = Field(description="The time that Kafka has of it.")
    created: datetime = Field(description="When it was kept.")
    replayed_at: datetime | None = Field(description="When it was put back last.")
    replay_pending: bool = Field(description="Whether it is about to be put back.")
    replay_problem: str | None = Field(description="Why it could not be put back.")
    key_bytes: int | None
    value_bytes: int | None

    @classmethod
    def of(cls, letter: ToldLetter, platform: str | None) -> Self:
        """Return how the API shows a dead letter."""
        return cls(platform=platform, **{name: getattr(letter, name) for name in _TOLD})


_TOLD = tuple(name for name in Letter.model_fields if name != "platform")


class WholeLetter(Letter):
    """A record that could not be stored, with what it holds: by size and digest, or all of it."""

    means: str = Field(description="What the reason says.")
    remedy: str = Field(description="What to do.")
    key: HeldBytes | None
    value: HeldBytes | None
    headers: list[HeaderPart]

    @classmethod
    def of_whole(
        cls, told: ToldLetter, letter: KeptDeadLetter, platform: str | None, *, content: bool
    ) -> Self:
        """Return how the API shows all of a dead letter."""
        data = as_data(letter, content=content)
        explained = explain(letter.reason)
        return cls(
            **Letter.of(told, platform).model_dump(),
            means=explained.means,
            remedy=explained.remedy,
            **{name: data[name] for name in ("key", "value", "headers")},
        )


class Letters(BaseModel):
    """A part of the dead letters, the newest first."""

    items: list[Letter]
    next: str | None = Field(description="The `cursor` of the next part; null if this is the last one.")


class ReplayState(BaseModel):
    """How far a replay is."""

    id: UUID
    asked: int = Field(description="How many dead letters are part of it.")
    done: int = Field(description="How many of them were put back where they came from.")
    pending: int = Field(description="How many are still to be.")
    impossible: int = Field(description="How many cannot be; of each, `replay_problem` says why.")

    @classmethod
    def of(cls, replay: Replay) -> Self:
        """Return how the API shows a replay."""
        return cls(
            id=replay.id,
            asked=replay.asked,
            done=replay.done,
            pending=replay.pending,
            impossible=replay.impossible,
        )


class Stopped(BaseModel):
    """That a replay was stopped."""

    stopped: int = Field(description="How many dead letters are left where they were.")


class Dropped(BaseModel):
    """What came of dropping."""

    dropped: int
    left: int = Field(description="How many there was no time for: ask again.")
