"""What a soak looks at while it runs: how much memory the workers take, how far they are behind, whether they
read again what was done."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
from aiokafka.errors import KafkaError

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.faults.cluster import committed, ends
from tests.soak.crew import ROLES

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.soak.crew import Crew

LOOK_EVERY_S = 2.0
#: What Kafka raises while it is away.
AWAY = (KafkaError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most that was seen of each role.

    Attributes:
        memory_bytes: what was resident of one worker.
        lag: messages its group was behind.
        gone_back: messages of one partition that its group committed again as not done.
    """

    memory_bytes: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    lag: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    gone_back: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))


class Watch:
    """Looks at a system and its crew."""

    def __init__(self, system: Settings, crew: Crew) -> None:
        self._system = system
        self._crew = crew
        topics = topics_of(system.topology)
        #: The way of a message: who reads it from where.
        self._way = {
            Role.CAPTURE: (groups_of(system.topology).capture, topics.events.name),
            Role.PERSIST: (groups_of(system.topology).persist, topics.chat_log.name),
        }
        self.peaks = Peaks()
        #: How far each group had come in each partition.
        self._reached: dict[Role, dict[int, int]] = {role: {} for role in ROLES}

    async def run(self) -> None:
        """Look again and again, until this is cancelled."""
        while True:
            self._look_at_memory()
            with suppress(*AWAY):
                await self._look_at_lag()
            await asyncio.sleep(LOOK_EVERY_S)

    async def caught_up(self) -> None:
        """Return when all that is in Kafka now has gone the whole way: captured, then persisted."""
        for group, topic in self._way.values():
            goal: dict[int, int] | None = None
            while True:
                with suppress(*AWAY):
                    goal = goal or await ends(self._system, topic)
                    done = await committed(self._system, group, topic)
                    if all(done[partition] >= end for partition, end in goal.items()):
                        break
                await asyncio.sleep(0.2)

    def _look_at_memory(self) -> None:
        for worker, role in self._crew.members.items():
            with suppress(psutil.NoSuchProcess):
                used = psutil.Process(worker.pid).memory_info().rss
                self.peaks.memory_bytes[role] = max(self.peaks.memory_bytes[role], used)

    async def _look_at_lag(self) -> None:
        for role, (group, topic) in self._way.items():
            done = await committed(self._system, group, topic)
            lag = sum((await ends(self._system, topic)).values()) - sum(done.values())
            self.peaks.lag[role] = max(self.peaks.lag[role], lag)
            reached = self._reached[role]
            back = max(reached.get(partition, 0) - offset for partition, offset in done.items())
            self.peaks.gone_back[role] = max(self.peaks.gone_back[role], back)
            reached.update({n: max(offset, reached.get(n, 0)) for n, offset in done.items()})
