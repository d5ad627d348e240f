"""From when to when somebody was there, by what a platform tells."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from models.stays import Stay, stays_of

GAP = timedelta(minutes=30)


def at(minute: float) -> datetime:
    return datetime(2026, 3, 2, 19, tzinfo=UTC) + timedelta(minutes=minute)


def told(joined: float, last: float, left: float | None, messages: int = 0) -> Stay:
    return Stay(at(joined), at(last), None if left is None else at(left), messages, told=True)


@pytest.mark.parametrize(
    ("presences", "expected"),
    [
        ([], []),
        ([(0, "join"), (10, "leave")], [told(0, 10, 10)]),
        ([(0, "join")], [told(0, 0, None)]),
        ([(0, "join"), (5, "message"), (7, "message")], [told(0, 7, None, 2)]),
        ([(0, "join"), (10, "leave_all")], [told(0, 10, 10)]),
        # Who is told of again has come but once; who leaves without having come was not seen.
        ([(0, "join"), (3, "join"), (10, "leave")], [told(0, 10, 10)]),
        ([(10, "leave")], []),
        ([(0, "join"), (10, "leave"), (20, "join")], [told(0, 10, 10), told(20, 20, None)]),
        # In one second: who was there leaves and comes again; who was not comes and leaves.
        ([(0, "join"), (10, "leave"), (10, "join")], [told(0, 10, 10), told(10, 10, None)]),
        ([(10, "leave"), (10, "join")], [told(10, 10, 10)]),
        ([(0, "join"), (10, "leave"), (10, "message")], [told(0, 10, 10, 1)]),
        # What is said outside of a stay makes one of its own.
        (
            [(0, "message"), (30, "message"), (61, "message")],
            [Stay(at(0), at(30), None, 2), Stay(at(61), at(61), None, 1)],
        ),
        ([(0, "message"), (5, "join"), (9, "leave")], [Stay(at(0), at(0), None, 1), told(5, 9, 9)]),
        ([(5, "join"), (9, "leave"), (12, "message")], [told(5, 9, 9), Stay(at(12), at(12), None, 1)]),
    ],
)
def test_stays_are_bounded_by_joins_and_leaves(
    presences: list[tuple[float, str]], expected: list[Stay]
) -> None:
    given = [(at(minute), kind) for minute, kind in presences]
    for seed in range(5):
        random.Random(seed).shuffle(given)
        assert stays_of(given, GAP) == expected
