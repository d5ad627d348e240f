"""What a search gives, and where it goes on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self
from uuid import UUID

from app.reading.lists import cursor_of
from app.web.paging import Place

if TYPE_CHECKING:
    from datetime import datetime

    from app.conversations.rows import SaidMessage
    from models.search import WordQuery
    from models.search_marks import Piece


class After(NamedTuple):
    """Where to go on.

    Attributes:
        moment: of the last message of the page before; by rank, of the newest one of all.
        id: its id.
        skip: by rank, how many were given.
    """

    moment: datetime
    id: UUID
    skip: int = 0

    @classmethod
    def at(cls, place: Place, skip: int = 0) -> Self:
        """Return where to go on after a message's place."""
        return cls(place.moment, UUID(place.key), skip)

    @property
    def cursor(self) -> str:
        """It as a text."""
        cursor = cursor_of(Place(self.moment, str(self.id)))
        return f"{cursor}~{self.skip}" if self.skip else cursor


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found.

    Attributes:
        message: it.
        pieces: its text, or the part of a long one round the first hit, with what was looked for marked.
    """

    message: SaidMessage
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of what was found.

    Attributes:
        hits: in their order.
        query: what was looked for, as it was understood.
        after: where to go on; None if this is all.
        ranked: by rank, how many of the newest were put in order; None by time.
        has_more_unranked: whether there are older ones than these.
    """

    hits: tuple[Hit, ...]
    query: WordQuery
    after: After | None = None
    ranked: int | None = None
    has_more_unranked: bool = False
