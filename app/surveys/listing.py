"""In which order surveys are listed, and what of a list is remembered for the next time. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import parse_qs, urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.exports.rows import ExportRow
    from app.surveys.rows import Counts, Survey, SurveyKey

#: What is remembered, in a cookie of this name.
COOKIE = "chatlog_surveys"
REMEMBERED_S = 180 * 86_400
#: The order in which surveys are without another.
NEWEST = "newest"
_NEVER = datetime.min.replace(tzinfo=UTC)


class SortColumn(NamedTuple):
    """A column that surveys can be sorted by.

    Attributes:
        label: as the page calls it.
        is_descending: whether the most, or the latest, come first.
        needs_counts: whether all have to be counted for it.
    """

    label: str
    is_descending: bool
    needs_counts: bool = False


COLUMNS: Mapping[str, SortColumn] = MappingProxyType(
    {
        "name": SortColumn("Survey", is_descending=False),
        NEWEST: SortColumn("Made", is_descending=True),
        "messages": SortColumn("Messages", is_descending=True, needs_counts=True),
        "responses": SortColumn("Responses", is_descending=True, needs_counts=True),
        "export": SortColumn("Last export", is_descending=True),
    }
)


class SurveysLook(NamedTuple):
    """What of the list somebody looks at.

    Attributes:
        search: what is in the name or a shortcode.
        sort: a key of `COLUMNS`; with a `-` before it, the other way round.
    """

    search: str = ""
    sort: str = NEWEST

    @classmethod
    def of(cls, search: str | None, sort: str | None, cookie: str | None) -> Self:
        """Return what an address asks for; what it does not say is as it was the last time."""
        remembered = parse_qs(cookie or "")
        if search is None and sort is None:
            search = remembered.get("search", [""])[0][:1000]
        sort = sort or remembered.get("sort", [NEWEST])[0]
        return cls((search or "").strip(), sort if sort.removeprefix("-") in COLUMNS else NEWEST)

    @property
    def cookie(self) -> str:
        """What is remembered of it."""
        return urlencode(self._asdict())

    @property
    def column(self) -> SortColumn:
        """By which it is sorted."""
        return COLUMNS[self.sort.removeprefix("-")]

    def by(self, name: str) -> str:
        """Return how it is sorted after somebody chose this column: the other way round, if it was by it."""
        return f"-{name}" if self.sort == name else name

    def direction_of(self, name: str) -> str | None:
        """Return how this column is sorted, as ARIA says it; None if it is not sorted by it."""
        if self.sort.removeprefix("-") != name:
            return None
        is_descending = COLUMNS[name].is_descending != self.sort.startswith("-")
        return "descending" if is_descending else "ascending"


def in_order(
    surveys: Sequence[Survey],
    looking: SurveysLook,
    counts: Mapping[SurveyKey, Counts],
    exports: Mapping[SurveyKey, ExportRow],
) -> list[Survey]:
    """Return surveys in the order that somebody looks at; what is equal stays in the order given."""
    values: dict[str, Callable[[Survey], Any]] = {
        "name": lambda survey: survey.name.casefold(),
        NEWEST: lambda survey: survey.created,
        "messages": lambda survey: counts[survey.key].chat_log if survey.key in counts else -1,
        "responses": lambda survey: counts[survey.key].responses if survey.key in counts else -1,
        "export": lambda survey: exports[survey.key].created if survey.key in exports else _NEVER,
    }
    is_descending = looking.column.is_descending != looking.sort.startswith("-")
    return sorted(surveys, key=values[looking.sort.removeprefix("-")], reverse=is_descending)
