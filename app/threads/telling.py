"""Has told at once what was written: to Kafka by the outbox, and to those who watch here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.outbox import GATHER_S

if TYPE_CHECKING:
    from app.outbox import Outbox
    from app.threads.watching import WatchedThreads


class Telling:
    """Wakes those who tell.

    Attributes:
        watched: tells those who watch, once there is one.

    Args:
        outbox: sends what waits.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._timer: asyncio.TimerHandle | None = None
        self.watched: WatchedThreads | None = None

    def now(self) -> None:
        """Have told what was just written."""
        if self.watched is not None and self.watched.is_any:
            self.watched.wake()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send)

    def stop(self) -> None:
        """Wake nobody any more; what waits is sent by the next process."""
        if self._timer is not None:
            self._timer.cancel()

    def _send(self) -> None:
        self._timer = None
        self._outbox.wake()
