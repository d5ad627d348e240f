"""What the page of search shows, ready for its template. Pure, but for the names of zones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app.reading.filters import query_of
from app.web import addresses
from models.days import days_of, zone_named
from sinks.postgres.searching import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from app.search.found import FoundPage, Hit
    from models.reading import MessageFilter
    from models.search_marks import Piece

#: What each part of a filter is called on the page.
LABELS = {
    "platform": "Platform",
    "channel": "Channel",
    "survey": "Survey",
    "survey_owner": "Owner",
    "person": "Person",
    "question": "Question",
    "type": "Type",
    "role": "Role",
    "since": "From",
    "until": "Before",
}
#: By what exports look for messages besides; the form calls it the same.
_EXPORTED_BY = ("platform", "channel", "person", "question", "message_type", "role")
_ROLES = {"assistant": "Assistant", "bot": "Bot", "system": "System", "tool": "Tool"}


@dataclass(frozen=True, slots=True)
class SearchChip:
    """A part of the filter that holds.

    Attributes:
        name: what it is called.
        value: what it is.
        without: the address of the same search without it.
    """

    name: str
    value: str
    without: str


@dataclass(frozen=True, slots=True)
class HitView:
    """A message that was found, as a line of the page.

    Attributes:
        address: where it is in its conversation.
        platform: where it was said.
        channel: where on it; empty if no page is named.
        who: what whoever said it is called.
        key: by which their colour is the same everywhere.
        survey: the survey it is of; empty if of none.
        machine_time: when, for machines.
        day: when, in the reader's zone.
        time: the time of day.
        pieces: its text, marked.
        note: what is to be known of it: edited, deleted.
    """

    address: str
    platform: str
    channel: str
    who: str
    key: str
    survey: str
    machine_time: str
    day: str
    time: str
    pieces: tuple[Piece, ...]
    note: str

    @classmethod
    def of(cls, hit: Hit, zone: ZoneInfo) -> HitView:
        """Return how a hit is shown to a reader."""
        said = hit.message
        at = said.timestamp.astimezone(zone)
        notes = [word for word, moment in (("edited", said.edited), ("deleted", said.deleted)) if moment]
        return cls(
            f"/messages/{said.id}",
            said.platform,
            said.channel or "",
            said.author_name or _ROLES.get(said.role) or said.author or "Somebody",
            said.author or said.role,
            said.survey or "",
            said.timestamp.isoformat(),
            f"{at.day} {at:%B %Y}",
            f"{at:%H:%M:%S}",
            hit.pieces,
            ", ".join(notes),
        )


@dataclass(frozen=True, slots=True)
class SearchAsked:
    """What a reader asked the page for.

    Attributes:
        q: what they typed.
        wanted: among which messages.
        order: in which order.
        dates: from and before when, as they typed it, and in which zone.
    """

    q: str
    wanted: MessageFilter
    order: Order
    dates: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str]:
        """The query parameters by which the same is asked for."""
        asked = {"q": self.q} if self.q else {}
        asked |= {} if self.order is Order.NEWEST else {"order": self.order.value}
        told = query_of(replace(self.wanted, since=None, until=None))
        return asked | told | dict(self.dates)

    def address(self, **changes: str | None) -> str:
        """Return the address of the same with some of it changed; None leaves it out."""
        query = {name: value for name, value in (self.query | changes).items() if value is not None}
        return f"{addresses.SEARCH}?{urlencode(query)}" if query else addresses.SEARCH

    def chips(self) -> Iterator[SearchChip]:
        """Yield the parts of the filter that hold."""
        for name, value in self.query.items():
            if name in LABELS:
                yield SearchChip(LABELS[name], value, self.address(**{name: None}))

    @property
    def export(self) -> str:
        """Where a file of all that is found is asked for. Its form has days: of times, theirs."""
        wanted = self.wanted
        zone = self.dates.get("tz", "UTC")
        try:
            since, through = days_of(wanted.since, wanted.until, zone_named(zone))
        except OverflowError:
            # Beyond all that was ever said.
            since = through = None
        fields = {
            "q": self.q,
            **{name: getattr(wanted, name) for name in _EXPORTED_BY},
            **({"since": since, "through": through, "tz": zone} if since or through else {}),
        }
        given = {name: value for name, value in fields.items() if value}
        return addresses.new_export(
            wanted.survey or "", owner=wanted.survey_owner or "", what="messages", **given
        )

    @property
    def random(self) -> str | None:
        """Where a line at random is had; None where it is not said of whom."""
        wanted = self.wanted
        if wanted.platform is None or (wanted.channel is None and wanted.person is None):
            return None
        query = {name: value for name, value in self.query.items() if name not in {"q", "order"}}
        return f"{addresses.SEARCH}/random?{urlencode(query)}"


def summary_of(found: FoundPage, so_far: int) -> str:
    """Say how many were found, and no more than is known.

    Args:
        found: a page.
        so_far: how many were shown, with it.
    """
    many = f"{so_far:,} message{'' if so_far == 1 else 's'}"
    if found.ranked is not None:
        of = (
            f"the {found.ranked:,} newest that were found"
            if found.has_more_unranked
            else "all that there are"
        )
        return f"{many}, the best of {of} first" if so_far > 1 else many
    return f"{many} so far, the newest first; there are more" if found.after else f"{many}, and no more"
