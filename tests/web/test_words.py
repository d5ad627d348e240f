"""Figures and times, as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.web import words

NOW = datetime(2026, 11, 3, 12, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (38_400_000, "38 MB"),
        (2_500_000_000, "2.5 GB"),
        (7_000_000_000_000_000, "7,000 TB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_fits(size_bytes: int, said: str) -> None:
    assert words.size(size_bytes) == said


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=49), "49 days ago"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(age: timedelta, said: str) -> None:
    assert words.ago(NOW - age, NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (0.0034, "3.4 ms"),
        (0.44, "440 ms"),
        (0.9996, "1 s"),
        (3.21, "3.2 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (18_420, "5 h 7 min"),
        (86_400 * 2 + 3 * 3_600 + 59, "2 d 3 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0, "0"), (7, "7"), (7.25, "7.2"), (1234567, "1,234,567"), (1234.5, "1,234"), (3.0, "3")],
)
def test_a_number_is_said_with_its_thousands_apart(value: float | None, said: str) -> None:
    assert words.number(value) == said


def test_one_of_something_is_not_many() -> None:
    assert [words.counted(count, "row") for count in (0, 1, 2, 12_345)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "12,345 rows",
    ]


def test_a_moment_is_said_to_the_second_and_in_utc_wherever_it_was_noted() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))

    assert words.exactly(elsewhere) == "3 November 2026, 12:04:05 UTC"
    assert words.machine_readable(elsewhere) == "2026-11-03T12:04:05Z"
