"""What the API gives of searches, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field

from app.conversations.representations import ShownMessage
from app.reading.lists import Listed

if TYPE_CHECKING:
    from app.search.found import Hit


class MarkedPiece(BaseModel):
    """A piece of a text."""

    model_config = ConfigDict(from_attributes=True)

    text: str = Field(description="As it was said: text, never HTML.")
    is_hit: bool = Field(description="Whether it is what was looked for.")


class FoundMessage(ShownMessage):
    """A message that was found."""

    highlights: list[MarkedPiece] = Field(
        description="Its text in pieces; of a long one, the part round the first hit."
    )
    place: str = Field(description="Where it is shown in its conversation.")

    @classmethod
    def of_hit(cls, hit: Hit) -> Self:
        """Return how the API shows a hit."""
        return cls(
            **ShownMessage.of(hit.message).model_dump(),
            highlights=[MarkedPiece.model_validate(piece) for piece in hit.pieces],
            place=f"/messages/{hit.message.id}",
        )


class FoundMessages(Listed[FoundMessage]):
    """A part of what was found."""

    ranked: int | None = Field(
        description="By rank: so many of the newest were put in order; null by time, where all are."
    )
    left_out: list[str] = Field(description="What of `q` is no word, and was not looked for.")


class LanguageAt(BaseModel):
    """In which language people speak somewhere."""

    model_config = ConfigDict(from_attributes=True)

    place: str = Field(description="platform:twitch, channel:twitch/918273645 or survey:Name.")
    language: str = Field(description="As PostgreSQL calls it: english, arabic, hindi.")
    changed: datetime
    changed_by: str
