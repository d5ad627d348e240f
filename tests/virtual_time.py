"""An event loop whose clock jumps to the next thing that is due, for tests of what waits, without I/O.

A wait of an hour takes no time, the order of things is the same at every run, and a deadlock, where nothing
is ever due, is an error instead of a test that hangs.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")


class Deadlock(Exception):
    """Everybody waits for somebody else."""


class _Clock(selectors.SelectSelector):
    """Waits for no file: the time that a loop would have slept is added to its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready and nothing will ever be")
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop of its own time, which begins at 0."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the time of this loop, in seconds."""
        return self._clock.now


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end in virtual time.

    Raises:
        Deadlock: it waits for what can never come.
    """
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


def now() -> float:
    """Return the time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()
