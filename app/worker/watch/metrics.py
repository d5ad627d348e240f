"""A worker's figures in Prometheus' format: what its parts count, and how it is when asked.

What sinks and agents do, they count themselves, in the registry of their role. What is rather looked at (lag,
health, waiting, PostgreSQL) is translated here. Labels are bounded: topics, partitions, categories, reasons,
parts.
"""

from __future__ import annotations

import math
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from models.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

    from app.postgres.probe import DatabaseProbe
    from app.stream.transport import ChunkConsumer
    from app.worker.app import WorkerApp


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
        yield from app.work.registry.collect()
        yield from self._services()
        yield from self._health()
        yield from self._lag()
        if app.database is not None:
            yield from _database_figures(app.database)
            yield from _connector_figures(app.database, app.settings.topology.platforms)

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
        for policy in self._app.work.retry_policies:
            retries.add_metric([policy.part], policy.retries)
            since = policy.waiting_since
            waiting.add_metric([policy.part], 0.0 if since is None else now - since)
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
        yield CounterMetricFamily(
            "chatlog_rebalances",
            "How often the group gave out its partitions anew.",
            value=self._app.rebalancing_count,
        )

    def _lag(self) -> Iterator[Metric]:
        """Yield the lag of the whole group: every worker of a role tells the same, so take the maximum.

        What is too old to tell how things are is left out: of a worker that alone cannot reach Kafka, it
        would be the maximum for as long as that lasts.
        """
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
        transaction = GaugeMetricFamily(
            "chatlog_transaction_open_seconds",
            "How long a producer's transaction has been open, behind which nobody can read; 0 without one.",
            labels=labels,
        )
        mine = GaugeMetricFamily(
            "chatlog_assigned", "1 where this worker reads the partition, else 0.", labels=labels
        )
        expired = CounterMetricFamily(
            "chatlog_records_expired",
            "Records that were deleted before this worker read them: they are lost.",
            labels=labels,
        )
        lost = cast("ChunkConsumer", self._app.consumer).expired
        assigned = self._app.assigned()
        for partition in lag.partitions:
            values = [partition.tp.topic, str(partition.tp.partition)]
            if not lag.is_stale:
                messages.add_metric(values, partition.messages)
                age_s = partition.seconds(now_s)
                seconds.add_metric(values, math.nan if age_s is None else age_s)
                commit_age.add_metric(values, partition.commit_age_s(now))
                transaction.add_metric(values, partition.held_s(now))
            mine.add_metric(values, float(partition.tp in assigned))
            expired.add_metric(values, lost[partition.tp])
        yield from (messages, seconds, commit_age, transaction, mine, expired)
        yield GaugeMetricFamily(
            "chatlog_lag_answer_age_seconds",
            "How old the brokers' answer behind the lag is.",
            value=lag.age_s,
        )


def _database_figures(database: DatabaseProbe) -> Iterator[Metric]:
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


def _connector_figures(database: DatabaseProbe, platforms: Iterable[str]) -> Iterator[Metric]:
    """Translate what the database last told of connectors; whose process is gone tells nothing itself."""
    if database.silent is None:
        return
    silent = GaugeMetricFamily(
        "chatlog_channels_not_heard",
        "Channels that a connector heard in the last 7 days, and none hears now.",
        labels=["platform"],
    )
    for platform in platforms:
        silent.add_metric([platform], database.silent.get(platform, 0))
    yield silent
