"""`python -m benchmarks.reading`: how long the questions of the pages take on a table of many rows.

Writes benchmarks/out/reading.json. A question's time is what its caller waits: from the call to all rows as
Python objects. What is asked is in `benchmarks.questions`.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from benchmarks.on_big_table import command
from benchmarks.questions import FEW_SAMPLES, REPLAY, SAMPLES, SURVEY, newest_first, places_for
from benchmarks.services import POSTGRES_SETTINGS
from benchmarks.tables import (
    SIZES_HEADER,
    for_markdown,
    measured_on,
    percentile,
    size_lines,
)
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg

    from benchmarks.big_table import BigTable, Entries
    from benchmarks.on_big_table import Found, Say
    from benchmarks.questions import Question

_PAGES = statements("pages", "benchmarks.sql")
NAME = "reading"
MONTHS = 24


@dataclass(frozen=True, slots=True)
class Answer:
    """How long a question took, in ms: asked first with nothing in memory, then all the same again.

    Attributes:
        rows: of an answer, in the middle.
        first_ms: the first on a new connection, with planning; the plan is then kept.
        pages: of 8 kB, that one asking touched, whether in memory or not.
        partitions: that it looked into.
    """

    question: str
    samples: int
    rows: int
    first_ms: float
    cold_p50_ms: float
    cold_p99_ms: float
    warm_p50_ms: float
    warm_p99_ms: float
    limit_ms: float | None
    pages: int
    partitions: int


async def _measure(table: BigTable, rows: int, say: Say) -> Found:
    await table.empty(months=MONTHS)
    entries = await table.entries(rows, months=MONTHS)
    await table.fill(entries, 0, rows, say)
    say(f"{rows:,} rows in {MONTHS} months; now VACUUM")
    await table.execute("VACUUM (ANALYZE) chat_log")
    as_shipped = (*REPLAY, *SURVEY, *newest_first("as shipped", samples=FEW_SAMPLES))
    answers = [await _ask(question, table, entries, rows, say) for question in as_shipped]
    say("Now with an index for it")
    await table.execute(_PAGES.index_newest)
    with_index = newest_first("with chat_log_newest_idx", samples=SAMPLES)
    answers += [await _ask(question, table, entries, rows, say) for question in with_index]
    return {
        "settings": {"postgresql": POSTGRES_SETTINGS, "months": MONTHS, **asdict(entries)},
        "rows": rows,
        "answers": [asdict(answer) for answer in answers],
        "sizes": await table.sizes(),
    }


async def _ask(question: Question, table: BigTable, entries: Entries, rows: int, say: Say) -> Answer:
    places = await places_for(question, table, entries, rows)
    # The first of them is for the connection, which has to learn of all the partitions.
    first, *others = [question.arguments(place) for place in places]
    await table.forget()
    connection = await table.connect()
    try:
        (first_ms,), _ = await _times(connection, question.sql, [first])
        cold_ms, sizes = await _times(connection, question.sql, others)
        warm_ms, _ = await _times(connection, question.sql, others)
        pages, partitions = await _effort(connection, question.sql, others[0])
    finally:
        await connection.close()
    answer = Answer(
        question.name,
        len(others),
        round(median(sizes)),
        round(first_ms, 2),
        round(percentile(cold_ms, 50), 2),
        round(percentile(cold_ms, 99), 2),
        round(percentile(warm_ms, 50), 2),
        round(percentile(warm_ms, 99), 2),
        question.limit_ms,
        pages,
        partitions,
    )
    say(f"{question.name}: cold {answer.cold_p99_ms:g} ms, warm {answer.warm_p99_ms:g} ms (99 of 100)")
    return answer


async def _times(
    connection: asyncpg.Connection[asyncpg.Record], query: str, calls: Sequence[tuple[object, ...]]
) -> tuple[list[float], list[int]]:
    """Ask one after another; return how long each took, in ms, and how many rows it gave."""
    times, sizes = [], []
    for arguments in calls:
        began = time.perf_counter()
        rows = await connection.fetch(query, *arguments)
        times.append((time.perf_counter() - began) * 1000)
        sizes.append(len(rows))
    return times, sizes


async def _effort(
    connection: asyncpg.Connection[asyncpg.Record], query: str, arguments: tuple[object, ...]
) -> tuple[int, int]:
    """Return how many pages and partitions a query looks at."""
    explained = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *arguments)
    plan = orjson.loads(explained)[0]["Plan"]
    partitions = {node["Relation Name"] for node in _nodes(plan) if "Relation Name" in node}
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], len(partitions)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


_HEADER = (
    "question",
    "rows",
    "pages",
    "partitions",
    "first ms",
    "cold p50 ms",
    "cold p99 ms",
    "warm p50 ms",
    "warm p99 ms",
    "wanted p99 ms",
    "reached",
)


def _lines(found: Found) -> Iterator[list[str]]:
    for one in (Answer(**answer) for answer in found["answers"]):
        wanted, reached = "", ""
        if one.limit_ms is not None:
            worst = max(one.cold_p99_ms, one.warm_p99_ms)
            wanted, reached = f"< {one.limit_ms:g}", "yes" if worst < one.limit_ms else "NO"
        times = (one.first_ms, one.cold_p50_ms, one.cold_p99_ms, one.warm_p50_ms, one.warm_p99_ms)
        yield [
            one.question,
            f"{one.rows:,}",
            f"{one.pages:,}",
            str(one.partitions),
            *(f"{ms:,.1f}" for ms in times),
            wanted,
            reached,
        ]


def _markdown(found: Found) -> str:
    sizes = for_markdown(SIZES_HEADER, size_lines(found["sizes"], found["rows"]))
    on = f"{found['rows']:,} rows in {MONTHS} monthly partitions. {measured_on(found)}"
    return "\n\n".join([for_markdown(_HEADER, list(_lines(found))), sizes, on])


main = command(
    NAME,
    """Measure how long the questions of the pages take on a table of many rows.

    PostgreSQL is embedded, in a scratch directory: 10 million rows take 25 GB of disk while this runs.
    """,
    _measure,
    header=_HEADER,
    lines=_lines,
    markdown=_markdown,
)

if __name__ == "__main__":
    main()
