"""`python -m benchmarks.growth`: how the cost of a row grows with rows, partitions, people and indexes.

Writes benchmarks/out/growth.json. What is measured is in `benchmarks.inserting`; here is into what tables.
A month is filled with as many rows as others have in years, because a row's month is all that it has to do
with.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.big_table import MAX_PEOPLE, MESSAGES_OF_ONE
from benchmarks.inserting import BATCH, Insertion, insert
from benchmarks.on_big_table import command
from benchmarks.services import POSTGRES_SETTINGS
from benchmarks.tables import (
    SIZES_HEADER,
    for_markdown,
    measured_on,
    size_lines,
)
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.big_table import BigTable, Entries
    from benchmarks.on_big_table import Found, Say

_PAGES = statements("pages", "benchmarks.sql")
NAME = "growth"
ROUNDS = 3
#: Written in a round.
ROUND_ROWS = 50 * BATCH
#: How full the one month is when it is written to, in shares of `--rows`.
LEVELS = (0.0, 0.1, 0.5, 1.0)
PARTITIONS = (3, 24, 60)
#: Numbers beyond those that any table here is filled with.
_UNUSED = 1_000_000_000
#: Those who talk on in turns, and so many that hardly anyone comes again.
PEOPLE = (1_000, MAX_PEOPLE)
#: Made for this, then dropped; the others are dropped after it, until only the primary key is left.
NEWEST_INDEX = "chat_log_newest_idx"
INDEXES = (
    "chat_log_metadata_idx",
    "chat_log_conversation_idx",
    "chat_log_shortcode_idx",
    "chat_log_no_survey_idx",
    "chat_log_survey_idx",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A table, and what writing to it came to in each round.

    Attributes:
        grows: what the case is one of a series of: rows, partitions, people, indexes.
        what: where in the series it is.
    """

    grows: str
    what: str
    rounds: tuple[Insertion, ...]


class _Series:
    """Measures case after case, with entries that were not used before."""

    def __init__(self, table: BigTable, say: Say) -> None:
        self._table = table
        self._say = say
        self._next = _UNUSED
        self.cases: list[Case] = []

    async def measure(self, grows: str, what: str, entries: Entries) -> None:
        """Write to the table as it is, a few rounds, in batches spread over the time of `entries`."""
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(await insert(self._table, entries, self._next, ROUND_ROWS))
            self._next += ROUND_ROWS
        self.cases.append(Case(grows, what, tuple(rounds)))
        self._say(f"{grows}: {what}: {median(one.rows_per_s for one in rounds):,.0f} rows/s")


async def _measure(table: BigTable, rows: int, say: Say) -> Found:
    series = _Series(table, say)
    await _partitions(table, series)
    stored = await _rows(table, series, rows, say)
    sizes = await table.sizes()
    vacuum_began = time.monotonic()
    await table.execute("VACUUM (FREEZE, ANALYZE) chat_log")
    vacuum_s = round(time.monotonic() - vacuum_began, 1)
    await _people_and_indexes(table, series, round(rows * LEVELS[1]), say)
    return {
        "settings": {"postgresql": POSTGRES_SETTINGS, "batch": BATCH, "round_rows": ROUND_ROWS},
        "cases": [asdict(case) for case in series.cases],
        "rows": stored,
        "sizes": sizes,
        "vacuum_s": vacuum_s,
    }


async def _partitions(table: BigTable, series: _Series) -> None:
    """Empty tables, written to in one partition as when live, and in all as when history is read again."""
    for months in PARTITIONS:
        for name, spread in (("this month", 1), ("all months", months)):
            await table.empty(months=months)
            await series.measure(
                "partitions", f"{months}, into {name}", await table.entries(BATCH, months=spread)
            )


async def _rows(table: BigTable, series: _Series, rows: int, say: Say) -> int:
    """Fill one month, and write to it in between; return how many rows it has in the end."""
    people = max(1_000, rows // MESSAGES_OF_ONE)
    await table.empty(months=1)
    every = await table.entries(rows, months=1, people=people)
    entries = await table.entries(BATCH, months=1, people=people)
    filled = 0
    for level in LEVELS:
        await table.fill(every, filled, round(rows * level), say)
        filled = round(rows * level)
        await series.measure("rows", f"{filled:,}", entries)
    return filled + sum(one.rows for case in series.cases if case.grows == "rows" for one in case.rounds)


async def _people_and_indexes(table: BigTable, series: _Series, rows: int, say: Say) -> None:
    """A month of `rows` rows, of few people and of many; the latter with ever fewer indexes."""
    for people in PEOPLE:
        await table.empty(months=1)
        await table.fill(await table.entries(rows, months=1, people=people), 0, rows, say)
        entries = await table.entries(BATCH, months=1, people=people)
        await series.measure("people", f"{people:,}, {rows:,} rows", entries)
    await table.execute(_PAGES.index_newest)
    await series.measure("indexes", f"as shipped and {NEWEST_INDEX}", entries)
    await table.execute(f"DROP INDEX {NEWEST_INDEX}")
    await series.measure("indexes", "as shipped", entries)
    for index in INDEXES:
        await table.execute(f"DROP INDEX {index}")
        await series.measure("indexes", f"and without {index}", entries)


_HEADER = (
    "grows",
    "written to a table with",
    "rows/s",
    "CPU ms per 1,000",
    "batch p50 ms",
    "batch p99 ms",
    "WAL bytes a row",
    "page images a row",
)


def _lines(found: Found) -> Iterator[list[str]]:
    for case in found["cases"]:
        middle = {name: median(one[name] for one in case["rounds"]) for name in case["rounds"][0]}
        yield [
            case["grows"],
            case["what"],
            f"{middle['rows_per_s']:,.0f}",
            f"{middle['cpu_ms_per_1000']:,.0f}",
            f"{middle['batch_p50_ms']:,.0f}",
            f"{middle['batch_p99_ms']:,.0f}",
            f"{middle['wal_bytes_per_row']:,.0f}",
            f"{middle['page_images_per_row']:.2f}",
        ]


def _markdown(found: Found) -> str:
    sizes = for_markdown(SIZES_HEADER, size_lines(found["sizes"], found["rows"]))
    return "\n\n".join(
        [
            for_markdown(_HEADER, list(_lines(found))),
            f"Medians of {ROUNDS} rounds of {ROUND_ROWS:,} rows by two connections, each after a checkpoint.",
            sizes,
            f"One month with {found['rows']:,} rows; VACUUM (FREEZE, ANALYZE) of it took "
            f"{found['vacuum_s']:g} s. " + measured_on(found),
        ]
    )


main = command(
    NAME,
    """Measure how the cost of writing a row grows with rows, partitions, people and indexes.

    PostgreSQL is embedded, in a scratch directory: 10 million rows take 30 GB of disk while this runs.
    """,
    _measure,
    header=_HEADER,
    lines=_lines,
    markdown=_markdown,
)

if __name__ == "__main__":
    main()
