"""Ctrl-C, SIGTERM and a closed terminal: the first stops in good order, the second at once."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from agents.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    """A part that runs until it is stopped."""

    async def stop(self) -> None:
        """End it in good order, within a deadline, or at once if this is cancelled."""

    async def kill(self) -> None:
        """End it at once."""


class Stopping:
    """How far the end of this run has come.

    Attributes:
        requested: whether someone asked for it.
        at_once: whether someone could not wait: from then on parts are killed.
    """

    def __init__(self) -> None:
        self.requested = False
        self.at_once = False
        self._began = False

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Cancel the present task at each signal; the second one also sets `at_once`."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def note() -> None:
            self.at_once = self.requested or self._began
            self.requested = True
            if task is not None:
                task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, note)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def begin(self) -> None:
        """Note that the end has begun by itself: a Ctrl-C from now on is the second."""
        self._began = True

    async def end(self, *parts: Stoppable, at_once: bool = False) -> None:
        """Stop the parts side by side: in good order, or at once if that is asked for here or by a person."""
        await side_by_side(*(part.kill() if at_once or self.at_once else part.stop() for part in parts))
