"""Which exports a page is asked for by its address, in which order; what is odd there is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, Query, Request

from app.exports.looking import LookedFor, SortBy
from app.web.zones import zone_of
from models.days import begin_of
from models.exports import Source, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from enum import StrEnum
    from zoneinfo import ZoneInfo

Known = TypeVar("Known", bound="StrEnum")

_Text = Annotated[str, Query(max_length=1000)]


@dataclass(frozen=True, slots=True)
class ListAsked:
    """What an address asks for.

    Attributes:
        looked_for: which exports.
        query: what of the address says so, to lead to it again.
    """

    looked_for: LookedFor
    query: Mapping[str, str] = field(default_factory=dict)


async def looking_of(
    request: Request,
    kind: _Text = "",
    state: _Text = "",
    name: _Text = "",
    since: _Text = "",
    through: _Text = "",
    sort: _Text = SortBy.ASKED.value,
    order: _Text = "down",
) -> ListAsked:
    """Return which exports a request looks for."""
    zone = zone_of(request)
    given = {
        "kind": _known(Source, kind),
        "state": _known(State, state),
        "sort": None if sort == SortBy.ASKED else _known(SortBy, sort),
    }
    query = {name: member.value for name, member in given.items() if member is not None}
    query |= {"name": name.strip()} if name.strip() else {}
    query |= {"order": "up"} if order == "up" else {}
    days = {"since": (since, 0), "through": (through, 1)}
    moments = {name: _day(text, zone, later) for name, (text, later) in days.items()}
    query |= {name: days[name][0] for name, moment in moments.items() if moment is not None}
    return ListAsked(
        LookedFor(
            source=_known(Source, kind),
            state=_known(State, state),
            name=name.strip(),
            since=moments["since"],
            until=moments["through"],
            by=_known(SortBy, sort) or SortBy.ASKED,
            descending=order != "up",
        ),
        query,
    )


def _known(kind: type[Known], text: str) -> Known | None:
    return next((member for member in kind if member.value == text), None)


def _day(text: str, zone: ZoneInfo, days_later: int) -> datetime | None:
    try:
        return begin_of(text, zone, days_later=days_later) if text else None
    except ValueError:
        return None


#: For signatures of routes.
Asking = Annotated[ListAsked, Depends(looking_of)]
