"""The figures of one role of worker, and of PostgreSQL as it sees it; for `app.worker.watch.metrics`."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

from agents.exports.run import Failure
from models.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from app.postgres.probe import DatabaseProbe
    from app.worker.roles.capture import CaptureWork
    from app.worker.roles.export import ExportWork
    from app.worker.roles.persist import PersistWork
    from sinks.stats import SinkStats

#: Of the latest batches (`sinks.stats.WINDOW`).
QUANTILES = (0.5, 0.95, 0.99)


def capture_figures(work: CaptureWork) -> Iterator[Metric]:
    """Translate what a capture worker has done."""
    counters = work.counters
    yield by_label("chatlog_events", "Raw events joined, by category.", "category", work.capture.categories)
    yield CounterMetricFamily(
        "chatlog_events_read", "Raw events of which everything is safe.", value=counters["events_read"]
    )
    yield CounterMetricFamily(
        "chatlog_entries", "Entries handed over to the chat-log topic.", value=counters["entries"]
    )
    yield CounterMetricFamily(
        "chatlog_states", "States put into the table, or led to it.", value=counters["states"]
    )
    yield by_label(
        "chatlog_led_home",
        "Records produced once more, to where their users have their homes.",
        "topic",
        {way.topic: way.led for way in work.ways},
    )


def persist_figures(work: PersistWork) -> Iterator[Metric]:
    """Translate what a persist worker has done, and how writing goes."""
    stats = work.sink.stats
    yield CounterMetricFamily(
        "chatlog_records_read",
        "Entries read of which everything is safe.",
        value=work.counters["records_read"],
    )
    yield CounterMetricFamily("chatlog_rows", "Rows added to chat_log.", value=stats.rows)
    yield CounterMetricFamily(
        "chatlog_duplicates", "Entries whose row was there already.", value=stats.duplicates
    )
    yield CounterMetricFamily(
        "chatlog_refused", "Entries that PostgreSQL refused for their content.", value=stats.refused
    )
    yield CounterMetricFamily(
        "chatlog_key_conflicts",
        "Entries whose userid, timestamp and direction another message has: they have no row.",
        value=stats.key_conflicts,
    )
    yield CounterMetricFamily(
        "chatlog_dead_letters_kept",
        "Dead letters copied to their table.",
        value=work.counters["dead_letters_kept"],
    )
    yield CounterMetricFamily(
        "chatlog_foreign_dead_letters",
        "Records in the dead-letters topic that somebody else wrote there.",
        value=work.counters["foreign_dead_letters"],
    )
    yield from _batches(stats)


def export_figures(work: ExportWork) -> Iterator[Metric]:
    """Translate what an export worker does and has done."""
    stats, runs, now = work.attempts.stats, work.exports.runs.values(), time.monotonic()
    yield CounterMetricFamily(
        "chatlog_jobs_read", "Export jobs read of which the row is final.", value=work.counters["jobs_read"]
    )
    yield GaugeMetricFamily("chatlog_exports_running", "Exports that are made here now.", value=len(runs))
    yield GaugeMetricFamily(
        "chatlog_exports_waiting",
        "Export jobs in hand that wait for their turn, or for another worker that has them.",
        value=work.exports.waiting,
    )
    yield GaugeMetricFamily(
        "chatlog_export_standstill_seconds",
        "How long the slowest export has had no new row or byte; 0 when none is made.",
        value=max((now - run.moved_at for run in runs), default=0.0),
    )
    yield CounterMetricFamily(
        "chatlog_exports_finished", "Exports of which the file is there.", value=stats.finished
    )
    # All reasons from the start, as for dead letters.
    failed = {failure.value: stats.failed[failure] for failure in Failure}
    yield by_label("chatlog_exports_failed", "Exports that failed.", "reason", failed)
    yield CounterMetricFamily(
        "chatlog_exports_lost",
        "Attempts that were cancelled by the owner, or taken over by another worker.",
        value=stats.lost,
    )
    yield CounterMetricFamily(
        "chatlog_exports_interrupted",
        "Attempts that began anew, as the database went away or storage lost a half of the file.",
        value=stats.interrupted,
    )
    yield CounterMetricFamily("chatlog_export_rows", "Rows in files that are finished.", value=stats.rows)
    yield CounterMetricFamily("chatlog_export_bytes", "Bytes in files that are finished.", value=stats.bytes)
    yield _summary(
        "chatlog_export_duration_seconds",
        "How long a file took to make, without the wait for its turn.",
        stats.finished,
        stats.seconds_total,
        stats.seconds,
    )


def database_figures(database: DatabaseProbe) -> Iterator[Metric]:
    """Translate what PostgreSQL last told of itself."""
    yield GaugeMetricFamily(
        "chatlog_database_up",
        "1 when PostgreSQL answered the last question, or was not asked yet.",
        value=float(database.error is None),
    )
    if database.pending is not None:
        pending = GaugeMetricFamily(
            "chatlog_dead_letters_pending",
            "Dead letters in the table that nobody has replayed or dropped.",
            labels=["reason"],
        )
        for reason in Reason:
            pending.add_metric([reason.value], database.pending.get(reason.value, 0))
        yield pending
    if database.partitions is not None:
        yield GaugeMetricFamily(
            "chatlog_partition_months_ahead",
            "Months from this one on that have a partition of chat_log.",
            value=database.partitions.months_ahead,
        )
        yield GaugeMetricFamily(
            "chatlog_default_partition_rows",
            "About how many rows of chat_log are of months without a partition.",
            value=database.partitions.default_rows,
        )


def _batches(stats: SinkStats) -> Iterator[Metric]:
    entries = stats.rows + stats.duplicates + stats.refused + stats.key_conflicts
    yield _summary("chatlog_batch_entries", "Entries of a batch.", stats.batches, entries, stats.batch_sizes)
    yield _summary(
        "chatlog_write_duration_seconds",
        "How long a batch took to write, waiting for PostgreSQL included.",
        stats.batches,
        stats.write_seconds_total,
        stats.write_seconds,
    )
    if stats.last_write_at is not None:
        yield GaugeMetricFamily(
            "chatlog_last_write_timestamp_seconds",
            "When a batch was last written.",
            value=stats.last_write_at,
        )


def _summary(name: str, text: str, count: int, total: float, latest: Sequence[float]) -> Metric:
    summary = SummaryMetricFamily(name, text, count_value=count, sum_value=total)
    ranked = sorted(latest)
    for quantile in QUANTILES:
        value = ranked[math.ceil(quantile * len(ranked)) - 1] if ranked else math.nan
        summary.add_sample(name, {"quantile": str(quantile)}, value)
    return summary


def by_label(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    """Return a counter with one label."""
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
