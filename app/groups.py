"""The consumer groups of the cluster, whoever runs them, as the brokers know them now. Only asks.

What the answers mean for us is the matter of `app.former_names` and `app.group_checks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.errors import GroupAuthorizationFailedError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient


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
    except GroupAuthorizationFailedError:
        return frozenset()
    return frozenset(topic for topic, partitions in answer.topics if any(p[1] >= 0 for p in partitions))
