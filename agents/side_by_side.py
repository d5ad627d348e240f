"""Doing several things at once, all or none: of those that fail, the first is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def side_by_side(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of it; when one fails, cancel the others and wait for them.

    Raises:
        BaseException: what the first that failed has raised; what the others raise is not told.
        asyncio.CancelledError: one was cancelled, by whomever, and none has failed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    if any(task.cancelled() for task in tasks):
        raise asyncio.CancelledError
