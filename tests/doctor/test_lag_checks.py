"""What `chatlog check` says of how much waits for a role: one row a case."""

from __future__ import annotations

import pytest

from app.doctor.findings import Level
from app.doctor.lag_checks import lag_finding
from app.settings import Role


@pytest.mark.parametrize(
    ("messages", "oldest_s", "workers", "level", "said"),
    [
        (0, 0.0, 0, Level.OK, "nothing waits for persist: p has 0 workers"),
        (0, 0.0, 1, Level.OK, "nothing waits for persist: p has 1 worker"),
        (1, 9.0, 0, Level.NOTE, "1 message waits for persist, and nobody reads: p has 0 workers"),
        (
            2_000,
            9.0,
            2,
            Level.OK,
            "2,000 messages wait for persist, for less than 5 minutes: p has 2 workers",
        ),
        (
            7,
            6_000.0,
            2,
            Level.NOTE,
            "7 messages wait for persist, the oldest for 100 minutes: p has 2 workers",
        ),
    ],
)
def test_what_waits_is_told(messages: int, oldest_s: float, workers: int, level: Level, said: str) -> None:
    found = lag_finding(Role.PERSIST, "p", messages, oldest_s, workers=workers)
    assert (found.level, found.message) == (level, said)
    assert bool(found.mend) is (level is Level.NOTE)
