"""Rules of figures: margins of samples, percentiles, what is one text, who came back."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from app.figures.periods import END, Period
from app.figures.plots import plot_of_messages
from app.figures.rows import Every, MessagesAt
from models.figures import Cohort, TextOf, cohorts_of, common_texts, curve_of, margin, normalised, percentile


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01])
def test_the_margin_holds_in_19_of_20_samples(rate: float) -> None:
    """Of a known number, each is kept by chance: the truth lies within the margin as often as said."""
    truth, samples = 10_000, 400
    # By a hash of its id, a message is kept or not whatever becomes of others.
    die = random.Random(7)
    within = 0
    for _ in range(samples):
        # As many as of so many throws, by the normal distribution that this is close to.
        kept = round(die.gauss(truth * rate, math.sqrt(truth * rate * (1 - rate))))
        weight = kept / rate
        within += abs(weight - truth) <= margin(weight, kept / rate**2)
    assert 0.92 <= within / samples <= 0.98


def test_what_is_stored_whole_is_exact() -> None:
    assert margin(1234.0, 1234.0) == 0
    assert margin(0.0, 0.0) == 0


@pytest.mark.parametrize(
    ("counts", "part", "found"),
    [
        ([], 0.5, None),
        ([(10.0, 0)], 0.5, None),
        ([(10.0, 1)], 0.95, 10.0),
        ([(10.0, 1), (20.0, 1)], 0.5, 10.0),
        ([(10.0, 1), (20.0, 2)], 0.5, 20.0),
        ([(10.0, 95), (20.0, 5)], 0.95, 10.0),
        ([(10.0, 94), (20.0, 6)], 0.95, 20.0),
        ([(10.0, 1)], 0.0, 10.0),
    ],
)
def test_a_percentile_is_what_that_part_does_not_exceed(
    counts: list[tuple[float, int]], part: float, found: float | None
) -> None:
    assert percentile(counts, part) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I join?", "  how do I  JOIN!! "),
        ("My order 123", "my order #4567"),
        ("متى يبدأ؟", "متى يبدأ"),
        ("बुखार है।", "बुखार है"),
        ("ＦＵＬＬ width", "full width"),
        ("你好，世界。", "你好 世界"),
        ("😀?!", "…"),
    ],
)
def test_texts_are_one_that_say_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(("one", "other"), [("बुखार", "बखर"), ("yes", "no"), ("a b", "ab")])
def test_texts_are_two_that_say_another_thing(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_common_texts_are_those_said_twice_as_most_write_them() -> None:
    said = [
        TextOf("Hi!", "a"),
        TextOf("hi", "a"),
        TextOf("Hi!", "b"),
        TextOf("only once", "c"),
        TextOf("?!", "c"),
    ]
    (found,) = common_texts([*said, said[-1]], 10)
    assert (found.text, found.times, found.people) == ("Hi!", 3, 2)
    (marked,) = common_texts([*said, TextOf("hi؟", "d"), TextOf("hi؟", "e")], 10, only_marked=True)
    assert (marked.times, marked.people) == (2, 2)


def test_a_curve_is_of_those_who_had_the_time_to_come_back() -> None:
    first, second, third = date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)
    counts = [(first, first, 10), (first, second, 4), (second, second, 5), (third, third, 99)]
    cohorts = cohorts_of(counts, second)
    assert cohorts == [Cohort(first, 10, (4,)), Cohort(second, 5, ())]
    assert curve_of(cohorts) == [(15, 15), (10, 4)]
    assert curve_of([]) == [(0, 0)]


@pytest.mark.parametrize("every", list(Every))
def test_of_a_time_that_is_too_long_to_draw_only_what_there_is_is_drawn(every: Every) -> None:
    said = [
        MessagesAt(
            at=date(2026, 11, day), key=None, name=None, people=None, messages=1, estimate=1.0, margin=0.0
        )
        for day in (2, 30)
    ]
    since = datetime(2026, 11, 1, tzinfo=UTC)
    ages = plot_of_messages(said, Period(since, END), every)
    month = plot_of_messages(said, Period(since, since + timedelta(days=30)), every)
    assert len(ages["x"]) == 2
    assert len(month["x"]) == {Every.HOUR: 720, Every.DAY: 30, Every.WEEK: 6, Every.MONTH: 1}[every]
