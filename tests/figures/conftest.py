"""The real application on a real database in which something was said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.postgres.connections import create_pool
from sinks.postgres.counting import count_people
from tests.figures.saying import MONDAY, add_entries, messages_said
from tests.sinks.postgres.message_records import settler_on, sink_on
from tests.sinks.sources import each_its_own_source
from tests.site.fixtures import *  # noqa: F403  its fixtures, by their names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from app.settings import Settings


@pytest.fixture
async def pool(system: Settings) -> AsyncIterator[asyncpg.Pool[Any]]:
    """Connections to the database of the application."""
    made = await create_pool(system.database, min_size=0)
    try:
        yield made
    finally:
        made.terminate()


@pytest.fixture
async def said(pool: asyncpg.Pool[Any]) -> None:
    """Something was said on each kind of platform, and summed up."""
    await add_entries(pool)
    for platform, messages in messages_said().items():
        sink = sink_on(pool, platform=platform)
        assert await sink.write(each_its_own_source(messages)) == []
    await settler_on(pool).settle()
    async with pool.acquire() as connection:
        assert await count_people(connection, now=lambda: datetime(2026, 11, 30, tzinfo=UTC)) > 0
    assert MONDAY.weekday() == 0
