"""How fast counters grow, over the last minute."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE_EVERY_S = 1.0
SAMPLES = 61


class Rates:
    """Takes samples of counters, and tells their growth per second between the oldest and the newest."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[str, int]]] = deque(maxlen=SAMPLES)

    def sample(self, counters: Mapping[str, int], now: float) -> None:
        """Note the counters at one time (`time.monotonic()`); to be called every `SAMPLE_EVERY_S`."""
        self._samples.append((now, dict(counters)))

    def per_second(self) -> dict[str, float]:
        """Return the growth of each counter per second; nothing before the second sample."""
        if len(self._samples) < 2:
            return {}
        (began, before), (ended, after) = self._samples[0], self._samples[-1]
        return {name: (count - before.get(name, 0)) / (ended - began) for name, count in after.items()}
