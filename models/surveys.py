"""Whose survey a message belongs to, told by its page and its shortcode: the rule, and a map to apply it by.

Pure. Where pages and surveys are read from, and how often, is `sinks.postgres.survey_lookup`'s matter.

The rule: a page belongs to one owner; a shortcode of that owner is a survey, and each time the survey is
changed or translated anew there is another row of it. A message belongs to the newest of those rows that was
made before the message. Whatever is not certain stays empty: a page that nobody has or that several owners
have, a shortcode that the page's owner does not have, a message from before the survey.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class SurveyVersion:
    """One row of `surveys`, as far as the rule needs it.

    Attributes:
        id: the `surveyid` of its messages, as canonical UUID text.
        owner: the id of its owner.
        shortcode: the form's.
        created_us: when it was made, in µs since 1970, UTC.
    """

    id: str
    owner: str
    shortcode: str
    created_us: int


@dataclass(frozen=True, slots=True)
class Page:
    """That an owner has a page."""

    id: str
    owner: str


class _Versions(NamedTuple):
    """The surveys of one owner and shortcode, from the oldest to the newest."""

    created_us: list[int]
    ids: list[str]


class SurveyMap:
    """Finds the survey of a message: two lookups and a bisect."""

    __slots__ = ("_by_page", "size")

    def __init__(self, pages: Iterable[Page] = (), surveys: Iterable[SurveyVersion] = ()) -> None:
        """Apply the rule to all pages and surveys there are.

        Args:
            pages: which owner has which page; the same pair may come twice.
            surveys: of all owners, in any order.
        """
        versions = _versions_of(surveys)
        #: For each page with one owner, the surveys of that owner by shortcode; pages of an owner share them.
        self._by_page: Mapping[str, Mapping[str, _Versions]] = {
            page: versions.get(owner, {}) for page, owner in _owners_of(pages).items()
        }
        #: How many surveys it knows.
        self.size = sum(len(found.ids) for of_owner in versions.values() for found in of_owner.values())

    def surveyid_of(self, pageid: str | None, shortcode: str | None, timestamp_us: int) -> str | None:
        """Return the survey of a message as canonical UUID text; None if the rule does not say.

        Args:
            pageid: the page it was said on.
            shortcode: the form the person was in.
            timestamp_us: when it was said, in µs since 1970, UTC.
        """
        if pageid is None or shortcode is None:
            return None
        of_owner = self._by_page.get(pageid)
        if of_owner is None:
            return None
        versions = of_owner.get(shortcode)
        if versions is None:
            return None
        made_before = bisect_left(versions.created_us, timestamp_us)
        return versions.ids[made_before - 1] if made_before else None

    def has_owner(self, pageid: str) -> bool:
        """Tell whether the page belongs to exactly one owner."""
        return pageid in self._by_page


def _versions_of(surveys: Iterable[SurveyVersion]) -> dict[str, dict[str, _Versions]]:
    by_owner: defaultdict[str, dict[str, _Versions]] = defaultdict(dict)
    # By id where two were made at once, so that every worker and every run says the same.
    for survey in sorted(surveys, key=lambda survey: (survey.created_us, survey.id)):
        versions = by_owner[survey.owner].setdefault(survey.shortcode, _Versions([], []))
        versions.created_us.append(survey.created_us)
        versions.ids.append(survey.id)
    return dict(by_owner)


def _owners_of(pages: Iterable[Page]) -> dict[str, str]:
    """Return the owner of each page that has one alone."""
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for page in pages:
        owners[page.id].add(page.owner)
    return {page: found.pop() for page, found in owners.items() if len(found) == 1}
