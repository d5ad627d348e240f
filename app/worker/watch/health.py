"""Watches a worker: whether it is live and ready, and why not (/health/live, /health/ready, metrics, log).

It only collects the facts, once a second; the rules are `app.worker.watch.verdicts`, and what of it is worth
a line in the log is `app.worker.watch.health_log`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from mode import Service

from app.worker.watch.health_log import HealthLog
from app.worker.watch.verdicts import (
    Facts,
    Held,
    Recovery,
    Stall,
    Verdict,
    Waiting,
    Watchdog,
    liveness,
    readiness,
)

if TYPE_CHECKING:
    from faust.tables.manager import TableManager
    from faust.types import TP

    from app.postgres.probe import DatabaseProbe
    from app.settings.worker import WorkerSettings
    from app.worker.watch.lag import LagMonitor
    from sinks.retry import RetryPolicy

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
#: How often the database is asked whether it is there.
ASK_DATABASE_EVERY_S = 5.0


class Watched(Protocol):
    """What the monitor looks at: a worker's app."""

    lag: LagMonitor
    rebalancing: bool
    rebalancing_count: int

    @property
    def work(self) -> HasRetryPolicies:
        """What the role does."""

    @property
    def tables(self) -> Any:
        """Faust's table manager."""

    @property
    def was_assigned(self) -> bool:
        """Whether the group ever gave it partitions, were it none."""

    @property
    def joining_trouble(self) -> str | None:
        """Why the group does not let it in; None when it does."""

    def assigned(self) -> set[TP]:
        """Return its partitions."""

    def alive_at(self, tp: TP) -> float:
        """Return when the work in hand of a partition last showed life, by `time.monotonic()`."""


class HasRetryPolicies(Protocol):
    """Work that may wait for services."""

    @property
    def retry_policies(self) -> tuple[RetryPolicy, ...]:
        """Every part that may wait."""


class HealthMonitor(Service):
    """Watches a worker, and gives the verdicts at once: what takes time is asked beforehand.

    Attributes:
        stalls: what stood still at the last look.

    Args:
        app: the worker.
        database: asks whether PostgreSQL is there; None for a role that does not need it.
    """

    mundane_level = "debug"

    def __init__(self, app: Watched, worker: WorkerSettings, database: DatabaseProbe | None) -> None:
        super().__init__()
        self._app = app
        self._database = database
        self._watchdog = Watchdog(
            worker.stalled_after_s, worker.stalled_after_s + 2 * worker.rebalance_timeout_s
        )
        self._recovery_total = 0
        self._log = HealthLog()
        self.stalls: tuple[Stall, ...] = ()

    def live(self) -> Verdict:
        """Tell whether a restart would not help."""
        self.look()
        return liveness(self.stalls)

    def ready(self) -> Verdict:
        """Tell whether what comes in now is dealt with now."""
        return readiness(self.look())

    def look(self) -> Facts:
        """Collect the facts, and judge what stands still."""
        now = time.monotonic()
        lag = self._app.lag
        facts = self._collect(now)
        self._watchdog.note(facts, self._app.rebalancing_count, now)
        # Work that lives counts like a commit that moves: one job may take hours.
        partitions = [
            replace(partition, advanced_at=max(partition.advanced_at, self._app.alive_at(partition.tp)))
            for partition in lag.partitions
        ]
        stalls = self._watchdog.stalls(partitions, self._app.assigned(), now)
        if stalls and not self.stalls:
            log.error("The worker stands still", extra={"error": "; ".join(liveness(stalls).reasons)})
        self.stalls = stalls
        return facts

    async def on_stop(self) -> None:
        """Disconnect."""
        if self._database is not None:
            self._database.close()

    @Service.task
    async def _poll(self) -> None:
        while not self.should_stop:
            facts = self.look()
            self._log.note(facts, self._app.rebalancing_count, len(self._app.assigned()), time.monotonic())
            await self.sleep(LOOK_EVERY_S)

    @Service.task
    async def _poll_database(self) -> None:
        while self._database is not None and not self.should_stop:
            await self._database.check()
            await self._database.watch()
            await self.sleep(ASK_DATABASE_EVERY_S)

    def _collect(self, now: float) -> Facts:
        app = self._app
        return Facts(
            was_assigned=app.was_assigned,
            joining_trouble=app.joining_trouble,
            rebalancing=app.rebalancing,
            recovery=self._recovery(),
            waiting=tuple(
                Waiting(policy.part, now - policy.waiting_since, policy.reason, policy.last_error)
                for policy in app.work.retry_policies
                if policy.waiting_since is not None
            ),
            kafka_silent_s=app.lag.age_s if app.lag.is_stale else None,
            database_error=self._database.error if self._database else None,
            held=self._held(now),
        )

    def _held(self, now: float) -> tuple[Held, ...]:
        mine = self._app.assigned()
        return tuple(
            Held(lag.tp, lag.held_back, lag.held_s(now))
            for lag in self._app.lag.partitions
            if lag.held_back and lag.tp in mine
        )

    def _recovery(self) -> Recovery | None:
        recovery = cast("TableManager", self._app.tables).recovery
        if not recovery.in_recovery:
            self._recovery_total = 0
            return None
        remaining = max(0, recovery.active_remaining_total())
        self._recovery_total = max(self._recovery_total, remaining)
        return Recovery(remaining, self._recovery_total)
