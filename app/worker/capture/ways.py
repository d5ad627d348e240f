"""Which way records go to where their users have their homes, and why: in words, for pages and checks.

Pure. Where the homes are, `agents.capture.homes` says; who finds it out, `app.worker.capture.homes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.partitioners import Partitioner


@dataclass(frozen=True, slots=True)
class Way:
    """How the records of one topic reach the homes of their users.

    Attributes:
        topic: where they come from.
        through: the topic of ours that leads home those that are elsewhere.
        read: how many records of users were read.
        led: how many were led home.
        why: what makes it so, for a person.
    """

    topic: str
    through: str
    read: int
    led: int
    why: str

    @property
    def text(self) -> str:
        """Say it in a sentence."""
        if not self.led:
            return f"{self.topic}: nothing has to be led home; {self.why}"
        return f"{self.topic}: {self.led:,} of {self.read:,} were led home through {self.through}; {self.why}"


def way_of(
    topic: str,
    through: str,
    *,
    partitions: int,
    homes: int,
    partitioner: Partitioner | None,
    read: int,
    led: int,
) -> Way:
    """Tell which way a topic's records went since a worker started.

    Args:
        topic: its name.
        through: the topic that leads home.
        partitions: how many it has.
        homes: how many partitions users have their homes in.
        partitioner: by which; None while that is not known.
        read: records of users that were read.
        led: those of them that were led home.
    """
    if partitioner is None:
        why = "the first event or state will tell by which partitioner users have their homes"
    elif partitions != homes:
        why = f"it has {partitions} partitions, and users have their homes in {homes}"
    elif led:
        why = (
            f"their users have their homes in other partitions by the partitioner {partitioner.value}: "
            "producers use another one, or no key"
        )
    else:
        why = f"users are where the partitioner {partitioner.value} puts them"
    return Way(topic, through, read, led, why)
