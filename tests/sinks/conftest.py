"""A database with the schema, and what the sinks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.postgres.connections import create_pool
from tests.services import settings_for_tests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from app.settings import Settings


@pytest.fixture
def database(database_url: str, unique_env: str, tmp_path: Path) -> Settings:
    """Settings of a database with the schema and no rows. Kafka is not there."""
    return settings_for_tests(unique_env, "127.0.0.1:1", database_url, tmp_path)


@pytest.fixture
async def pool(database: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the sinks use them."""
    made = await create_pool(database.database, min_size=0)
    try:
        yield made
    finally:
        made.terminate()
