"""Asking the database on behalf of somebody who waits: soon or not at all, and failing like any service."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sinks.postgres.sqlstate import DRIVER_ERRORS, classify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: How long somebody waits for an answer, the wait for a free connection included.
ANSWER_WITHIN_S = 15.0


@asynccontextmanager
async def answer_within(seconds: float = ANSWER_WITHIN_S) -> AsyncIterator[None]:
    """Give the database so long for what is asked of it inside.

    Raises:
        ServiceDown: it is down, or takes longer.
        CannotGoOn: it refuses.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except DRIVER_ERRORS as error:
        raise classify(error) from error


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL could hold a text at all; else nothing there has this name."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of UTF-16, which JSON can name
        return False
    return "\0" not in text
