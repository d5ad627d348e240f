"""What is looked up at every record: read whole from small tables, kept, and read again now and then."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, TypeVar

from sinks.errors import CannotGoOn, ServiceDown
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sinks.retry import RetryPolicy

log = logging.getLogger(__name__)

Known = TypeVar("Known")


class Unreadable(CannotGoOn):
    """What is to be looked up is missing or closed to us; the message says what to do about it."""


class TablesHeld(ServiceDown):
    """Somebody holds the tables for longer than we wait; the rest of the database is there."""


class Fresh(Generic[Known]):
    """What is known, kept fresh in the background.

    What was known stays while the database is away. Tables that others own may be missing, held or closed to
    us: then nothing is known, and whoever looks up goes on without.

    Args:
        load: reads it all. Raises Unreadable, TablesHeld or ServiceDown.
        retry_policy: waits while the database is down, before anything is known for the first time.
        nothing: what is known while it cannot be read.
        what: what it is, in the plural, for the log: "Surveys".
        without: what becomes of records meanwhile, for the log.
        every_s: how often it is read again.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[Known]],
        retry_policy: RetryPolicy,
        *,
        nothing: Known,
        what: str,
        without: str,
        every_s: float,
    ) -> None:
        self._load = load
        self._retry_policy = retry_policy
        self._nothing = nothing
        self._every_s = every_s
        self._known: Known | None = None
        self._first_load = asyncio.Lock()
        self._unknown = f"{what} cannot be looked up: {without}"
        self._stale = f"{what} cannot be read again; those known before are looked up"
        self._trouble = Trouble(log, over=f"{what} are looked up again")

    async def known(self) -> Known:
        """Return what was last read; the first time, wait until the database was asked for it."""
        if self._known is None:
            async with self._first_load:
                if self._known is None:
                    self._known = await self._retry_policy.run(self._load_first)
        return self._known

    async def keep_fresh(self) -> None:
        """Read it now and again, until cancelled."""
        await self.known()
        while True:
            await asyncio.sleep(self._every_s)
            await self.refresh()

    async def refresh(self) -> None:
        """Read it again; what cannot be read is told in the log."""
        try:
            self._known = await self._load()
        except Unreadable as error:
            # Better nothing than what has been replaced by now.
            self._known = self._nothing
            self._trouble.note(self._unknown, {"error": str(error)})
        except ServiceDown as error:
            self._trouble.note(self._stale, {"error": str(error)})
        else:
            self._trouble.end()

    async def _load_first(self) -> Known:
        try:
            return await self._load()
        except (Unreadable, TablesHeld) as error:
            self._trouble.note(self._unknown, {"error": str(error)})
            return self._nothing
