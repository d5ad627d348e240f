"""Load that does not end before a test has done what it does under it, however fast the workers are."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def under_load(produce: Callable[[int], Awaitable[None]]) -> AsyncIterator[None]:
    """Have batch after batch produced: at least one before the block begins, and one after it ended.

    Args:
        produce: produces a batch, and is given its number, from 0 on.
    """
    numbers = count()
    enough = asyncio.Event()

    async def go_on() -> None:
        while not enough.is_set():
            await produce(next(numbers))

    await produce(next(numbers))
    load = asyncio.create_task(go_on())
    try:
        yield
    finally:
        enough.set()
        await load
    await produce(next(numbers))
