"""The consumer groups of the cluster, whoever runs them, as the brokers know them now. Only asks.

What the answers mean for us is the matter of `app.kafka.former_names` and `app.doctor.group_checks`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tenacity
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

#: Groups that are asked about side by side.
_AT_ONCE = 16

#: A cluster that never had a group, or has just lost a broker, has a coordinator a moment later.
once_coordinated = tenacity.retry(
    retry=tenacity.retry_if_exception_type(
        (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
    ),
    stop=tenacity.stop_after_delay(10),
    wait=tenacity.wait_fixed(0.1),
    reraise=True,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A consumer that is in a group now.

    Attributes:
        client_id: as what it introduced itself; workers of ours do so by `client_id_of`.
        host: from where.
        topics: what it reads.
    """

    client_id: str
    host: str
    topics: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """One consumer group.

    Attributes:
        name: its name.
        committed: the topics in which it has committed anything, and which it so has read.
        members: who is in it now.
    """

    name: str
    committed: frozenset[str]
    members: tuple[Member, ...] = ()

    @property
    def read_now(self) -> frozenset[str]:
        """The topics that its members read."""
        return frozenset().union(*(member.topics for member in self.members))


async def find_groups(admin: AIOKafkaAdminClient) -> list[FoundGroup]:
    """Return every consumer group that we may see.

    Raises:
        KafkaError: what a broker says.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def find(group: str) -> FoundGroup:
        async with limit:
            return FoundGroup(group, await topics_committed_by(admin, group), await members_of(admin, group))

    consumers = {
        group
        for group, protocol in await admin.list_consumer_groups()
        if protocol in {"", ConsumerProtocol.PROTOCOL_TYPE}
    }
    return await asyncio.gather(*(find(group) for group in sorted(consumers)))


@once_coordinated
async def topics_committed_by(admin: AIOKafkaAdminClient, group: str) -> frozenset[str]:
    """Return the topics in which the group has committed anything, and which it so has read.

    A group that we may not ask for has none for us: we could not go on from there either.

    Raises:
        KafkaError: what the coordinator says of the group.
    """
    try:
        coordinator = await admin.find_coordinator(group)
        # As the client's own `list_consumer_group_offsets`, which overlooks the error of the answer.
        answer = await admin._send_request(OffsetFetchRequest(group, None), coordinator)  # noqa: SLF001
        if answer.error_code:
            raise for_code(answer.error_code)(f"the group {group}")
    except (GroupAuthorizationFailedError, TopicAuthorizationFailedError):
        return frozenset()
    return frozenset(topic for topic, partitions in answer.topics if any(p[1] >= 0 for p in partitions))


@once_coordinated
async def members_of(admin: AIOKafkaAdminClient, group: str) -> tuple[Member, ...]:
    """Return who is in a group now; nobody, if we may not ask.

    Raises:
        KafkaError: what the coordinator says of the group.
    """
    try:
        coordinator = await admin.find_coordinator(group)
        # One at a time: the client cannot read an answer on several (aiokafka 0.14).
        answer = await admin._send_request(DescribeGroupsRequest([group]), coordinator)  # noqa: SLF001
        error_code, _, _, _, _, members, *_ = answer.groups[0]
        if error_code:
            raise for_code(error_code)(f"the group {group}")
    except GroupAuthorizationFailedError:
        return ()
    return tuple(
        Member(client_id, host.removeprefix("/"), _subscribed(metadata))
        for _, client_id, host, metadata, _ in members
    )


def _subscribed(metadata: Any) -> frozenset[str]:
    """Return the topics that a member asked for; none while its group has not come to terms."""
    return frozenset(ConsumerProtocol.METADATA.decode(metadata).subscription) if metadata else frozenset()
