"""The processes of an installation, as each says of itself that it runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID


class ProcessKind(StrEnum):
    """What a process is."""

    WORKER = "worker"
    API = "api"
    CONNECTOR = "connector"


class ProcessStanding(StrEnum):
    """How a process judges itself."""

    #: What comes in now is dealt with now.
    OK = "ok"
    #: It waits for something, and goes on by itself when that is there.
    UNREADY = "unready"
    #: Something that should move does not; a restart helps.
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Beat:
    """What a process says of itself, every few seconds.

    Attributes:
        standing: how it is.
        reasons: why it is not well, in words; nothing of what was said, and no secret.
        address: where its views are, as others reach it; None if it has none.
        partitions: which it reads, by topic.
    """

    standing: ProcessStanding = ProcessStanding.OK
    reasons: Sequence[str] = ()
    address: str | None = None
    partitions: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process that runs, or did not end by itself.

    Attributes:
        id: its own, from its start to its end.
        kind: what it is.
        role: of a worker its role, of a connector its platform.
        host: the name of the machine, container or pod.
        version: of the program.
        started: when.
        silent_s: how long it has said nothing.
        beat: what it said last.
    """

    id: UUID
    kind: ProcessKind
    role: str
    host: str
    version: str
    started: datetime
    silent_s: float
    beat: Beat
