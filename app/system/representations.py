"""How the system is, as the API tells it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.system.tables import lanes_of
from app.system.view import GONE_AFTER_S, is_gone
from models.processes import ProcessStanding

if TYPE_CHECKING:
    from app.system.view import SystemView


class ProblemTold(BaseModel):
    """Something that is wrong."""

    severity: Literal["bad", "warn"]
    what: str = Field(description="In a sentence.")
    remedy: str = Field(description="What to do.")


class ProcessTold(BaseModel):
    """A worker, an API or a connector."""

    id: UUID
    kind: Literal["worker", "api", "connector"]
    role: str = Field(description="Of a worker its role, of a connector its platform.")
    host: str
    version: str
    address: str | None = Field(description="Where its views are, as others reach it.")
    standing: ProcessStanding = Field(description="How it judges itself, when it was last seen.")
    reasons: list[str]
    partitions: dict[str, list[int]] = Field(description="Which it reads, by topic.")
    started: datetime
    silent_s: float = Field(description="How long ago it was seen.")
    gone: bool = Field(description=f"Whether that is more than {GONE_AFTER_S:g} s: it was killed, or hangs.")


class QueueTold(BaseModel):
    """What waits for a role."""

    role: str
    group: str
    members: int | None = Field(description="How many work for it; null if Kafka does not say.")
    messages: int = Field(description="How many wait.")
    oldest_s: float | None = Field(description="How old the oldest of them is; null if not known.")
    stuck: list[str] = Field(description="Partitions that have lag and do not move.")
    error: str | None = Field(description="Why Kafka does not say; null if it does.")


class SystemTold(BaseModel):
    """How the installation is."""

    well: bool = Field(description="Whether nothing is wrong.")
    problems: list[ProblemTold]
    processes: list[ProcessTold]
    queues: list[QueueTold] | None = Field(description="Null if Kafka has not answered yet.")
    database: Literal["up", "down"]
    storage: Literal["up", "down"]
    dead_letters: dict[str, int] = Field(description="That nobody has dealt with, by reason.")

    @classmethod
    def of(cls, view: SystemView) -> Self:
        """Tell a view."""
        found = view.problems
        lanes = {lane.role: lane for lane in lanes_of(view)}
        return cls(
            well=not found,
            problems=[
                ProblemTold(severity=one.severity.value, what=one.what, remedy=one.remedy) for one in found
            ],
            processes=[
                ProcessTold(
                    id=one.id,
                    kind=one.kind.value,
                    role=one.role,
                    host=one.host,
                    version=one.version,
                    address=one.beat.address,
                    standing=one.beat.standing,
                    reasons=list(one.beat.reasons),
                    partitions={topic: list(numbers) for topic, numbers in one.beat.partitions.items()},
                    started=one.started,
                    silent_s=round(one.silent_s, 1),
                    gone=is_gone(one),
                )
                for one in view.processes
            ],
            queues=None
            if view.queues is None
            else [
                QueueTold(
                    role=queue.role.value,
                    group=queue.group,
                    members=queue.members,
                    messages=lanes[queue.role.value].messages,
                    oldest_s=lanes[queue.role.value].oldest_s,
                    stuck=[row.name for row in lanes[queue.role.value].waiting if row.is_stuck],
                    error=queue.error,
                )
                for queue in view.queues
            ],
            database="up" if view.database else "down",
            storage="down" if view.storage_error else "up",
            dead_letters=dict(view.database.dead_letters) if view.database else {},
        )
