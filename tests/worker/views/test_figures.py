"""How figures are worked out: rates, quantiles, states without what md holds."""

import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from app.worker.views.rates import Rates
from app.worker.views.states import describe
from app.worker.watch.figures import Distribution, by_label, distributions, quantile, total, totals
from models.states import EMPTY_HISTORY, History, State, StateRecord, insert

KNOWN: State = {"forms": ["a"], "question": "q1", "md": {"pageid": "p", "phone": "+49 123"}}
STATES: History = insert(
    insert(EMPTY_HISTORY, StateRecord("u", 1_000, KNOWN)), StateRecord("u", 2_000, {"forms": ["a", "b"]})
)


@pytest.mark.parametrize(
    ("rank", "expected"),
    [
        (0.25, 1.0),  # the first half of the values is spread over the first bucket
        (0.5, 2.0),
        (0.625, 6.0),  # half way through the bucket from 4 to 8
        (0.99, 8.0),  # beyond the last bound, that is all that is known
    ],
)
def test_a_quantile_is_estimated_from_buckets_as_prometheus_does(rank: float, expected: float) -> None:
    assert quantile(rank, {2.0: 4, 4.0: 4, 8.0: 6, math.inf: 8}) == pytest.approx(expected)


def test_there_is_no_quantile_of_nothing() -> None:
    assert math.isnan(quantile(0.5, {1.0: 0, math.inf: 0}))
    assert math.isnan(quantile(0.5, {}))


def test_what_parts_count_is_read_back_by_name_and_by_label() -> None:
    registry = CollectorRegistry()
    Counter("chatlog_rows", "Rows.", registry=registry).inc(7)
    letters = Counter("chatlog_dead_letters", "Dead letters.", ["reason"], registry=registry)
    letters.labels("empty").inc(2)
    letters.labels("not_json").inc(3)
    letters.labels("too_deep")
    times = Histogram("chatlog_write_seconds", "Times.", registry=registry, buckets=(1, 2))
    Histogram("chatlog_sizes", "Sizes.", registry=registry, buckets=(1, 2))
    times.observe(0.5)
    batches = Histogram("chatlog_batches", "Sizes.", ["platform"], registry=registry, buckets=(1, 2))
    Histogram("chatlog_nothing", "Sizes.", ["platform"], registry=registry, buckets=(1, 2))
    for platform in ("twitch", "discord"):
        batches.labels(platform).observe(0.5)

    assert totals(registry) == {"rows": 7, "dead_letters": 5}
    assert total(letters) == 5
    assert by_label(letters) == {"not_json": 3, "empty": 2}
    assert distributions(registry) == {
        "write_seconds": Distribution(1, {"p50": 0.5, "p95": 0.95, "p99": 0.99}),
        "sizes": Distribution(0, {}),
        "batches": Distribution(2, {"p50": 0.5, "p95": 0.95, "p99": 0.99}),
        "nothing": Distribution(0, {}),
    }


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
