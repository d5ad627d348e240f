"""How far the group of each role is behind, and whether anybody works for it, as `chatlog check` tells it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from app.doctor.findings import Finding, Level
from app.kafka.groups import once_coordinated
from app.kafka.offsets import GroupOffsets
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from app.worker.watch.lag import PartitionLag

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.kafka.groups import FoundGroup
    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings

#: As old as the alert on lag lets a message become (docs/operations.md, ChatlogLagHigh).
LATE_AFTER_S = 300.0


async def check_lag(
    kafka: KafkaSettings, topology: TopologySettings, groups: Collection[FoundGroup]
) -> list[Finding]:
    """Say of each role what waits for it. Never raises for what it finds.

    Args:
        kafka: where the brokers are.
        topology: which groups and topics are ours.
        groups: those of the cluster, with their members.
    """
    workers = {group.name: len(group.members) for group in groups}
    roles = [role for role in Role if topology.idle_because(role) is None]
    found = await asyncio.gather(*(_of(kafka, topology, role, workers) for role in roles))
    return [finding for finding in found if finding is not None]


async def _of(
    kafka: KafkaSettings, topology: TopologySettings, role: Role, workers: dict[str, int]
) -> Finding | None:
    group = groups_of(topology).of(role)
    offsets = GroupOffsets(kafka, group, topics_of(topology).read_by(role))
    try:
        found = await once_coordinated(offsets.ask)()
        lags = [
            PartitionLag(tp, at.beginning, at.end, at.committed, None, time.monotonic())
            for tp, at in found.items()
        ]
        behind = {lag.tp: lag.next_offset for lag in lags if lag.messages}
        times_ms = await offsets.timestamps(behind) if behind else {}
    except (KafkaError, OSError, TimeoutError) as error:
        return Finding("lag", Level.NOTE, f"how far {group} is behind cannot be had ({type(error).__name__})")
    finally:
        await offsets.close()
    if not lags:
        return None  # there are no topics, which is told as such
    oldest_s = max((time.time() - moment_ms / 1000 for moment_ms in times_ms.values()), default=0.0)
    return lag_finding(
        role, group, sum(lag.messages for lag in lags), oldest_s, workers=workers.get(group, 0)
    )


def lag_finding(role: Role, group: str, messages: int, oldest_s: float, *, workers: int) -> Finding:
    """Say what it means that so much waits for a role.

    Args:
        role: which.
        group: its consumer group.
        messages: how many are not done.
        oldest_s: how old the oldest of them is; 0 if that is not known.
        workers: how many are in the group now.
    """
    by = f"{group} has {workers} worker{'' if workers == 1 else 's'}"
    if not messages:
        return Finding("lag", Level.OK, f"nothing waits for {role}: {by}")
    waits = (
        f"{messages:,} message{'' if messages == 1 else 's'} wait{'s' if messages == 1 else ''} for {role}"
    )
    if not workers:
        return Finding("lag", Level.NOTE, f"{waits}, and nobody reads: {by}", f"chatlog worker {role}")
    if oldest_s < LATE_AFTER_S:
        return Finding("lag", Level.OK, f"{waits}, for less than {LATE_AFTER_S / 60:g} minutes: {by}")
    return Finding(
        "lag",
        Level.NOTE,
        f"{waits}, the oldest for {oldest_s / 60:,.0f} minutes: {by}",
        "see whether it falls, and what a worker says at /health/ready",
    )
