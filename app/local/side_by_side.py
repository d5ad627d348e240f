"""Doing several things at once, all or none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def side_by_side(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of it; when one fails, cancel the others, wait for them, and raise what the first one raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
