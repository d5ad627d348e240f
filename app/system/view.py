"""How the system was when it was looked at, and the rules that say in words what is wrong with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.web import addresses
from app.web.words import counted, duration, number
from models.processes import ProcessKind, ProcessStanding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from app.system.queues import Queue
    from models.processes import RunningProcess
    from sinks.postgres.connector_gaps import ConnectorGap

#: A process that has said nothing for so long is gone, or hangs: four beats.
GONE_AFTER_S = 40.0
#: As old as the alert on lag lets a message become (docs/operations.md, ChatlogLagHigh).
LATE_AFTER_S = 300.0
#: How long a partition with lag may go without a commit before it counts as stuck.
STUCK_AFTER_S = 60.0
#: So many of what is missing are named.
_NAMED = 3
#: Fewer rows outside the partitions of months cost nothing worth a word.
_DEFAULT_ROWS = 10_000


class Severity(StrEnum):
    """How bad something is; its value is how pages draw it."""

    BAD = "bad"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong.

    Attributes:
        severity: how bad.
        what: in a sentence.
        remedy: what to do.
        address: of a page that shows more; empty for none.
        label: of the link there.
    """

    severity: Severity
    what: str
    remedy: str
    address: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """What the database tells.

    Attributes:
        processes: all that run, or did not end by themselves.
        dead_letters: how many nobody has replayed, by reason.
        gaps: what connectors missed in the last week, what goes on first.
        months_ahead: how many months from now on have partitions of chat_log.
        default_rows: about how many rows are of months without one.
        without_words: the tables with rows of which search has no index of words.
        version: of the server.
        size_bytes: of the database.
        revision: of its tables.
    """

    processes: tuple[RunningProcess, ...]
    dead_letters: Mapping[str, int]
    gaps: tuple[ConnectorGap, ...]
    months_ahead: int
    default_rows: int
    without_words: tuple[str, ...]
    version: str
    size_bytes: int
    revision: str | None


@dataclass(frozen=True, slots=True)
class SystemView:
    """How the system was.

    Attributes:
        database: None if it does not answer.
        queues: what waits for each role; None if Kafka was not asked yet, or has not answered.
        storage_error: why the storage cannot be used; None if it can.
        looked: when.
        now: the same by `time.monotonic()`, by which commits are timed.
    """

    database: DatabaseView | None
    queues: tuple[Queue, ...] | None
    storage_error: str | None
    looked: datetime
    now: float

    @property
    def problems(self) -> list[Wrong]:
        """What is wrong, the worst first."""
        found = [
            *_of_services(self),
            *(problem for process in self.processes for problem in of_process(process)),
            *(problem for queue in self.queues or () for problem in of_queue(queue)),
            *(
                problem
                for queue in self.queues or ()
                for problem in of_lag(queue, self.now, self.looked.timestamp())
            ),
            *(_of_data(self.database) if self.database else ()),
        ]
        return worst_first(found)

    @property
    def processes(self) -> tuple[RunningProcess, ...]:
        """All that run, or did not end by themselves."""
        return self.database.processes if self.database else ()


def worst_first(found: Iterable[Wrong]) -> list[Wrong]:
    """Return what is wrong in the order in which it is to be looked at."""
    return sorted(found, key=lambda problem: problem.severity is not Severity.BAD)


def is_gone(process: RunningProcess) -> bool:
    """Tell whether a process is most likely no more."""
    return process.silent_s > GONE_AFTER_S


def name_of(process: RunningProcess) -> str:
    """Name a process for people: `persist worker on host-1`."""
    kind = "API" if process.kind is ProcessKind.API else f"{process.role} {process.kind}"
    return f"{kind} on {process.host}"


def of_process(process: RunningProcess) -> Iterator[Wrong]:
    """Say what is wrong with a process."""
    name = name_of(process)
    if is_gone(process):
        yield Wrong(
            Severity.WARN,
            f"The {name} was last seen {duration(process.silent_s)} ago, and did not end by itself.",
            "If it should run, start it again and see its log; if not, this goes in a day.",
        )
    elif process.beat.standing is ProcessStanding.STALLED:
        yield Wrong(
            Severity.BAD,
            f"The {name} stands still: {'; '.join(process.beat.reasons)}.",
            "Restart it: nothing is lost, what it had in hand is read again.",
            process.beat.address or "",
            "Its own view",
        )
    elif process.beat.standing is ProcessStanding.UNREADY:
        yield Wrong(
            Severity.WARN,
            f"The {name} is not ready: {'; '.join(process.beat.reasons)}.",
            "It goes on by itself when that is over; if it lasts, its own view and its log say more.",
            process.beat.address or "",
            "Its own view",
        )


def of_queue(queue: Queue) -> Iterator[Wrong]:
    """Say what is wrong with what waits for a role."""
    if queue.error is not None:
        yield Wrong(Severity.BAD, f"Kafka does not tell what waits for {queue.role}.", f"{queue.error}.")
        return
    waits = sum(partition.messages for partition in queue.partitions)
    if queue.members == 0:
        what = f"No {queue.role} worker is in the group {queue.group}"
        yield Wrong(
            Severity.BAD if waits else Severity.WARN,
            f"{what}, and {counted(waits, 'message')} wait." if waits else f"{what}.",
            f"Start one: chatlog worker {queue.role}.",
        )


def stuck(queue: Queue, now: float) -> list[str]:
    """Name the partitions of a role that have lag and whose commit does not move (`time.monotonic()`)."""
    return [
        f"{lag.tp.topic}[{lag.tp.partition}]"
        for lag in queue.partitions
        if lag.commit_age_s(now) > STUCK_AFTER_S
    ]


def of_lag(queue: Queue, now: float, now_s: float) -> Iterator[Wrong]:
    """Say what is wrong with how fast a role works.

    Args:
        queue: what waits for it.
        now: `time.monotonic()`.
        now_s: `time.time()`.
    """
    if queue.error is not None or queue.members == 0:
        return
    if partitions := stuck(queue, now):
        yield Wrong(
            Severity.BAD,
            f"{counted(len(partitions), 'partition')} of {queue.role} stuck: {', '.join(partitions)}.",
            "See whether the worker that reads it says why; if it is well, restart it.",
        )
    oldest = max((lag.seconds(now_s) or 0.0 for lag in queue.partitions), default=0.0)
    if oldest > LATE_AFTER_S:
        waits = sum(lag.messages for lag in queue.partitions)
        yield Wrong(
            Severity.WARN,
            f"{queue.role} is behind: {number(waits)} wait, the oldest for {duration(oldest)}.",
            "See whether it falls; if not, start more workers of this role, up to the number of partitions.",
        )


def _of_services(view: SystemView) -> Iterator[Wrong]:
    if view.database is None:
        yield Wrong(
            Severity.BAD,
            "PostgreSQL does not answer.",
            "See whether it runs, and whether DATABASE_URL is right. Nothing is lost meanwhile.",
        )
    if view.storage_error is not None:
        yield Wrong(
            Severity.BAD,
            f"The storage of exports cannot be used: {view.storage_error}.",
            "Run `chatlog storage check`: it says what to mend. Exports wait meanwhile.",
        )
    if view.queues is None:
        yield Wrong(
            Severity.WARN,
            "Kafka has not answered yet.",
            "Load the page again in a moment; if it stays, see whether the brokers are up.",
        )


def _of_data(database: DatabaseView) -> Iterator[Wrong]:
    if pending := sum(database.dead_letters.values()):
        reasons = ", ".join(
            f"{number(many)} {reason}" for reason, many in database.dead_letters.items() if many
        )
        yield Wrong(
            Severity.WARN,
            f"{counted(pending, 'dead letter')} that nobody has dealt with: {reasons}.",
            "Look at them, mend what refused them, and replay or drop them.",
            addresses.DEAD_LETTERS,
            "Dead letters",
        )
    silent = [gap for gap in database.gaps if gap.ended is None]
    if silent:
        names = ", ".join(f"{gap.platform} {gap.channel}" for gap in silent[:5])
        yield Wrong(
            Severity.BAD,
            f"{counted(len(silent), 'channel')} that a connector heard, nobody hears now: {names}.",
            f"Start it: chatlog connect {silent[0].platform}. What is said meanwhile is missing.",
        )
    if database.months_ahead < 1:
        yield Wrong(
            Severity.WARN,
            "The next month has no partition yet.",
            "Run it, as the owner of the tables, best all the time: chatlog maintain --every 10m.",
        )
    if database.default_rows >= _DEFAULT_ROWS:
        yield Wrong(
            Severity.WARN,
            f"About {counted(database.default_rows, 'row')} are in the default partition, as their months "
            "have none of their own: what is asked of any month reads them, too.",
            "See docs/operations.md, Move a month to its own partition.",
        )
    if lacking := database.without_words:
        others = f" and {number(len(lacking) - _NAMED)} more" if len(lacking) > _NAMED else ""
        yield Wrong(
            Severity.WARN,
            f"No index of words is of {', '.join(lacking[:_NAMED])}{others}: search reads them as a whole.",
            "Run it, as the owner of the tables, best all the time: chatlog maintain --every 10m.",
        )
