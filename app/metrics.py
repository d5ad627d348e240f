"""A worker's figures in Prometheus' format: read when asked, from what the parts count themselves.

Nothing is counted twice: each figure has one owner (sink, agent, lag monitor), and is translated here. What
may be a label is bounded: topics, partitions, categories, reasons, parts.
"""

from __future__ import annotations

import math
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from app.settings import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import Metric

    from app.roles.capture import CaptureWork
    from app.roles.persist import PersistWork
    from app.worker_app import WorkerApp
    from sinks.stats import SinkStats

#: Of the latest batches (`sinks.stats.WINDOW`).
QUANTILES = (0.5, 0.95, 0.99)


def registry_of(app: WorkerApp) -> CollectorRegistry:
    """Return what `prometheus_client.generate_latest` needs: the worker's figures and the process's."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(WorkerCollector(app))
    return registry


class WorkerCollector(Collector):
    """Translates one worker."""

    def __init__(self, app: WorkerApp) -> None:
        self._app = app

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand: a worker that does not run yet has no figures."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read everything, now."""
        app = self._app
        yield InfoMetricFamily(
            "chatlog_worker",
            "What this process is.",
            {"role": app.role.value, "group": app.lag.group, "version": version("chatlog")},
        )
        if app.role is Role.CAPTURE:
            yield from _capture(cast("CaptureWork", app.work))
        else:
            yield from _persist(cast("PersistWork", app.work))
        yield _by_label(
            "chatlog_dead_letters", "Records buried as dead letters.", "reason", app.work.dead_letters.buried
        )
        yield from self._services()
        yield from self._health()
        yield from self._lag()

    def _services(self) -> Iterator[Metric]:
        now = time.monotonic()
        retries = CounterMetricFamily(
            "chatlog_retries", "Attempts repeated because a service was down.", labels=["part"]
        )
        waiting = GaugeMetricFamily(
            "chatlog_waiting_seconds",
            "How long a part has waited for a service that is down; 0 when it does not wait.",
            labels=["part"],
        )
        for patience in self._app.work.patiences:
            retries.add_metric([patience.part], patience.retries)
            since = patience.waiting_since
            waiting.add_metric([patience.part], 0.0 if since is None else now - since)
        yield retries
        yield waiting

    def _health(self) -> Iterator[Metric]:
        health = self._app.health
        recovery = health.look().recovery
        yield GaugeMetricFamily(
            "chatlog_live", "1 unless a restart would help.", value=float(health.live().ok)
        )
        yield GaugeMetricFamily(
            "chatlog_ready", "1 when what comes in now is dealt with now.", value=float(health.ready().ok)
        )
        yield GaugeMetricFamily(
            "chatlog_table_recovery_remaining_records",
            "Changelog records to read before the state table is restored.",
            value=recovery.remaining if recovery else 0,
        )

    def _lag(self) -> Iterator[Metric]:
        """Yield the lag of the whole group: every worker of a role tells the same, so take the maximum."""
        lag, now, now_s = self._app.lag, time.monotonic(), time.time()
        labels = ["topic", "partition"]
        messages = GaugeMetricFamily(
            "chatlog_lag_messages", "Offsets between the group's commit and the end.", labels=labels
        )
        seconds = GaugeMetricFamily(
            "chatlog_lag_seconds", "Age of the oldest record that is not done.", labels=labels
        )
        commit_age = GaugeMetricFamily(
            "chatlog_commit_age_seconds",
            "How long the commit has not advanced although there is lag; 0 without lag.",
            labels=labels,
        )
        mine = GaugeMetricFamily(
            "chatlog_assigned", "1 where this worker reads the partition, else 0.", labels=labels
        )
        assigned = self._app.assigned()
        for partition in lag.partitions:
            values = [partition.tp.topic, str(partition.tp.partition)]
            messages.add_metric(values, partition.messages)
            age_s = partition.seconds(now_s)
            seconds.add_metric(values, math.nan if age_s is None else age_s)
            commit_age.add_metric(values, partition.commit_age_s(now))
            mine.add_metric(values, float(partition.tp in assigned))
        yield from (messages, seconds, commit_age, mine)
        yield GaugeMetricFamily(
            "chatlog_lag_answer_age_seconds",
            "How old the brokers' answer behind the lag is.",
            value=lag.age_s,
        )


def _capture(work: CaptureWork) -> Iterator[Metric]:
    counters = work.counters
    yield _by_label("chatlog_events", "Raw events joined, by category.", "category", work.capture.categories)
    yield CounterMetricFamily(
        "chatlog_events_read", "Raw events of which everything is safe.", value=counters["events_read"]
    )
    yield CounterMetricFamily(
        "chatlog_entries", "Entries handed over to the chat-log topic.", value=counters["entries"]
    )
    yield CounterMetricFamily("chatlog_states", "States put into the table.", value=counters["states"])


def _persist(work: PersistWork) -> Iterator[Metric]:
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
        "chatlog_dead_letters_kept",
        "Dead letters copied to their table.",
        value=work.counters["dead_letters_kept"],
    )
    yield from _batches(stats)


def _batches(stats: SinkStats) -> Iterator[Metric]:
    entries = stats.rows + stats.duplicates + stats.refused
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


def _by_label(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
