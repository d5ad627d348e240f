"""Has a worker that cannot join its group say why, and try again, instead of standing still without a word.

aiokafka's coordinator hands an error to whoever polls next, and waits until that is done (aiokafka 0.14,
`GroupCoordinator._push_error_to_user`). A worker that has no partitions yet polls nothing, so it would wait
for ever: beside a member of another kind of consumer, say, that left without saying so and counts as one of
the group until its session ends. The errors of the tasks that send heartbeats and refresh commits come the
same way; both are made anew when the worker joins again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidSessionTimeoutError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import DescribeGroupsRequest

from sinks.trouble import Trouble

if TYPE_CHECKING:
    from aiokafka.consumer.group_coordinator import GroupCoordinator

log = logging.getLogger(__name__)

#: How long to wait before it is tried again.
AGAIN_AFTER_S = 1.0
#: How long the brokers may take to tell who is in the group.
ASK_S = 5.0

#: What is wrong, for anyone, and what to do about it.
_REASONS: dict[type[Exception], tuple[str, str]] = {
    InconsistentGroupProtocolError: (
        "a member of another kind of consumer is in the group",
        "stop it; if it is gone already, its session ends by itself",
    ),
    GroupAuthorizationFailedError: (
        "our user may not read the group",
        "allow it Describe and Read on the group",
    ),
    TopicAuthorizationFailedError: (
        "our user may not read a topic",
        "allow it Describe and Read on the topics of its role",
    ),
    InvalidSessionTimeoutError: (
        "the brokers refuse our session timeout",
        "compare group.min.session.timeout.ms and group.max.session.timeout.ms with SESSION_TIMEOUT_S",
    ),
}


_REFUSED = "The group does not let the worker in: it is tried again, and nothing is lost"


class Joining:
    """What keeps a worker out of its group.

    Written by the consumer's thread, read by the event loop's: one assignment each, so it is seen whole.

    Attributes:
        trouble: why the group refuses the worker, for anyone to be told; None when it does not.
    """

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._refused = Trouble(log, over="The group has let the worker in")

    def watch(self, coordinator: GroupCoordinator) -> None:
        """Take the errors of a coordinator that has just been made."""

        async def take(error: Exception) -> None:
            await self._take(coordinator, error)

        coordinator._push_error_to_user = take  # noqa: SLF001  aiokafka offers no other place

    def note_member(self) -> None:
        """Note that the group counts the worker in."""
        self.trouble = None
        self._refused.end()

    async def _take(self, coordinator: GroupCoordinator, error: Exception) -> None:
        """Say what is wrong, and who is in the group; then have the coordinator join again."""
        reason, remedy = _reason_of(error)
        self.trouble = reason
        if self._refused.is_due(_REFUSED):
            fields = {
                "error": f"{reason}: {remedy}; {error!r}",
                "group": coordinator.group_id,
                "members": await _members(coordinator),
            }
            self._refused.note(_REFUSED, fields)
        await asyncio.wait([coordinator._closing], timeout=AGAIN_AFTER_S)  # noqa: SLF001  aiokafka waits for it too
        coordinator.request_rejoin()


def _reason_of(error: Exception) -> tuple[str, str]:
    unknown = ("the brokers refuse it", "see their log")
    return next((found for kind, found in _REASONS.items() if isinstance(error, kind)), unknown)


async def _members(coordinator: GroupCoordinator) -> list[str]:
    """Return who is in the group, by client id and host; what the brokers do not tell is left out."""
    try:
        async with asyncio.timeout(ASK_S):
            answer = await coordinator._send_req(DescribeGroupsRequest([coordinator.group_id]))  # noqa: SLF001  no public way to ask
    except (KafkaError, TimeoutError):
        return []
    # The last versions of the answer have more at the end.
    return sorted(
        f"{client_id} at {host.lstrip('/')}"
        for _, _, _, _, _, members, *_ in answer.groups
        for _, client_id, host, *_ in members
    )
