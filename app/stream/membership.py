"""Whether the group has said of late that this worker is in it: only then are its partitions surely its own.

A worker that was frozen, or cut off from its group, goes on where it was before it learns that its partitions
were given away. What it then wrote to the state changelog would come after what its successor wrote, and undo
it. So it asks here first, and holds its work until the group says one or the other: that it is a member, or,
by a rebalance, that it has to begin anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sinks.errors import ServiceDown

if TYPE_CHECKING:
    from collections.abc import Callable


class Membership:
    """What the last confirmation is worth.

    Args:
        lasts_s: how long the group keeps a member that it does not hear of, less what a write may take.
        confirmed_at: tells when that was asked which the group confirmed last, by `time.monotonic()`.
    """

    def __init__(self, lasts_s: float, confirmed_at: Callable[[], float]) -> None:
        self._lasts_s = lasts_s
        self._confirmed_at = confirmed_at

    async def check(self) -> None:
        """Do nothing while it is sure that the worker is in its group.

        Raises:
            ServiceDown: it is not; the next heartbeat tells, or a rebalance ends what waits for it.
        """
        silent_s = time.monotonic() - self._confirmed_at()
        if silent_s > self._lasts_s:
            raise ServiceDown(
                "The group has not confirmed that this worker is in it: others may have its partitions after "
                f"{silent_s:.0f} s; was it frozen, has the machine no CPU left, or do the brokers not answer?"
            )
