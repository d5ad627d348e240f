"""How figures are worked out and said: rates, percentiles, durations, states without what md holds."""

import pytest

from app.worker.views.page import duration, milliseconds, number
from app.worker.views.rates import Rates
from app.worker.views.snapshot import percentiles
from app.worker.views.states import describe
from models.states import EMPTY_HISTORY, History, State, StateRecord, insert

KNOWN: State = {"forms": ["a"], "question": "q1", "md": {"pageid": "p", "phone": "+49 123"}}
STATES: History = insert(
    insert(EMPTY_HISTORY, StateRecord("u", 1_000, KNOWN)), StateRecord("u", 2_000, {"forms": ["a", "b"]})
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (18_420, "5 h 7 min"),
        (86_400 * 2 + 3 * 3_600 + 59, "2 d 3 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0, "0"), (7, "7"), (7.25, "7.2"), (1234567, "1,234,567"), (1234.5, "1,234"), (3.0, "3")],
)
def test_a_number_is_said_with_its_thousands_apart(value: float | None, said: str) -> None:
    assert number(value) == said


def test_a_short_time_is_said_in_milliseconds() -> None:
    assert milliseconds(0.0034) == "3.4 ms"
    assert milliseconds(2.5) == "2,500 ms"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([3], {"p50": 3, "p95": 3, "p99": 3}),
        (range(1, 101), {"p50": 50, "p95": 95, "p99": 99}),
        ([5, 1, 4, 2, 3], {"p50": 3, "p95": 5, "p99": 5}),
    ],
)
def test_percentiles_are_values_that_were_there(values: list[float], expected: dict[str, float]) -> None:
    assert percentiles(values) == expected


def test_a_rate_is_the_growth_over_the_last_minute() -> None:
    rates = Rates()
    for second in range(200):
        rates.sample({"rows": second * 10, "idle": 5}, now=float(second))

    assert rates.per_second() == {"rows": 10.0, "idle": 0.0}


def test_there_is_no_rate_before_the_second_sample() -> None:
    rates = Rates()
    assert rates.per_second() == {}
    rates.sample({"rows": 1}, now=0.0)
    assert rates.per_second() == {}


def test_without_a_token_only_the_keys_of_md_are_told() -> None:
    told = describe(STATES, may_see_all=False)

    assert told[1]["md_keys"] == ["pageid", "phone"]
    assert "md" not in told[1]
    assert "+49 123" not in str(told)


def test_with_a_token_all_is_told_newest_first() -> None:
    assert describe(STATES, may_see_all=True) == [
        {"updated": 2_000, "updated_at": "1970-01-01T00:00:02.000+00:00", "forms": ["a", "b"]},
        {
            "updated": 1_000,
            "updated_at": "1970-01-01T00:00:01.000+00:00",
            "forms": ["a"],
            "question": "q1",
            "md": {"pageid": "p", "phone": "+49 123"},
        },
    ]
