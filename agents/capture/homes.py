"""Where users have their homes: the partition number in which their events, their states and the table meet.

By the partitioner that the producers of the states use, if it is one that is known, so that states which are
where they belong already stay there. It is chosen once, as the table is laid out by it.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from models.partitioners import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.partitioners import Partitioner

#: Users whose home is kept in memory: to hash one anew costs more than to decode a small event.
REMEMBERED = 1 << 17


class Homes:
    """Tells the home of a user, once it is known by which partitioner.

    Attributes:
        partitions: how many homes there are.
        partitioner: None until it is known.
        of: returns the home of a user; only to be used after `known`.
    """

    of: Callable[[str], int]

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.partitioner: Partitioner | None = None
        self._settled = asyncio.Event()

    def settle(self, partitioner: Partitioner) -> None:
        """Take the partitioner that counts; the first one stays."""
        if self.partitioner is None:
            self.partitioner = partitioner
            partitions = self.partitions
            self.of = lru_cache(REMEMBERED)(
                lambda userid: partition_of(partitioner, userid.encode(), partitions)
            )
            self._settled.set()

    async def known(self) -> None:
        """Return when it is known by which partitioner users have their homes."""
        if self.partitioner is None:
            await self._settled.wait()
