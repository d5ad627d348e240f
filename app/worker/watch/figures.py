"""What the parts of a worker count, read back from their Prometheus collectors for the views. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import CollectorRegistry, Counter, Metric

PREFIX = "chatlog_"
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram has observed.

    Attributes:
        count: how many values.
        percentiles: `p50`, `p95`, `p99`, estimated from the buckets; empty without values.
    """

    count: int
    percentiles: Mapping[str, float]


def total(counter: Counter) -> int:
    """Return what a counter has counted, over all of its labels."""
    return sum(_total(family) for family in counter.collect())


def by_label(counter: Counter) -> dict[str, int]:
    """Return what a counter has counted of each value of its labels, the most first; no zeros."""
    counts = {
        " ".join(sample.labels.values()): int(sample.value)
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    }
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def totals(registry: CollectorRegistry) -> dict[str, int]:
    """Return what each counter has counted, over all of its labels, by its name without our prefix."""
    return {
        family.name.removeprefix(PREFIX): _total(family)
        for family in registry.collect()
        if family.type == "counter"
    }


def meanings(registry: CollectorRegistry) -> dict[str, str]:
    """Return what each counter and histogram is about, in a sentence, by its name without our prefix."""
    return {
        family.name.removeprefix(PREFIX): family.documentation
        for family in registry.collect()
        if family.type in {"counter", "histogram"}
    }


def distributions(registry: CollectorRegistry) -> dict[str, Distribution]:
    """Return what each histogram has observed, over all of its labels, by its name without our prefix."""
    return {
        family.name.removeprefix(PREFIX): _distribution(family)
        for family in registry.collect()
        if family.type == "histogram"
    }


def quantile(rank: float, buckets: Mapping[float, float]) -> float:
    """Estimate a quantile as PromQL's `histogram_quantile` does; buckets of several replicas may be added.

    Args:
        rank: 0.5 for the median.
        buckets: how many values were not above each bound; bounds ascend, and the last is infinite.

    Returns:
        A value of the bucket that has the quantile; its lower bound if it has no upper one; NaN of nothing.
    """
    wanted = rank * max(buckets.values(), default=0)
    lower, below = 0.0, 0.0
    for upper, count in buckets.items():
        if count >= wanted and count > below:
            return (
                lower if upper == math.inf else lower + (upper - lower) * (wanted - below) / (count - below)
            )
        lower, below = upper, count
    return math.nan


def _total(family: Metric) -> int:
    return int(sum(sample.value for sample in family.samples if sample.name.endswith("_total")))


def _distribution(family: Metric) -> Distribution:
    buckets: defaultdict[float, float] = defaultdict(float)
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            buckets[float(sample.labels["le"])] += sample.value
    count = int(buckets[math.inf])
    percentiles = {f"p{rank}": quantile(rank / 100, buckets) for rank in PERCENTILES} if count else {}
    return Distribution(count, percentiles)
