"""The rules by which a worker counts as live and as ready: pure, over facts and time.

Live means: a restart would not help. A partition that has lag and stands still is what a restart helps
against (Faust can stop fetching or committing one without a word); a database that is down is not. Ready
means: records that come in now are dealt with now. Who collects the facts is `app.worker.watch.health`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from faust.types import TP

    from app.worker.watch.lag import PartitionLag


@dataclass(frozen=True, slots=True)
class Recovery:
    """How far the state table is restored from its changelog, in records."""

    remaining: int
    total: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A part of the worker that waits for a service.

    Attributes:
        part: what waits.
        seconds: for how long.
        reason: which service, and what is wrong with it; without details, as anyone may be told.
        error: what the service said last, in full.
    """

    part: str
    seconds: float
    reason: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A partition whose records cannot be read, as a producer's transaction is open.

    Attributes:
        tp: the topic and the partition.
        records: how many offsets are behind it.
        seconds: for how long, as far as is known.
    """

    tp: TP
    records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a worker at one moment.

    Attributes:
        was_assigned: whether it was ever given its partitions, were it none.
        joining_trouble: why the group does not let the worker in; None when it does, or was not asked yet.
        rebalancing: whether partitions are being given out anew.
        recovery: how far the state table is; None when it is restored.
        waiting: parts that wait for a service.
        kafka_silent_s: how long Kafka has not told the lag; None while it does.
        database_error: why the database cannot be used; None when it can, or is not needed.
        held: partitions of this worker in which a producer's transaction is open.
    """

    was_assigned: bool
    joining_trouble: str | None
    rebalancing: bool
    recovery: Recovery | None
    waiting: Sequence[Waiting]
    kafka_silent_s: float | None
    database_error: str | None
    held: Sequence[Held] = ()


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


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that keeps a worker from its work.

    Attributes:
        reason: what; anyone may be told.
        remedy: what to do about it; for those who may look inside.
    """

    reason: str
    remedy: str


#: How long a part may wait for a service that answers when asked beside it (`app.worker.watch.lag`,
#: `app.postgres.probe`). Then it may be our own connection that is broken, which a restart mends; and if not,
#: it does little harm.
BELIEVED_S = 600.0

#: How long a producer's transaction may be open before it counts as one that holds us up.
OPEN_TOO_LONG_S = 10.0

#: What moves while a worker settles: how often the group rebalanced, and how much of the table is missing.
Settling: TypeAlias = tuple[int, int]


class Watchdog:
    """Tells what stands still from what waits for a good reason.

    Time in which a service was down does not count (what only a part says of it, for ten minutes), nor the
    time in which partitions are given out and the table is restored; but these must move as well. All times
    are `time.monotonic()`.

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
        outage = _is_outage(facts)
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


def _is_outage(facts: Facts) -> bool:
    if facts.kafka_silent_s is not None or facts.database_error is not None:
        return True
    if facts.joining_trouble is not None:  # which a restart does not mend
        return True
    return any(waiting.seconds <= BELIEVED_S for waiting in facts.waiting)


def liveness(stalls: Sequence[Stall]) -> Verdict:
    """Tell whether a restart would not help."""
    return Verdict(tuple(f"{stall.what} for {stall.seconds:.0f} s" for stall in stalls))


def readiness(facts: Facts) -> Verdict:
    """Tell whether what comes in now is dealt with now."""
    return Verdict(tuple(concern.reason for concern in concerns(facts)))


def concerns(facts: Facts) -> list[Concern]:
    """Return what keeps the worker from dealing with what comes in now, each with what to do."""
    return [*_of_the_group(facts), *_of_services(facts)]


def _of_the_group(facts: Facts) -> Iterator[Concern]:
    if facts.joining_trouble is not None:
        yield Concern(f"the consumer group does not let the worker in: {facts.joining_trouble}", _LET_IN)
    elif not facts.was_assigned:
        yield Concern("no partitions yet: joining the consumer group", _SETTLES)
    elif facts.rebalancing and facts.recovery is None:
        yield Concern("the group is rebalancing", _SETTLES)
    if facts.recovery is not None:
        remaining, total = facts.recovery.remaining, facts.recovery.total
        # Before the brokers have told where the changelog ends, there is nothing to count.
        left = f": {remaining:,} of {total:,} records remain" if total else ""
        yield Concern(f"the state table is being restored{left}", _RESTORES)


def _of_services(facts: Facts) -> Iterator[Concern]:
    if facts.kafka_silent_s is not None:
        yield Concern(f"Kafka has not answered for {facts.kafka_silent_s:.0f} s", _KAFKA)
    if facts.database_error is not None:
        yield Concern(f"PostgreSQL cannot be used: {facts.database_error}", _POSTGRES)
    for waiting in facts.waiting:
        yield Concern(
            f"{waiting.part} has waited {waiting.seconds:.0f} s: {waiting.reason}", waiting.error or _TRIES
        )
    for held in facts.held:
        if held.seconds >= OPEN_TOO_LONG_S:
            yield Concern(
                f"a producer's transaction on {held.tp.topic}[{held.tp.partition}] has been open for "
                f"{held.seconds:.0f} s: {held.records:,} records behind it cannot be read before it ends",
                _HELD,
            )


_SETTLES = "This passes by itself in seconds; if it lasts, see the logs of the other workers of the group."
_LET_IN = "Allow our user Read and Describe on the group, or correct what the log says of it."
_RESTORES = "It reads on by itself, and captures when it is done. A volume for DATA_DIR makes it short."
_KAFKA = "See whether the brokers are up and KAFKA_BOOTSTRAP_SERVERS names them; it goes on by itself."
_POSTGRES = "See whether PostgreSQL is up and DATABASE_URL is right. Nothing is lost; it goes on by itself."
_TRIES = "It tries again by itself; nothing is lost meanwhile."
_HELD = "End the producer that holds it open, or wait until Kafka aborts it (transaction.timeout.ms)."
#: What to do about a worker that stands still.
RESTART = "Restart it: nothing is lost, what it had in hand is read again."
