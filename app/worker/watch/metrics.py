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
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from app.settings import Role
from app.worker.watch.role_metrics import (
    by_label,
    capture_figures,
    database_figures,
    export_figures,
    persist_figures,
)
from models.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from app.stream.transport import ChunkConsumer
    from app.worker.app import WorkerApp
    from app.worker.roles.capture import CaptureWork
    from app.worker.roles.export import ExportWork
    from app.worker.roles.persist import PersistWork


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
        match app.role:
            case Role.CAPTURE:
                yield from capture_figures(cast("CaptureWork", app.work))
            case Role.PERSIST:
                yield from persist_figures(cast("PersistWork", app.work))
            case Role.EXPORT:
                yield from export_figures(cast("ExportWork", app.work))
        sent = app.work.dead_letters.sent
        # All reasons from the start: of a counter that begins at 1, Prometheus does not see the first step.
        every = {reason.value: sent[reason] for reason in Reason}
        yield by_label("chatlog_dead_letters", "Records sent to the dead letters.", "reason", every)
        yield from self._services()
        yield from self._health()
        yield from self._lag()
        if app.database is not None:
            yield from database_figures(app.database)

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
            mine.add_metric(values, float(partition.tp in assigned))
            expired.add_metric(values, lost[partition.tp])
        yield from (messages, seconds, commit_age, mine, expired)
        yield GaugeMetricFamily(
            "chatlog_lag_answer_age_seconds",
            "How old the brokers' answer behind the lag is.",
            value=lag.age_s,
        )
