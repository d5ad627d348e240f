"""Whether a worker slept so long that others may have its partitions: frozen, or its machine paused.

A worker that wakes up goes on where it was, before it learns that the group has given its partitions away.
What it then writes to the state changelog would come after what its successor wrote, and undo it.
"""

from __future__ import annotations

import asyncio
import time

from sinks.errors import CannotGoOn

#: How often it is noted that the worker is awake.
NOTE_EVERY_S = 0.5


class Wakefulness:
    """Notes the time again and again, and so when there was none in between.

    Args:
        limit_s: how long a worker may sleep and still be sure of its partitions.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._awake_at = time.monotonic()
        self._slept_s = 0.0

    async def watch(self) -> None:
        """Note the time for as long as the worker runs; what came before was its start."""
        self._awake_at = time.monotonic()
        while True:
            self._note()
            await asyncio.sleep(NOTE_EVERY_S)

    def check(self) -> None:
        """Do nothing, unless the worker overslept.

        Raises:
            CannotGoOn: it did, at any time since its start. Started again, it joins the group anew.
        """
        self._note()
        if self._slept_s:
            raise CannotGoOn(
                f"The worker did nothing for {self._slept_s:.0f} s, so that others may have its partitions: "
                "start it again"
            )

    def _note(self) -> None:
        now = time.monotonic()
        if now - self._awake_at > self._limit_s:
            self._slept_s = now - self._awake_at
        self._awake_at = now
