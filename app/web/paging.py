"""Which page of a long list is shown, and which there are, and from where on it is read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

from fastapi import Query

if TYPE_CHECKING:
    from datetime import datetime

#: The number of a page in an address.
PageNumber = Annotated[int, Query(ge=1)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one is in a long list, the latest first: what follows it is the next part.

    Attributes:
        moment: by which the list is ordered.
        key: tells it from others of that moment: the id of an export, the name and owner of a survey.
    """

    moment: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Paging:
    """The place of a page among others.

    Attributes:
        number: which page, from 1.
        last: the number of the last one.
        total: how many there are on all of them.
    """

    number: int
    last: int
    total: int

    @classmethod
    def nearest(cls, number: int, total: int, *, size: int) -> Self:
        """Return the page of that number, or the nearest one there is, with `size` on each."""
        last = max(1, -(-total // size))
        return cls(min(max(1, number), last), last, total)
