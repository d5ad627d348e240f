"""What is said now: by the minute, by place, in bounded memory, and over all workers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app.figures.live import added_up
from sinks.postgres import live
from sinks.postgres.live import MINUTE_MS, LiveMessages, StoredMessage

NOW = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


def stored(person: str | None = "a", minutes_ago: int = 0) -> StoredMessage:
    return StoredMessage("messenger", "page", "survey", person, NOW_MS - minutes_ago * MINUTE_MS)


def rows_of(remembered: LiveMessages, channel: str | None = None) -> list[tuple[int, int]]:
    """Return messages and people of the minute before and of this one, of the platform or of a channel."""
    return [
        (row["messages"], row["people"])
        for row in remembered.rows()
        if row["channel"] == channel and row["surveyid"] is None
    ]


def test_a_person_talks_now_who_spoke_in_the_last_five_minutes() -> None:
    clock = Clock()
    remembered = LiveMessages(clock)
    remembered.note([stored("a"), stored("a"), stored("b", 1), stored("c", 6), stored(None)])
    assert rows_of(remembered) == [(1, 2), (3, 2)]
    assert rows_of(remembered, "page") == [(1, 2), (3, 2)]

    clock.now_ms += 5 * MINUTE_MS
    assert rows_of(remembered) == [(0, 1), (0, 1)]
    # Of a platform it is said for as long as the worker runs that nothing is said; a channel is forgotten.
    clock.now_ms += 10 * MINUTE_MS
    assert rows_of(remembered) == [(0, 0), (0, 0)]
    assert rows_of(remembered, "page") == []


def test_what_cannot_be_remembered_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PEOPLE_MAX", 2)
    remembered = LiveMessages(Clock())
    remembered.note([stored("a"), stored("b")])
    assert all(row["is_whole"] for row in remembered.rows())
    remembered.note([stored("c"), stored("a")])
    assert rows_of(remembered)[1] == (4, 2)
    assert not any(row["is_whole"] for row in remembered.rows())


def row(worker: str, minutes_ago: int, messages: int, people: int, **responses: int) -> dict[str, object]:
    return {
        "minute": NOW.replace(second=0) - timedelta(minutes=minutes_ago),
        "worker": worker,
        "messages": messages,
        "people": people,
        "responses": orjson.dumps(responses).decode(),
        "is_whole": True,
    }


def test_workers_are_added_up_and_those_that_are_gone_talk_to_nobody() -> None:
    found = added_up(
        [
            row("one", 0, 3, 4, **{"72": 1}),
            row("one", 1, 10, 9),
            row("two", 1, 5, 2, **{"72": 1, "10": 2}),
            row("gone", 7, 60, 50, **{"99": 9}),
        ],
        NOW,
    )
    assert (found.per_minute, found.people, found.workers) == (3.0, 6, 2)
    assert len(found.minutes) == 59
    assert (found.minutes[-1].messages, found.minutes[-7].messages) == (15, 60)
    assert found.p50_ms == pytest.approx(1.1**10.5)
    assert found.p95_ms == pytest.approx(1.1**72.5)
    assert added_up([], NOW).p50_ms is None
