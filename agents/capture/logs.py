"""The logs that capture reads side by side, as one worker sees them: how far they go, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


@dataclass(frozen=True, slots=True)
class Log:
    """How far the partitions of one topic go, and how far they have been worked on.

    Attributes:
        partitions: how many it has.
        mine: those that this worker reads.
        ends: asks the brokers for the offset after the last record of every partition.
        done_to: of one of them, the offset below which no record is worked on again. For events, what is
            committed: those that are acknowledged and not committed are read again when the worker dies.
    """

    partitions: int
    mine: frozenset[int]
    ends: Callable[[], Awaitable[Mapping[int, int]]]
    done_to: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs that meet: as producers wrote them, and what of them was led home."""

    states: Log
    events: Log
    states_led: Log
    events_led: Log
