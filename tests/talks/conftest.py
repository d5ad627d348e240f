"""A database with what was said, and the service that reads it."""

from collections.abc import AsyncIterator, Callable

import pytest

from app.conversations.service import Conversations
from app.postgres.connections import connect, create_pool
from app.settings import Settings
from tests.site.fixtures import *  # noqa: F403  its fixtures, by their names
from tests.site.owners import add_surveys
from tests.site.talks import Writer


@pytest.fixture
async def said_settings(settings: Callable[..., Settings]) -> Settings:
    """Settings of a database with two owners and their surveys; Kafka has no topics."""
    made = settings()
    await add_surveys(made)
    return made


@pytest.fixture
async def write(said_settings: Settings) -> AsyncIterator[Writer]:
    """Writes messages."""
    database = await connect(said_settings.database)
    try:
        yield Writer(database)
    finally:
        await database.close()


@pytest.fixture
async def talks(said_settings: Settings) -> AsyncIterator[Conversations]:
    """Reads them."""
    pool = await create_pool(said_settings.database, min_size=1, max_size=3)
    try:
        yield Conversations(pool)
    finally:
        pool.terminate()
