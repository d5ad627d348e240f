"""What a worker's log tells of its health: one line for a change, and again now and then while it lasts.

What waits for a service is told by the part that waits (`sinks.retry`), and is not told twice.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.worker.watch.verdicts import readiness
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from app.worker.watch.verdicts import Facts, Recovery

log = logging.getLogger(__name__)

#: A worker that is not ready for a shorter time is not worth a line: every start and every rebalance is one.
WORTH_A_LINE_S = 10.0


class HealthLog:
    """Tells of rebalances, of the table that was restored, and of not being ready; fed once a second."""

    def __init__(self) -> None:
        self._rebalances_told = 0
        self._recovery: tuple[float, Recovery] | None = None
        self._not_ready = Trouble(log, over="The worker is ready again", grace_s=WORTH_A_LINE_S)

    def note(self, facts: Facts, rebalances: int, partitions: int, now: float) -> None:
        """Look at how things are, and log what is news.

        Args:
            facts: what is known of the worker.
            rebalances: how many there were since the start.
            partitions: how many it reads.
            now: `time.monotonic()`.
        """
        self._note_rebalance(facts, rebalances, partitions)
        self._note_recovery(facts.recovery, now)
        self._note_readiness(facts, now)

    def _note_rebalance(self, facts: Facts, rebalances: int, partitions: int) -> None:
        if facts.was_assigned and not facts.rebalancing and rebalances != self._rebalances_told:
            self._rebalances_told = rebalances
            log.info("The group has given out its partitions", extra={"partitions": partitions})

    def _note_recovery(self, recovery: Recovery | None, now: float) -> None:
        if recovery is not None:
            self._recovery = (self._recovery[0] if self._recovery else now), recovery
        elif self._recovery is not None:
            began_at, last = self._recovery
            self._recovery = None
            extra = {"records": last.total, "seconds": round(now - began_at, 1)}
            log.info("The state table is restored", extra=extra)

    def _note_readiness(self, facts: Facts, now: float) -> None:
        verdict = readiness(facts)
        if verdict.ok or (facts.waiting and not self._not_ready.is_told):
            self._not_ready.end()
        elif not facts.waiting:
            # To join and to restore a table is work that takes its time; an outage is not.
            is_outage = facts.kafka_silent_s is not None or facts.database_error is not None
            seconds = 0.0 if self._not_ready.since is None else round(now - self._not_ready.since, 1)
            self._not_ready.note(
                "The worker is not ready; nothing is lost, the partitions are held",
                {"reasons": list(verdict.reasons), "seconds": seconds},
                level=logging.WARNING if is_outage else logging.INFO,
                now=now,
            )
