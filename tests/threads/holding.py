"""Somebody who holds a thread: a session that was left open, a tool of others, a long deletion."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.postgres.connections import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings


@asynccontextmanager
async def holding(system: Settings, thread: str) -> AsyncIterator[None]:
    """Let nobody write into a thread, or delete it, until the end of the block."""
    connection = await connect(system.database)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM conversations WHERE id = $1 FOR UPDATE", thread)
            yield
    finally:
        await connection.close()
