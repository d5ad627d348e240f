"""Which dead letters an address names: the same for the API and for its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BeforeValidator

from app.dead_letters.box import Filter
from app.dead_letters.filters import read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What PostgreSQL can count.
LAST_ID = 2**63 - 1
#: How many can be named one by one.
IDS_MAX = 1000

State = Literal["waiting", "replayed", "all"]
_REPLAYED = {"waiting": False, "replayed": True, "all": None}


def _moment(given: Any) -> Any:
    # A field of a form that is left empty.
    return None if given == "" else read_moment(given) if isinstance(given, str) else given


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Text = Annotated[str, Query(max_length=1000, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True, slots=True)
class AskedLetters:
    """Which dead letters are meant.

    Attributes:
        filter: as the service takes it.
        given: the same as an address has it, without what was left out.
    """

    filter: Filter
    given: Mapping[str, Any]

    @property
    def is_a_choice(self) -> bool:
        """Whether something says which, or it would be all of them."""
        return bool(set(self.given) - {"state"})

    def query(self, **others: Any) -> str:
        """Return the query of an address that means the same, with other values or none in some places."""
        given = {name: value for name, value in (dict(self.given) | others).items() if value is not None}
        return urlencode(given, doseq=True)


def asked(
    ids: Annotated[
        list[Annotated[int, Query(ge=1, le=LAST_ID)]],
        Query(alias="id", max_length=IDS_MAX, description="These only, by their numbers."),
    ] = [],  # noqa: B006  FastAPI copies it
    reason: Annotated[list[Text], Query(max_length=50, description="For any of these reasons.")] = [],  # noqa: B006
    topic: Annotated[list[Text], Query(max_length=50, description="From any of these topics.")] = [],  # noqa: B006
    person: Annotated[
        str,
        Query(
            max_length=1000,
            pattern=r"^[^\x00]*$",
            description="With this key: of most topics, the platform's id of a person or of a channel.",
        ),
    ] = "",
    since: Annotated[
        Moment,
        Query(
            description="Kept at this time or later: 2026-05-31, 2026-05-31T12:00Z, or ago as 90m, 12h, 7d."
        ),
    ] = None,
    until: Annotated[Moment, Query(description="Kept before this time.")] = None,
    state: Annotated[
        State, Query(description="Those that nobody has replayed, those that somebody has, or all.")
    ] = "all",
    up_to: Annotated[
        int | None, Query(ge=1, le=LAST_ID, description="With this number or a lower one.")
    ] = None,
) -> AskedLetters:
    """Return which dead letters an address means."""
    reasons, topics = [one for one in reason if one], [one for one in topic if one]
    wanted = Filter(
        ids or None,
        reasons or None,
        topics or None,
        since,
        until,
        _REPLAYED[state],
        person.encode() if person else None,
        up_to,
    )
    given: dict[str, Any] = {
        **({"id": ids} if ids else {}),
        **({"reason": reasons} if reasons else {}),
        **({"topic": topics} if topics else {}),
        **({"person": person} if person else {}),
        **({"since": since.isoformat()} if since else {}),
        **({"until": until.isoformat()} if until else {}),
        **({"state": state} if state != "all" else {}),
        **({"up_to": up_to} if up_to else {}),
    }
    return AskedLetters(wanted, given)


#: For signatures of routes.
Wanted = Annotated[AskedLetters, Depends(asked)]
