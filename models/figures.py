"""Rules of figures: how far a sample may be off, how long answers took, what is one question. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

#: Of a normal distribution, 95 % lie within so many standard deviations.
_WITHIN_95_PERCENT = 1.959964
#: Answers are counted in buckets, of which each is told within this part of itself (response_bucket).
RESPONSE_ERROR = 0.05
#: What is longer than this is no question that anybody else asks in the same words.
_COMPARED = 300

_DIGITS = re.compile(r"\d+")
#: In Latin, Arabic, Greek, Chinese and Japanese, Armenian, Ethiopic.
_MARKS = frozenset("?؟;？՞፧")


def margin(weight: float, squares: float) -> float:
    """Return how far the estimate of a sample may be off, either way, with a confidence of 95 %.

    Each message was stored with a probability p, independently of others, and counts for 1/p. So the variance
    of the sum is about that of the sum of 1/p (1/p - 1) over the stored ones (Horvitz and Thompson).

    Args:
        weight: the sum of the weights of what is stored: the estimate.
        squares: the sum of their squares.
    """
    return _WITHIN_95_PERCENT * math.sqrt(max(0.0, squares - weight))


def response_of_bucket(bucket: int) -> float:
    """Return how many milliseconds the answers of a bucket took, as the function of this name in SQL."""
    return float(1.1 ** (bucket + 0.5))


def percentile(counts: Sequence[tuple[float, int]], part: float) -> float | None:
    """Return what the given part of the counted things does not exceed, by the nearest rank.

    Args:
        counts: how many there are of each value, by value.
        part: from 0 to 1.

    Returns:
        One of the values; None if nothing was counted.
    """
    total = sum(count for _, count in counts)
    if total <= 0:
        return None
    rank, seen = max(1, math.ceil(part * total)), 0
    for value, count in counts:
        seen += count
        if seen >= rank:
            return value
    raise AssertionError("the last value has the last rank")


def normalised(text: str) -> str:
    """Return what texts have in common that differ in case, punctuation, spaces and numbers alone."""
    folded = unicodedata.normalize("NFKC", text[:_COMPARED]).casefold()
    # Not by \w alone: signs of vowels, as Hindi and Thai have them, are marks and no word characters.
    kept = "".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in folded)
    return _DIGITS.sub("0", " ".join(kept.split()))


def is_marked(text: str) -> bool:
    """Tell whether a text has a question mark, of any script."""
    return not _MARKS.isdisjoint(text)


class TextOf(NamedTuple):
    """What somebody said: the text, and whoever it was."""

    text: str
    person: str


@dataclass(frozen=True, slots=True)
class CommonText:
    """Something that many say.

    Attributes:
        text: as most of them write it.
        times: how often it was said.
        people: by how many.
    """

    text: str
    times: int
    people: int


def common_texts(said: Iterable[TextOf], at_most: int, *, only_marked: bool = False) -> list[CommonText]:
    """Return what was said most often, the most frequent first; what is said once is not common.

    Args:
        said: the texts.
        at_most: how many to return.
        only_marked: whether only texts with a question mark count.
    """
    spellings: dict[str, Counter[str]] = {}
    people: dict[str, set[str]] = {}
    for text, person in said:
        if only_marked and not is_marked(text):
            continue
        if key := normalised(text):
            spellings.setdefault(key, Counter())[text.strip()] += 1
            people.setdefault(key, set()).add(person)
    found = [
        CommonText(of_it.most_common(1)[0][0], of_it.total(), len(people[key]))
        for key, of_it in spellings.items()
        if of_it.total() > 1
    ]
    return sorted(found, key=lambda each: (-each.times, each.text))[:at_most]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who first spoke in a week.

    Attributes:
        first_week: its Monday.
        people: how many they are.
        returned: how many of them spoke in the first, second … week after it, as far as those are over.
    """

    first_week: date
    people: int
    returned: tuple[int, ...]


def cohorts_of(counts: Iterable[tuple[date, date, int]], last_week: date) -> list[Cohort]:
    """Return the cohorts of a retention curve, the oldest first.

    Args:
        counts: first week, week, and how many.
        last_week: the last one that is over.
    """
    by_first: dict[date, dict[int, int]] = {}
    for first, week, people in counts:
        by_first.setdefault(first, {})[(week - first).days // 7] = people
    return [
        Cohort(
            first,
            later.get(0, 0),
            tuple(later.get(number, 0) for number in range(1, (last_week - first).days // 7 + 1)),
        )
        for first, later in sorted(by_first.items())
        if first <= last_week
    ]


def curve_of(cohorts: Sequence[Cohort]) -> list[tuple[int, int]]:
    """Return for each number of weeks how many people there are to come back by then, and how many did."""
    longest = max((len(cohort.returned) for cohort in cohorts), default=0)
    curve = [(sum(cohort.people for cohort in cohorts),) * 2]
    for number in range(1, longest + 1):
        old_enough = [cohort for cohort in cohorts if len(cohort.returned) >= number]
        curve.append(
            (
                sum(cohort.people for cohort in old_enough),
                sum(cohort.returned[number - 1] for cohort in old_enough),
            )
        )
    return curve
