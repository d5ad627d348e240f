"""Looking again and again, in the background, for what there is to do: when woken, and now and then."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Self

log = logging.getLogger(__name__)


class Looker(ABC):
    """Looks until it is stopped; an async context manager.

    Args:
        name: of its task.
        every_s: how often it looks when nobody wakes it: for what processes that died left, and for retries.
    """

    def __init__(self, name: str, every_s: float) -> None:
        self._name = name
        self._every_s = every_s
        self._wanted = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Have it look now, because there is something."""
        self._wanted.set()

    @abstractmethod
    async def look(self) -> None:
        """Do what there is to do; whatever is down, the next look tries again.

        What it raises is a bug: it is logged, and ends no more than this look.
        """

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._keep_looking(), name=self._name)
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._looking is not None and not self._looking.done():
            # Again, if need be: in Python 3.11, asyncio.wait_for loses a cancellation that comes as what it
            # waits for is done, and aiokafka waits by it.
            self._looking.cancel()
            await asyncio.wait({self._looking}, timeout=1.0)

    async def _keep_looking(self) -> None:
        while True:
            self._wanted.clear()
            try:
                await self.look()
            except Exception:
                log.exception("Looking for what there is to do has failed", extra={"of": self._name})
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wanted.wait()
