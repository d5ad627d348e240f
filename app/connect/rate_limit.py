"""So many at most in so long, whenever one looks: for platforms that end a connection which goes over it."""

from __future__ import annotations

import asyncio
import time
from collections import deque


class RateLimit:
    """Lets through so many in any time of a length; whoever comes then waits for their turn.

    Args:
        most: how many.
        within_s: in how long.
    """

    def __init__(self, most: int, within_s: float) -> None:
        self._most = most
        self._within_s = within_s
        self._turns: deque[float] = deque()
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Return when one more may go."""
        async with self._queue:
            if len(self._turns) == self._most:
                await asyncio.sleep(self._turns[0] + self._within_s - time.monotonic())
                self._turns.popleft()
            self._turns.append(time.monotonic())
