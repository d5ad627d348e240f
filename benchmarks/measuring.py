"""What was measured: one run of one contender, and the record of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.clocks import Span
    from benchmarks.processes import Contender


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender.

    Attributes:
        part: which measurement it belongs to: persist, capture, …
        contender: who.
        messages: how many were counted.
        per_s: how many of them in a second.
        cpu_s_per_1000: CPU seconds of the contender's processes for 1,000 messages.
        peak_mb: the most memory that its processes had at once, in MB.
        round: which round.
        figures: what else was measured, by name with unit.
    """

    part: str
    contender: str
    messages: int
    per_s: float
    cpu_s_per_1000: float
    peak_mb: float
    round: int
    figures: dict[str, float] = field(default_factory=dict)


def run_of(part: str, name: str, span: Span, contenders: Iterable[Contender], number: int) -> Run:
    """Put together what the clocks and the watch over the processes say."""
    watched = list(contenders)
    cpu_s = sum(contender.cpu_s(span.first, span.last) for contender in watched)
    return Run(
        part,
        name,
        span.total,
        round(span.per_s),
        round(cpu_s / span.counted * 1000, 5),
        round(max(contender.peak_mb() for contender in watched), 1),
        number,
        {"seconds": round(span.last - span.first, 3)},
    )


def median_per_s(runs: Iterable[Run], part: str, contender: str) -> float:
    """Return the median speed of a contender in a part; 0 if it did not run."""
    speeds = [run.per_s for run in runs if run.part == part and run.contender == contender]
    return median(speeds) if speeds else 0.0
