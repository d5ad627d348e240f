"""What the page System shows of processes and queues, a row each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.system.view import is_gone, stuck
from models.processes import ProcessKind, ProcessStanding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.system.queues import Queue
    from app.system.view import SystemView
    from models.processes import RunningProcess

#: The word of a process's state, and how pages draw it.
_WORDS = {
    ProcessStanding.OK: ("Running", "ok"),
    ProcessStanding.UNREADY: ("Not ready", "warn"),
    ProcessStanding.STALLED: ("Stands still", "bad"),
}
_KINDS = {ProcessKind.WORKER: "Worker", ProcessKind.API: "API", ProcessKind.CONNECTOR: "Connector"}


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process.

    Attributes:
        kind: what it is, in a word.
        role: which of those.
        host: where.
        version: of the program.
        word: its state.
        tone: how that is drawn.
        why: what it says of it.
        started: since when it runs.
        silent_s: how long ago it was seen.
        address: of its view; empty for none.
        reads: which partitions, by topic, in words.
    """

    kind: str
    role: str
    host: str
    version: str
    word: str
    tone: str
    why: str
    started: datetime
    silent_s: float
    address: str
    reads: str


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """One partition that has lag, or is stuck.

    Attributes:
        name: topic and number.
        messages: how many wait.
        oldest_s: how old the oldest of them is; None if not known.
        still_s: how long its commit has not moved.
        is_stuck: whether that is too long.
    """

    name: str
    messages: int
    oldest_s: float | None
    still_s: float
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What waits for one role.

    Attributes:
        role: which.
        group: its consumer group.
        members: how many work for it; None if not known.
        partitions: how many it reads in all.
        messages: how many wait.
        oldest_s: how old the oldest of them is; None if not known.
        word: its state.
        tone: how that is drawn.
        waiting: those partitions in which something waits.
    """

    role: str
    group: str
    members: int | None
    partitions: int
    messages: int
    oldest_s: float | None
    word: str
    tone: str
    waiting: Sequence[PartitionRow]


def rows_of(view: SystemView) -> list[ProcessRow]:
    """Return the processes as the page shows them: what is not well first."""
    rows = [_row(process) for process in view.processes]
    return sorted(rows, key=lambda row: row.tone in {"ok", "off"})


def lanes_of(view: SystemView) -> list[QueueRow]:
    """Return what waits for each role."""
    return [_lane(queue, view) for queue in view.queues or ()]


def _row(process: RunningProcess) -> ProcessRow:
    word, tone = ("Not seen", "warn") if is_gone(process) else _WORDS[process.beat.standing]
    return ProcessRow(
        kind=_KINDS[process.kind],
        role="" if process.kind is ProcessKind.API else process.role,
        host=process.host,
        version=process.version,
        word=word,
        tone=tone,
        why="; ".join(process.beat.reasons),
        started=process.started,
        silent_s=process.silent_s,
        address=process.beat.address or "",
        reads="; ".join(
            f"{topic}: {', '.join(map(str, numbers))}" for topic, numbers in process.beat.partitions.items()
        ),
    )


def _lane(queue: Queue, view: SystemView) -> QueueRow:
    now, now_s = view.now, view.looked.timestamp()
    is_stuck = set(stuck(queue, now))
    waiting = [
        PartitionRow(
            name=(name := f"{lag.tp.topic}[{lag.tp.partition}]"),
            messages=lag.messages,
            oldest_s=lag.seconds(now_s),
            still_s=lag.commit_age_s(now),
            is_stuck=name in is_stuck,
        )
        for lag in queue.partitions
        if lag.messages
    ]
    messages = sum(row.messages for row in waiting)
    word, tone = _state_of(queue, messages, stuck=bool(is_stuck))
    oldest = [row.oldest_s for row in waiting]
    return QueueRow(
        role=queue.role.value,
        group=queue.group,
        members=queue.members,
        partitions=len(queue.partitions),
        messages=messages,
        oldest_s=None if None in oldest else max((age for age in oldest if age is not None), default=0.0),
        word=word,
        tone=tone,
        waiting=waiting,
    )


def _state_of(queue: Queue, messages: int, *, stuck: bool) -> tuple[str, str]:
    if queue.error is not None:
        return "Not known", "bad"
    if queue.members == 0:
        return "Nobody reads", "bad" if messages else "warn"
    if stuck:
        return "Stuck", "bad"
    return ("Working", "busy") if messages else ("Up to date", "ok")
