"""A survey in PostgreSQL → a file, here or in object storage: ours, COPY by psql, and pandas.

All contenders read the same rows in the same order, from the same index. COPY by psql is the limit: it
writes what PostgreSQL sends as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import orjson

from app.local.embedded.storage import EmbeddedStorage
from app.local.environment import settings_of_run
from benchmarks.contenders.exporting import CSV, GZIP, OWNER, PARQUET, SURVEY, SURVEYID, XLSX
from benchmarks.measuring import Run
from benchmarks.processes import baseline
from benchmarks.rounds import in_turn
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.settings import Settings
    from benchmarks.plan import Size
    from benchmarks.services import Services

_ENTRIES = statements("entries", "benchmarks.sql")
FILE, S3, COPY, PANDAS = "to a file", "to S3", r"\copy", "pandas"
_PART = "export "
#: Written by one statement while filling.
FILL_ROWS = 10_000
MONTHS = 6
#: pandas wrote 25,000 rows a second on the slowest machine.
_SLOWEST_PER_S = 2_500
_STARTS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class _Entrant:
    name: str
    module: str
    arguments: tuple[str, ...] = ()
    has_a_goal: bool = True


def name_of(format_: str, target: str) -> str:
    """Return what one of ours is called in the results."""
    return f"{format_} {target}"


_ENTRANTS = (
    _Entrant(name_of(CSV, FILE), "export_ours", (CSV, "file")),
    _Entrant(COPY, "export_copy"),
    _Entrant(name_of(CSV, S3), "export_ours", (CSV, "s3")),
    _Entrant(name_of(PARQUET, FILE), "export_ours", (PARQUET, "file")),
    _Entrant(PANDAS, "export_pandas"),
    _Entrant(name_of(GZIP, FILE), "export_ours", (GZIP, "file"), has_a_goal=False),
    _Entrant(name_of(GZIP, S3), "export_ours", (GZIP, "s3"), has_a_goal=False),
    _Entrant(name_of(PARQUET, S3), "export_ours", (PARQUET, "s3"), has_a_goal=False),
    # A row at a time, in Python: nobody opens so many rows in Excel that it matters.
    _Entrant(name_of(XLSX, FILE), "export_ours", (XLSX, "file"), has_a_goal=False),
)


def part_of(rows: int) -> str:
    """Return the name of the measurement with so many rows."""
    return f"{_PART}{rows // 1000}k"


def is_one(run: Run) -> bool:
    """Tell whether it is a run of this measurement."""
    return run.part.startswith(_PART)


async def compare(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    """Measure every contender, round by round, with more and more rows.

    Args:
        services: with PostgreSQL.
        size: how many rows, how many rounds, and whether those run that no goal is about.
        note: told of each run.
    """
    entrants = [entrant for entrant in _ENTRANTS if entrant.has_a_goal or size.every_contender]
    async with EmbeddedStorage(services.directory / "storage") as storage:
        settings = settings_of_run(services.settings, services.directory, embedded_storage=storage)
        await _prepare(services)
        filled = 0
        for rows in size.export_rows:
            await _fill(services, filled, rows, max(size.export_rows))
            filled = rows
            for number in range(size.rounds):
                for entrant in in_turn(entrants, number):
                    note(await _measure(entrant, services, settings, rows, number))
    await services.empty_tables()


def ratio(runs: Iterable[Run], over: str, under: str) -> float | None:
    """Return how much faster one contender was than another, in the middle, with the most rows."""
    most = _with_most_rows(runs)
    speeds = [[run.per_s for run in most if run.contender == name] for name in (over, under)]
    return median(speeds[0]) / median(speeds[1]) if all(speeds) else None


def peak_mb(runs: Iterable[Run], formats: Sequence[str]) -> float | None:
    """Return the most memory that writing one of these formats took, wherever to and however many rows."""
    names = {name_of(format_, target) for format_ in formats for target in (FILE, S3)}
    return max((run.peak_mb for run in runs if run.contender in names), default=None)


def _with_most_rows(runs: Iterable[Run]) -> list[Run]:
    exported = [run for run in runs if is_one(run)]
    most = max((run.messages for run in exported), default=0)
    return [run for run in exported if run.messages == most]


async def _prepare(services: Services) -> None:
    await services.empty_tables()
    connection = await services.connect()
    try:
        await connection.execute(_ENTRIES.make_entries)
        await connection.execute(f"SELECT chat_log_make_partitions({MONTHS - 1}, 0)")
        await connection.execute(_ENTRIES.survey_to_export, OWNER, SURVEY, SURVEYID)
    finally:
        await connection.close()


async def _fill(services: Services, first: int, until: int, all_rows: int) -> None:
    connection = await services.connect()
    try:
        (span,) = await connection.fetch(_ENTRIES.months, MONTHS)
        step_ms = (span[1] - span[0]) / all_rows
        for number in range(first, until, FILL_ROWS):
            many = min(FILL_ROWS, until - number)
            people = max(1_000, all_rows // 40)
            await connection.execute(
                _ENTRIES.fill_export, number, many, span[0], step_ms, people, 1, SURVEYID
            )
        # So that nobody has to write down, while reading, that rows are there to stay.
        await connection.execute("VACUUM ANALYZE chat_log")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _measure(entrant: _Entrant, services: Services, settings: Settings, rows: int, number: int) -> Run:
    target = services.directory / "export"
    run = partial(baseline, entrant.module, settings=settings, directory=services.directory)
    async with run(arguments=(*entrant.arguments, target)) as contender:
        said = await contender.finished(_STARTS_WITHIN_S + rows / _SLOWEST_PER_S)
        cpu_s = contender.samples[-1].cpu_s if contender.samples else 0.0
        sampled_mb = contender.peak_mb()
    target.unlink(missing_ok=True)
    found = orjson.loads(said.splitlines()[-1])
    if found["rows"] != rows:
        raise AssertionError(f"{entrant.name} wrote {found['rows']:,} of {rows:,} rows; mend it")
    return Run(
        part_of(rows),
        entrant.name,
        rows,
        round(rows / found["seconds"]),
        round(cpu_s / rows * 1000, 5),
        round(max(sampled_mb, found["peak_mb"]), 1),
        number,
        {"seconds": round(found["seconds"], 3), "mb": round(found["bytes"] / 1e6, 1)},
    )
