"""Figures of 10 million messages of 24 months: how long sums take to be read, and people to be counted.

What is measured is what the API waits for: the service with its scope. Each figure is asked for again and
again on one connection, warm; the wall time is told, and the CPU time of the backend.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from app.figures.rows import Every, Split
from app.figures.service import FiguresService
from app.postgres.connections import create_pool
from benchmarks import said
from benchmarks.measuring import Run
from benchmarks.sizes import settle
from benchmarks.tables import percentile
from models.access import Caller, CallerRole
from models.reading import EVERYTHING, MessageFilter
from sinks.postgres.counting import count_people
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from benchmarks.plan import Size
    from benchmarks.services import Services

PART, COUNTING = "figures", "figures counting"
RETENTION, OVER_TIME = "retention", "messages by day"
_OWNER = "owner@example.org"
_OPERATOR = Caller("operator@example.org", roles=frozenset({CallerRole.OPERATOR}))
MONTHS = 24
_SQL = statements("said", "benchmarks.sql")


async def compare(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    """Fill the tables, sum them up, count people, ask for figures, and empty the tables.

    Args:
        services: with PostgreSQL.
        size: how many messages, and how often each figure is asked for.
        note: told of each run.
    """
    await services.empty_tables()
    await said.fill(services.connect, size.search_rows, months=MONTHS, owner=_OWNER, say=lambda _: None)
    connection = await services.connect()
    try:
        # Messenger's are counted by a trigger; others by persist, which did not write them.
        await connection.execute(_SQL.count_said)
        await settle(services, "twitch")
        await connection.execute("VACUUM (ANALYZE)")
        began, cpu_before = time.perf_counter(), _cpu_s(connection.get_server_pid())
        days = await count_people(connection)
        took_s, cpu_s = time.perf_counter() - began, _cpu_s(connection.get_server_pid()) - cpu_before
        note(_run(COUNTING, "people", size.search_rows, took_s * 1000, cpu_s, {"days": days}))
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    await _read(services, size, note)
    await services.empty_tables()


def slowest_ms(runs: Iterable[Run], beginning: str) -> float | None:
    """Return how long the slowest of some figures took: 99 of 100 of its kind took no longer."""
    return max(
        (run.figures["p99_ms"] for run in runs if run.part == PART and run.contender.startswith(beginning)),
        default=None,
    )


async def _read(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    pool = await create_pool(
        services.settings.database, application_name="benchmarks", min_size=1, max_size=1
    )
    try:
        pid: int = await pool.fetchval("SELECT pg_backend_pid()")
        for name, ask in _all_asked(FiguresService(pool)).items():
            note(await _measure(name, ask, size, pid))
    finally:
        pool.terminate()


def _all_asked(figures: FiguresService) -> dict[str, Callable[[], Awaitable[Any]]]:
    now = datetime.now(UTC)
    ever = MessageFilter(since=now - timedelta(days=MONTHS * 31))
    of_survey = MessageFilter(survey="Health of all", since=ever.since)
    owner = Caller(_OWNER)
    return {
        RETENTION: lambda: figures.retention(_OPERATOR, ever),
        f"{RETENTION}, a survey": lambda: figures.retention(owner, of_survey),
        OVER_TIME: lambda: figures.messages(_OPERATOR, EVERYTHING),
        f"{OVER_TIME} and channel": lambda: figures.messages(_OPERATOR, EVERYTHING, Every.DAY, Split.CHANNEL),
        f"{OVER_TIME}, an owner": lambda: figures.messages(owner, EVERYTHING, Every.DAY, Split.SURVEY),
        "messages by week, all": lambda: figures.messages(_OPERATOR, ever, Every.WEEK, Split.PLATFORM),
        "response times": lambda: figures.responses(_OPERATOR, EVERYTHING),
        "hours of the week": lambda: figures.by_weekday(_OPERATOR, EVERYTHING, "Africa/Lagos"),
        "sessions of 30 days": lambda: figures.sessions(_OPERATOR, EVERYTHING),
        "common texts": lambda: figures.texts(_OPERATOR, EVERYTHING),
        "activity of 30 days": lambda: figures.activity(_OPERATOR, EVERYTHING),
        "questions of a survey, 90 days": lambda: figures.questions(
            owner, MessageFilter(survey="Health of all")
        ),
    }


async def _measure(name: str, ask: Callable[[], Awaitable[Any]], size: Size, pid: int) -> Run:
    times_ms: list[float] = []
    cpu_ms: list[float] = []
    found: Any = None
    # The first warms what the others find in memory.
    for number in range(size.searches + 1):
        cpu_before, began = _cpu_s(pid), time.perf_counter()
        found = await ask()
        if number:
            times_ms.append((time.perf_counter() - began) * 1000)
            cpu_ms.append((_cpu_s(pid) - cpu_before) * 1000)
    figures = {
        "items": len(found.items),
        "p50_ms": round(percentile(times_ms, 50), 1),
        "p99_ms": round(percentile(times_ms, 99), 1),
        "cpu_p50_ms": round(percentile(cpu_ms, 50), 1),
    }
    return _run(PART, name, size.search_rows, median(times_ms), median(cpu_ms), figures)


def _run(
    part: str, name: str, messages: int, milliseconds: float, cpu: float, figures: dict[str, float]
) -> Run:
    return Run(part, name, messages, round(1000 / milliseconds, 3), round(cpu, 5), 0.0, 0, figures)


def _cpu_s(pid: int) -> float:
    """Return how long a process has run on a core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
