"""What counts as wrong with a system, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from faust.types import TP

from app.settings import Role
from app.system.queues import Queue
from app.system.tables import lanes_of, rows_of
from app.system.view import DatabaseView, SystemView
from app.worker.watch.lag import PartitionLag
from models.processes import Beat, ProcessKind, ProcessStanding, RunningProcess
from sinks.postgres.connector_gaps import ConnectorGap

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def process(silent_s: float = 3.0, **beat: Any) -> RunningProcess:
    return RunningProcess(
        UUID(int=1), ProcessKind.WORKER, "persist", "host-1", "1.0", NOW, silent_s, Beat(**beat)
    )


def queue(
    *, lag: int = 0, members: int | None = 1, still_s: float = 0, age_s: float = 1, **more: Any
) -> Queue:
    oldest_ms = int((NOW.timestamp() - age_s) * 1000)
    partition = PartitionLag(TP("chat-log", 3), 0, 100, 100 - lag, oldest_ms, 1000.0 - still_s)
    return Queue(Role.PERSIST, "group", members, (partition,), more.get("error"))


def view(
    *processes: RunningProcess, queues: tuple[Queue, ...] | None = (), storage: str | None = None, **more: Any
) -> SystemView:
    values: dict[str, Any] = {
        "dead_letters": {},
        "gaps": (),
        "months_ahead": 3,
        "default_rows": 0,
        "without_words": (),
    } | more
    database = DatabaseView(processes, version="18", size_bytes=1, revision="0021", **values)
    return SystemView(database, queues, storage, NOW, 1000.0)


GAP = ConnectorGap("twitch", "maren", NOW, None, "connection", None)


@pytest.mark.parametrize(
    ("seen", "said", "remedy"),
    [
        (
            view(process(silent_s=60)),
            "persist worker on host-1 was last seen 1 min ago",
            "start it again",
        ),
        (
            view(process(standing=ProcessStanding.STALLED, reasons=["chat-log[3] has not moved"])),
            "stands still: chat-log[3] has not moved.",
            "Restart it",
        ),
        (
            view(process(standing=ProcessStanding.UNREADY, reasons=["PostgreSQL cannot be used"])),
            "is not ready: PostgreSQL cannot be used.",
            "goes on by itself",
        ),
        (view(queues=(queue(lag=5, members=0),)), "and 5 messages wait.", "chatlog worker persist"),
        (view(queues=(queue(members=0),)), "No persist worker is in the group group.", "Start one"),
        (
            view(queues=(queue(lag=5, still_s=90),)),
            "partition of persist stuck: chat-log[3].",
            "restart it",
        ),
        (
            view(queues=(queue(lag=5, age_s=900),)),
            "persist is behind: 5 wait, the oldest for 15 min",
            "more workers",
        ),
        (
            view(queues=(queue(error="TimeoutError: see the brokers"),)),
            "Kafka does not tell",
            "see the brokers",
        ),
        (view(queues=None), "Kafka has not answered yet.", "again in a moment"),
        (view(storage="the bucket is missing"), "cannot be used: the bucket is missing.", "storage check"),
        (view(dead_letters={"not_json": 2, "missing_field": 0}), "2 dead letters", "replay or drop"),
        (view(gaps=(GAP,)), "nobody hears now: twitch maren.", "chatlog connect twitch"),
        (view(default_rows=10_000), "10,000 rows are in the default partition", "Move a month"),
        (view(months_ahead=0), "next month has no partition", "chatlog maintain"),
        (
            view(without_words=("a", "b", "c", "d")),
            "No index of words is of a, b, c and 1 more: search reads them as a whole.",
            "chatlog maintain --every 10m",
        ),
        (SystemView(None, (), None, NOW, 0.0), "PostgreSQL does not answer.", "DATABASE_URL"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(seen: SystemView, said: str, remedy: str) -> None:
    [problem] = seen.problems

    assert said in problem.what
    assert remedy in problem.remedy


def test_a_system_that_is_well_has_no_problems() -> None:
    assert view(process(), queues=(queue(), queue(lag=5))).problems == []


def test_the_worst_comes_first() -> None:
    seen = view(process(silent_s=60), queues=(queue(lag=5, members=0),))

    assert [problem.severity.value for problem in seen.problems] == ["bad", "warn"]
    assert [row.word for row in rows_of(view(process(), process(silent_s=60)))] == ["Not seen", "Running"]


@pytest.mark.parametrize(
    ("waiting", "word"),
    [
        (queue(), "Up to date"),
        (queue(lag=5), "Working"),
        (queue(lag=5, still_s=90), "Stuck"),
        (queue(members=0), "Nobody reads"),
        (queue(members=None), "Up to date"),
        (queue(error="?"), "Not known"),
    ],
)
def test_a_role_is_in_one_state(waiting: Queue, word: str) -> None:
    [lane] = lanes_of(view(queues=(waiting,)))

    assert lane.word == word
