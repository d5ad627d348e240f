"""What waits in Kafka for each role, and how many work for it; the brokers are asked while somebody looks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.kafka.clients import client_settings
from app.kafka.groups import members_of
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from app.worker.watch.lag import LagMonitor

if TYPE_CHECKING:
    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings
    from app.worker.watch.lag import PartitionLag

#: How long asking who is in a group may take.
MEMBERS_WITHIN_S = 4.0


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for one role.

    Attributes:
        role: which.
        group: its consumer group.
        members: how many are in it now; None if the brokers do not say.
        partitions: how far it is in each; as it was before, where the brokers do not say.
        error: why they do not, and what to do; None where they do.
    """

    role: Role
    group: str
    members: int | None
    partitions: tuple[PartitionLag, ...]
    error: str | None


class Queues:
    """Asks for all roles that this installation has.

    Args:
        kafka: where Kafka is.
        topology: which roles, groups and topics are ours.
    """

    def __init__(self, kafka: KafkaSettings, topology: TopologySettings) -> None:
        self._client = client_settings(kafka)
        self._monitors = {
            role: LagMonitor(kafka, groups_of(topology).of(role), topics_of(topology).read_by(role), dict)
            for role in Role
            if topology.idle_because(role) is None
        }

    async def ask(self) -> tuple[Queue, ...]:
        """Return how all are now. Never raises for what Kafka does."""
        members, _ = await asyncio.gather(
            self._members(), asyncio.gather(*(monitor.look() for monitor in self._monitors.values()))
        )
        return tuple(
            Queue(role, of.group, members.get(of.group), of.partitions, of.error)
            for role, of in self._monitors.items()
        )

    async def close(self) -> None:
        """Disconnect. Idempotent; the next question connects again."""
        await asyncio.gather(*(monitor.on_stop() for monitor in self._monitors.values()))

    async def _members(self) -> dict[str, int]:
        """Return how many are in each group, as far as the brokers say."""
        found: dict[str, int] = {}
        admin = AIOKafkaAdminClient(**self._client)
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(MEMBERS_WITHIN_S):
                await admin.start()
                for monitor in self._monitors.values():
                    found[monitor.group] = len(await members_of(admin, monitor.group))
        with suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(admin.close(), 1.0)
        return found
