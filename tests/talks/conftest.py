"""A database with what was said, and the service that reads it."""

from collections.abc import AsyncIterator

import pytest

from app.conversations.service import Conversations
from app.postgres.connections import create_pool
from app.settings import Settings
from tests.site.fixtures import *  # noqa: F403  its fixtures, by their names


@pytest.fixture
async def talks(said_settings: Settings) -> AsyncIterator[Conversations]:
    """Reads them."""
    pool = await create_pool(said_settings.database, min_size=1, max_size=3)
    try:
        yield Conversations(pool)
    finally:
        pool.terminate()
