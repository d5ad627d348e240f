"""In which windows is looked, and which indexes there have to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.search_pieces import IndexPart, Leaf, hours_over, is_over, name_of, parts_over, superseded
from models.search_windows import BEGINNING, END, windows

NOW = datetime(2026, 11, 5, 14, 20, tzinfo=UTC)
NOVEMBER = Leaf("chat_log_2026_11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
OCTOBER = Leaf("chat_log_2026_10", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
DECEMBER = Leaf("chat_log_2026_12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
DEFAULT = Leaf("chat_log_default")


def day(number: int) -> IndexPart:
    return IndexPart(datetime(2026, 11, number, tzinfo=UTC), datetime(2026, 11, number + 1, tzinfo=UTC))


def hours(since: int, until: int) -> IndexPart:
    return IndexPart(datetime(2026, 11, 5, since, tzinfo=UTC), datetime(2026, 11, 5, until, tzinfo=UTC))


moments = st.datetimes(datetime(2020, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, moments, moments, st.lists(moments, max_size=40))
def test_windows_cover_all_of_the_time_once_and_cross_no_edge(
    since: datetime, until: datetime, newest: datetime, edges: list[datetime]
) -> None:
    edges.sort()
    found = list(windows(since, until, newest, edges))

    if until <= since:
        assert found == []
        return
    assert found[0].until == until
    assert found[-1].since == since
    assert all(later.since == earlier.until for later, earlier in pairwise(found))
    assert all(not (window.since < edge < window.until) for window in found for edge in edges)


def test_two_years_are_looked_through_in_few_windows() -> None:
    found = list(windows(BEGINNING, END, NOW, []))

    assert len(found) == 6
    assert found[0] == (NOW - timedelta(days=1), END)
    assert found[1].until - found[1].since == timedelta(days=4)
    assert found[-1].since == BEGINNING


@pytest.mark.parametrize(
    ("leaf", "over"), [(OCTOBER, True), (NOVEMBER, False), (DECEMBER, False), (DEFAULT, True)]
)
def test_a_month_that_is_over_gets_one_index_and_so_does_what_has_no_month(leaf: Leaf, over: bool) -> None:
    assert is_over(leaf, NOW) is over


def test_a_month_is_over_when_what_was_said_in_it_has_been_written() -> None:
    assert not is_over(OCTOBER, datetime(2026, 11, 1, 0, 29, tzinfo=UTC))
    assert is_over(OCTOBER, datetime(2026, 11, 1, 0, 30, tzinfo=UTC))


def test_days_that_are_over_get_one_the_newest_first() -> None:
    assert list(parts_over(NOVEMBER, NOW)) == [day(4), day(3), day(2), day(1)]
    assert list(parts_over(DECEMBER, NOW)) == []
    assert list(parts_over(DEFAULT, NOW)) == []


def test_weeks_that_are_over_take_the_place_of_their_days() -> None:
    first, second = (IndexPart(day(number).since, day(number + 6).until) for number in (1, 8))

    assert list(parts_over(NOVEMBER, datetime(2026, 11, 17, 1, tzinfo=UTC))) == [
        day(16),
        day(15),
        second,
        first,
    ]
    assert superseded([first, day(8), day(14), day(15)], second) == [day(8), day(14)]
    assert name_of("messages_twitch_2026_11", second, None) == "messages_twitch_2026_11_fts_08_to_14"


def test_hours_of_today_that_are_over_go_on_where_the_last_ones_ended() -> None:
    assert hours_over(NOVEMBER, NOW, []) == hours(0, 13)
    assert hours_over(NOVEMBER, NOW, [day(4), hours(0, 9)]) == hours(9, 13)
    assert hours_over(NOVEMBER, NOW, [hours(0, 13)]) is None
    assert hours_over(DEFAULT, NOW, []) is None


def test_a_day_takes_the_place_of_its_hours_and_a_month_of_all() -> None:
    there = [day(4), hours(0, 9), hours(9, 13)]
    assert superseded(there, day(5)) == [hours(0, 9), hours(9, 13)]
    assert superseded(there, None) == there


@pytest.mark.parametrize(
    ("part", "language", "name"),
    [
        (None, None, "chat_log_2026_11_fts"),
        (day(5), None, "chat_log_2026_11_fts_05"),
        (hours(9, 13), None, "chat_log_2026_11_fts_05_09_13"),
        (day(5), "english", "chat_log_2026_11_fts_en7_05"),
    ],
)
def test_an_index_is_called_after_what_it_is_of(
    part: IndexPart | None, language: str | None, name: str
) -> None:
    assert name_of(NOVEMBER.name, part, language) == name
