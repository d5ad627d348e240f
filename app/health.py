"""Whether a worker lives and whether it is ready, and why not: what /health/live and /health/ready answer.

Live means: a restart would not help. A partition that has lag and stands still is what a restart helps
against (Faust can stop fetching or committing one without a word); a database that is down is not. Ready
means: records that come in now are dealt with now. The rules are pure (`Watchdog`, `liveness`, `readiness`);
`HealthMonitor` collects what they need, once a second.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from mode import Service

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from faust.tables.manager import TableManager
    from faust.types import TP

    from app.database_probe import DatabaseProbe
    from app.lag import LagMonitor, PartitionLag
    from app.settings import Settings
    from sinks.retrying import Patience

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
#: How often the database is asked whether it is there.
ASK_DATABASE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """How far the state table is restored from its changelog, in records."""

    remaining: int
    total: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A part of the worker that waits for a service, since when, and what the service last said."""

    part: str
    seconds: float
    error: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a worker at one moment.

    Attributes:
        was_assigned: whether it was ever given its partitions, were it none.
        rebalancing: whether partitions are being given out anew.
        recovery: how far the state table is; None when it is restored.
        waiting: parts that wait for a service.
        kafka_silent_s: how long Kafka has not told the lag; None while it does.
        database_error: why the database cannot be used; None when it can, or is not needed.
    """

    was_assigned: bool
    rebalancing: bool
    recovery: Recovery | None
    waiting: Sequence[Waiting]
    kafka_silent_s: float | None
    database_error: str | None


@dataclass(frozen=True, slots=True)
class Stall:
    """Something that should move and does not."""

    what: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, or no with the reasons."""

    reasons: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is nothing to say against it."""
        return not self.reasons


#: What moves while a worker settles: how often the group rebalanced, and how much of the table is missing.
Settling: TypeAlias = tuple[int, int]


class Watchdog:
    """Tells what stands still from what waits for a good reason.

    Time in which a service was down does not count, nor the time in which partitions are given out and the
    table is restored; but these must move as well. All times are `time.monotonic()`.

    Args:
        stalled_after_s: how long a partition with lag may go without a commit.
        settling_limit_s: how long a rebalance or a recovery may go without moving.
    """

    def __init__(self, stalled_after_s: float, settling_limit_s: float) -> None:
        self._stalled_after_s = stalled_after_s
        self._settling_limit_s = settling_limit_s
        self._excused_at = float("-inf")
        self._settling: Settling | None = None
        self._settling_moved_at = 0.0

    def note(self, facts: Facts, rebalances: int, now: float) -> None:
        """Take note of how things are; to be called about once a second."""
        settling = facts.rebalancing or facts.recovery is not None or not facts.was_assigned
        outage = bool(facts.waiting) or facts.kafka_silent_s is not None
        if settling or outage:
            self._excused_at = now
        state = (rebalances, facts.recovery.remaining if facts.recovery else 0) if settling else None
        if state != self._settling or outage:
            self._settling, self._settling_moved_at = state, now

    def stalls(
        self, partitions: Sequence[PartitionLag], mine: Collection[TP], now: float
    ) -> tuple[Stall, ...]:
        """Return what stands still without excuse.

        Args:
            partitions: the lag of every partition of the group.
            mine: the partitions of this worker; the others are their own workers' business.
            now: the time.
        """
        found = [
            Stall(f"{lag.tp.topic}[{lag.tp.partition}] has not moved from offset {lag.next_offset}", still_s)
            for lag in partitions
            if lag.tp in mine
            and (still_s := min(lag.commit_age_s(now), now - self._excused_at)) > self._stalled_after_s
        ]
        settling_s = now - self._settling_moved_at
        if self._settling is not None and settling_s > self._settling_limit_s:
            found.append(Stall("joining the group or restoring the table has not moved", settling_s))
        return tuple(found)


def liveness(stalls: Sequence[Stall]) -> Verdict:
    """Tell whether a restart would not help."""
    return Verdict(tuple(f"{stall.what} for {stall.seconds:.0f} s" for stall in stalls))


def readiness(facts: Facts) -> Verdict:
    """Tell whether what comes in now is dealt with now."""
    reasons = []
    if not facts.was_assigned:
        reasons.append("no partitions yet: joining the consumer group")
    elif facts.rebalancing and facts.recovery is None:
        reasons.append("the group is rebalancing")
    if facts.recovery is not None:
        remaining, total = facts.recovery.remaining, facts.recovery.total
        reasons.append(f"the state table is being restored: {remaining:,} of {total:,} records remain")
    if facts.kafka_silent_s is not None:
        reasons.append(f"Kafka has not answered for {facts.kafka_silent_s:.0f} s")
    if facts.database_error is not None:
        reasons.append(f"PostgreSQL cannot be used: {facts.database_error}")
    reasons.extend(
        f"{waiting.part} has waited {waiting.seconds:.0f} s for a service" for waiting in facts.waiting
    )
    return Verdict(tuple(reasons))


class Watched(Protocol):
    """What the monitor looks at: a worker's app."""

    settings: Settings
    lag: LagMonitor
    rebalancing: bool
    rebalancing_count: int

    @property
    def work(self) -> HasPatience:
        """What the role does."""

    @property
    def tables(self) -> Any:
        """Faust's table manager."""

    @property
    def was_assigned(self) -> bool:
        """Whether the group ever gave it partitions, were it none."""

    def assigned(self) -> set[TP]:
        """Return its partitions."""


class HasPatience(Protocol):
    """Work that may wait for services."""

    @property
    def patiences(self) -> tuple[Patience, ...]:
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

    def __init__(self, app: Watched, database: DatabaseProbe | None) -> None:
        super().__init__()
        self._app = app
        self._database = database
        settings = app.settings
        self._watchdog = Watchdog(
            settings.stalled_after_s, settings.stalled_after_s + 2 * settings.rebalance_timeout_s
        )
        self._recovery_total = 0
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
        stalls = self._watchdog.stalls(lag.partitions, self._app.assigned(), now)
        if stalls and not self.stalls:
            log.error("The worker stands still", extra={"error": "; ".join(liveness(stalls).reasons)})
        self.stalls = stalls
        return facts

    async def on_stop(self) -> None:
        """Disconnect."""
        if self._database is not None:
            self._database.close()

    @Service.task
    async def _look_again_and_again(self) -> None:
        while not self.should_stop:
            self.look()
            await self.sleep(LOOK_EVERY_S)

    @Service.task
    async def _ask_the_database_again_and_again(self) -> None:
        while self._database is not None and not self.should_stop:
            await self._database.check()
            await self.sleep(ASK_DATABASE_EVERY_S)

    def _collect(self, now: float) -> Facts:
        app = self._app
        return Facts(
            was_assigned=app.was_assigned,
            rebalancing=app.rebalancing,
            recovery=self._recovery(),
            waiting=tuple(
                Waiting(patience.part, now - patience.waiting_since, patience.last_error)
                for patience in app.work.patiences
                if patience.waiting_since is not None
            ),
            kafka_silent_s=app.lag.age_s if app.lag.is_stale else None,
            database_error=self._database.error if self._database else None,
        )

    def _recovery(self) -> Recovery | None:
        recovery = cast("TableManager", self._app.tables).recovery
        if not recovery.in_recovery:
            self._recovery_total = 0
            return None
        remaining = max(0, recovery.active_remaining_total())
        self._recovery_total = max(self._recovery_total, remaining)
        return Recovery(remaining, self._recovery_total)
