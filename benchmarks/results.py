"""What a run of the benchmarks came to: ratios of medians against what is wanted, as JSON and as tables.

What was measured is not touched here, only summed up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

from app.settings import Role
from benchmarks import (
    auditing,
    capture,
    crowd,
    end_to_end,
    exports,
    persist,
    platforms,
    scaling,
    searching,
    summing,
    thread_services,
    threads,
    turns,
)
from benchmarks.contenders.exporting import CSV, GZIP, PARQUET
from benchmarks.measuring import Run, median_per_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OUT = Path(__file__).parent / "out"
#: The results of everything; those of some parts are named after them.
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that has to be reached."""

    name: str
    what: str
    wanted: str
    met: Callable[[float], bool]


GOALS = (
    Goal("persist_vs_faust", "persist: ours / idiom of the guides", "≥ 3", lambda it: it >= 3),
    Goal(
        "persist_vs_plain",
        "persist: ours / plain loop, best of 1, 2, 4 connections",
        "≥ 0.9",
        lambda it: it >= 0.9,
    ),
    Goal("persist_vs_copy", "persist: ours / COPY, 1,000 a batch", "≥ 0.9", lambda it: it >= 0.9),
    Goal("capture_vs_faust", "capture: ours / idiom of the guides", "≥ 12", lambda it: it >= 12),
    Goal(
        "capture_hop_vs_direct",
        "capture: topics partitioned unlike / alike",
        "≥ 0.5",
        lambda it: it >= 0.5,
    ),
    Goal(
        "two_workers_vs_one",
        "capture: two workers / one, each held to its share",
        "≥ 1.6",
        lambda it: it >= 1.6,
    ),
    Goal("e2e_p50_ms", "event to row at 500/s, median, ms", "< 150", lambda it: it < 150),
    Goal("e2e_p99_ms", "event to row at 500/s, 99 of 100, ms", "< 500", lambda it: it < 500),
    Goal("e2e_events_per_s", "event to row, from a backlog, events/s", "≥ 18,000", lambda it: it >= 18_000),
    Goal(
        "capture_twitch_vs_messenger", "capture: Twitch / Messenger, events/s", "≥ 1.0", lambda it: it >= 1.0
    ),
    Goal(
        "capture_one_channel_vs_many",
        "capture: one channel with all the load / many channels",
        "≥ 0.9",
        lambda it: it >= 0.9,
    ),
    Goal(
        "capture_rules_vs_none",
        "capture: 10,000 channels with rules / none",
        "≥ 0.9",
        lambda it: it >= 0.9,
    ),
    Goal(
        "persist_twitch_vs_messenger",
        "persist: messages of Twitch with raw_payload / chat_log, rows/s",
        "≥ 1.15",
        lambda it: it >= 1.15,
    ),
    Goal(
        "persist_one_channel_vs_many",
        "persist: one channel with all the load / many channels",
        "≥ 0.9",
        lambda it: it >= 0.9,
    ),
    Goal(
        "bytes_twitch_vs_messenger",
        "bytes a row: Twitch with raw_payload / chat_log",
        "≤ 0.5",
        lambda it: it <= 0.5,
    ),
    Goal(
        "bytes_without_raw_vs_messenger",
        "bytes a row: Twitch without raw_payload / chat_log",
        "≤ 0.5",
        lambda it: it <= 0.5,
    ),
    Goal("crowd_max_s", "3.0 M messages an hour: event to row, the slowest, s", "< 5", lambda it: it < 5),
    Goal(
        "turns_added_p99_ms",
        "a turn by the API at 500/s to its 202, 99 of 100, ms",
        "< 50",
        lambda it: it < 50,
    ),
    Goal("turns_taken_percent", "turns that were answered with 202, %", "100", lambda it: it >= 100),
    Goal(
        "turns_read_back_p99_ms",
        "a turn by the API at 500/s to where it is read back, 99 of 100, ms",
        "< 1,000",
        lambda it: it < 1000,
    ),
    Goal(
        "client_added_p99_ms",
        "a turn by chatlog_client at 500/s: how long the chat waits, 99 of 100, ms",
        "< 50",
        lambda it: it < 50,
    ),
    Goal(
        "client_read_back_p99_ms",
        "a turn by chatlog_client at 500/s to where it is read back, 99 of 100, ms",
        "< 1,000",
        lambda it: it < 1000,
    ),
    Goal(
        "threads_vs_plain",
        "threads: messages posted a second, ours / the plain service",
        "≥ 2",
        lambda it: it >= 2,
    ),
    Goal(
        "threads_posts_per_s",
        "threads: messages posted a second",
        "≥ 1,500",
        lambda it: it >= 1500,
    ),
    Goal(
        "threads_post_p99_ms",
        f"threads: a message at {threads.POSTS_PER_S}/s, 99 of 100, ms",
        "< 25",
        lambda it: it < 25,
    ),
    Goal("threads_list_p99_ms", "threads: a list of 50, 99 of 100, ms", "< 15", lambda it: it < 15),
    Goal("export_file_vs_copy", "export: CSV to a file / \\copy", "≥ 0.9", lambda it: it >= 0.9),
    Goal("export_s3_vs_copy", "export: CSV to S3 / \\copy to a file", "≥ 0.7", lambda it: it >= 0.7),
    Goal("export_vs_pandas", "export: CSV to a file / pandas to a file", "≥ 4", lambda it: it >= 4),
    Goal("export_s3_vs_pandas", "export: CSV to S3 / pandas to a file", "≥ 4", lambda it: it >= 4),
    Goal("export_csv_peak_mb", "export: memory at most, CSV and CSV.gz, MB", "< 120", lambda it: it < 120),
    Goal("export_parquet_peak_mb", "export: memory at most, Parquet, MB", "< 350", lambda it: it < 350),
    Goal(
        "search_p99_ms", "search: a page of 50, 99 of 100, the slowest kind, ms", "< 150", lambda it: it < 150
    ),
    Goal(
        "search_writing_vs_without",
        "writing to chat_log: with indexes of words / without, by CPU",
        "≥ 0.95",
        lambda it: it >= 0.95,
    ),
    Goal("retention_p99_ms", "figures: who came back, 99 of 100, ms", "< 300", lambda it: it < 300),
    Goal("over_time_p99_ms", "figures: messages over 90 days, 99 of 100, ms", "< 100", lambda it: it < 100),
    Goal("audits_per_s", "1,000,000 audits in 2 minutes: audits/s", "≥ 8,334", lambda it: it >= 8_334),
    Goal("audits_peak_mb", "memory of chatlog backfill audits at most, MB", "< 200", lambda it: it < 200),
    Goal("audits_words_ms", "words among them, by the document's own query, ms", "< 50", lambda it: it < 50),
    Goal("worker_peak_mb", "memory of one worker at most, MB", "< 300", lambda it: it < 300),
)


def ratios_of(runs: Sequence[Run]) -> dict[str, float]:
    """Return the figures of `GOALS` as far as they were measured: of medians over the rounds."""
    plain = persist.best_plain([run for run in runs if run.part == persist.PART])
    one, two = scaling.name_of(Role.CAPTURE, 1), scaling.name_of(Role.CAPTURE, 2)
    ratios = {
        "persist_vs_faust": _ratio(runs, persist.PART, persist.OURS, persist.FAUST),
        "persist_vs_plain": _ratio(runs, persist.PART, persist.OURS, plain),
        "persist_vs_copy": _ratio(runs, persist.PART, persist.OURS, persist.COPY),
        "capture_vs_faust": _ratio(runs, capture.PART, capture.OURS, capture.FAUST),
        "capture_hop_vs_direct": _ratio(runs, capture.PART, capture.HOP, capture.OURS),
        "two_workers_vs_one": _ratio(runs, scaling.HELD, two, one),
        "e2e_p50_ms": _median_figure(runs, end_to_end.LATENCY, "p50_ms"),
        "e2e_p99_ms": _median_figure(runs, end_to_end.LATENCY, "p99_ms"),
        "e2e_events_per_s": median_per_s(runs, end_to_end.THROUGHPUT, end_to_end.OURS) or None,
        "capture_twitch_vs_messenger": _ratio(runs, platforms.CAPTURE, platforms.TWITCH, platforms.MESSENGER),
        "capture_one_channel_vs_many": _ratio(
            runs, platforms.CAPTURE, platforms.ONE_CHANNEL, platforms.TWITCH
        ),
        "capture_rules_vs_none": _ratio(runs, platforms.CAPTURE, platforms.RULED, platforms.TWITCH),
        "persist_twitch_vs_messenger": _ratio(runs, platforms.PERSIST, platforms.TWITCH, platforms.MESSENGER),
        "persist_one_channel_vs_many": _ratio(
            runs, platforms.PERSIST, platforms.ONE_CHANNEL, platforms.TWITCH
        ),
        "bytes_twitch_vs_messenger": platforms.bytes_ratio(runs, platforms.TWITCH),
        "bytes_without_raw_vs_messenger": platforms.bytes_ratio(runs, platforms.WITHOUT_RAW),
        "crowd_max_s": _median_figure(runs, crowd.PART, "max_s"),
        "turns_added_p99_ms": _median_figure(runs, turns.PART, "added_p99_ms"),
        "turns_taken_percent": _median_figure(runs, turns.PART, "taken_percent"),
        "turns_read_back_p99_ms": _median_figure(runs, turns.PART, "read_back_p99_ms"),
        "client_added_p99_ms": _median_figure(runs, turns.BY_CLIENT, "added_p99_ms"),
        "client_read_back_p99_ms": _median_figure(runs, turns.BY_CLIENT, "read_back_p99_ms"),
        "threads_vs_plain": threads.ratio(runs),
        "threads_posts_per_s": median_per_s(runs, threads.POSTING, thread_services.OURS) or None,
        "threads_post_p99_ms": threads.p99_ms(runs, threads.AT_A_PACE),
        "threads_list_p99_ms": threads.p99_ms(runs, threads.LISTING),
        "export_file_vs_copy": exports.ratio(runs, exports.name_of(CSV, exports.FILE), exports.COPY),
        "export_s3_vs_copy": exports.ratio(runs, exports.name_of(CSV, exports.S3), exports.COPY),
        "export_vs_pandas": exports.ratio(runs, exports.name_of(CSV, exports.FILE), exports.PANDAS),
        "export_s3_vs_pandas": exports.ratio(runs, exports.name_of(CSV, exports.S3), exports.PANDAS),
        "export_csv_peak_mb": exports.peak_mb(runs, (CSV, GZIP)),
        "export_parquet_peak_mb": exports.peak_mb(runs, (PARQUET,)),
        "search_p99_ms": searching.p99_ms(runs),
        "retention_p99_ms": summing.slowest_ms(runs, summing.RETENTION),
        "over_time_p99_ms": summing.slowest_ms(runs, summing.OVER_TIME),
        "search_writing_vs_without": _ratio(runs, searching.WRITING, searching.WITH, searching.WITHOUT),
        "audits_per_s": median_per_s(runs, auditing.PART, auditing.FIRST) or None,
        "audits_peak_mb": max((run.peak_mb for run in runs if run.part == auditing.PART), default=None),
        "audits_words_ms": _median_figure(runs, auditing.PART, "words_ms"),
        "worker_peak_mb": max((run.peak_mb for run in runs if _is_ours(run)), default=None),
    }
    return {name: round(value, 2) for name, value in ratios.items() if value is not None}


def write(name: str, results: dict[str, Any]) -> Path:
    """Write the results of a run under a name; return where."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def read(name: str) -> dict[str, Any]:
    """Return the last results of that name.

    Raises:
        FileNotFoundError: there was none.
    """
    results: dict[str, Any] = orjson.loads((OUT / f"{name}.json").read_bytes())
    return results


def goals_table(latest: dict[str, Any]) -> Table:
    """Return what was reached, for a terminal."""
    return _for_terminal("Reached", *_goals(latest))


def runs_table(latest: dict[str, Any]) -> Table:
    """Return the medians of all contenders, for a terminal."""
    return _for_terminal("Medians", *_medians(latest))


def markdown(latest: dict[str, Any]) -> str:
    """Return both tables and what they were measured on, for docs/performance.md."""
    machine, versions = latest["machine"], latest["versions"]
    on = (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB, "
        f"kernel {machine['kernel']}, " + ", ".join(f"{name} {version}" for name, version in versions.items())
    )
    return "\n\n".join(
        [_for_markdown(*_goals(latest)), _for_markdown(*_medians(latest)), f"Measured on {on}."]
    )


Lines = list[tuple[str, ...]]


def _goals(latest: dict[str, Any]) -> tuple[tuple[str, ...], Lines]:
    found = latest["ratios"]
    lines: Lines = []
    for goal in GOALS:
        if goal.name in found:
            reached = "yes" if goal.met(found[goal.name]) else "NO"
            lines.append((goal.name, goal.what, f"{found[goal.name]:,.6g}", goal.wanted, reached))
    return ("figure", "what", "measured", "wanted", "reached"), lines


def _medians(latest: dict[str, Any]) -> tuple[tuple[str, ...], Lines]:
    lines: Lines = []
    for runs in _by_contender([Run(**run) for run in latest["runs"]]):
        figures = {name: median(run.figures[name] for run in runs) for name in runs[0].figures}
        lines.append(
            (
                runs[0].part,
                runs[0].contender,
                str(len(runs)),
                f"{runs[0].messages:,}",
                f"{median(run.per_s for run in runs):,.0f}",
                f"{median(run.cpu_s_per_1000 for run in runs) * 1000:,.1f}",
                f"{max(run.peak_mb for run in runs):,.0f}",
                ", ".join(f"{name} {value:,.6g}" for name, value in figures.items() if name != "seconds"),
            )
        )
    header: tuple[str, ...] = (
        "part",
        "contender",
        "runs",
        "messages",
        "per s",
        "CPU ms per 1,000",
        "peak MB",
        "figures",
    )
    return header, lines


def _by_contender(runs: Sequence[Run]) -> Iterator[list[Run]]:
    for key in dict.fromkeys((run.part, run.contender) for run in runs):
        yield [run for run in runs if (run.part, run.contender) == key]


def _is_ours(run: Run) -> bool:
    if exports.is_one(run) or run.part == auditing.PART:
        return False
    return run.part not in {persist.PART, capture.PART} or run.contender in {persist.OURS, capture.HOP}


def _ratio(runs: Sequence[Run], part: str, ours: str, theirs: str) -> float | None:
    over, under = median_per_s(runs, part, ours), median_per_s(runs, part, theirs)
    return over / under if over and under else None


def _median_figure(runs: Sequence[Run], part: str, name: str) -> float | None:
    figures = [run.figures[name] for run in runs if run.part == part]
    return median(figures) if figures else None


def _for_terminal(title: str, header: tuple[str, ...], lines: Lines) -> Table:
    table = Table(*header, title=title)
    for line in lines:
        table.add_row(*line)
    return table


def _for_markdown(header: tuple[str, ...], lines: Lines) -> str:
    rows = [header, tuple("---" for _ in header), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
