"""Which dead letters an address names: the same for the API and for its pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query

from app.dead_letters.box import Filter
from app.reading.filters import ZoneAsked, moment_of_query
from app.reading.moments import MOMENT_FORM

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What PostgreSQL can count.
LAST_ID = 2**63 - 1
#: How many can be named one by one.
IDS_MAX = 1000

State = Literal["waiting", "replayed", "all"]
_REPLAYED = {"waiting": False, "replayed": True, "all": None}


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
        return bool(set(self.given) - {"state", "tz"})

    def query(self, **others: Any) -> str:
        """Return the query of an address that means the same, with other values or none in some places."""
        given = {name: value for name, value in (dict(self.given) | others).items() if value is not None}
        return urlencode(given, doseq=True)


async def asked(  # noqa: PLR0913, PLR0917  each is a query parameter
    zone: ZoneAsked,
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
    since: Annotated[str, Query(max_length=64, description=f"Not kept before: {MOMENT_FORM}.")] = "",
    until: Annotated[str, Query(max_length=64, description=f"Kept before: {MOMENT_FORM}.")] = "",
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
        moment_of_query("since", since, zone),
        moment_of_query("until", until, zone),
        _REPLAYED[state],
        person.encode() if person else None,
        up_to,
    )
    given: dict[str, Any] = {
        **({"id": ids} if ids else {}),
        **({"reason": reasons} if reasons else {}),
        **({"topic": topics} if topics else {}),
        **({"person": person} if person else {}),
        **({"since": since} if since else {}),
        **({"until": until} if until else {}),
        **({"tz": zone} if (since or until) and zone != "UTC" else {}),
        **({"state": state} if state != "all" else {}),
        **({"up_to": up_to} if up_to else {}),
    }
    return AskedLetters(wanted, given)


#: For signatures of routes.
Wanted = Annotated[AskedLetters, Depends(asked)]
