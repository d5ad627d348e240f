"""A database with the whole schema, and ways to look at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.migrations.connecting import connect_to
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    import migrations

#: More than any of these tests takes.
A_TEST = timedelta(minutes=1)


@pytest.fixture(autouse=True)
async def _no_month_ends_meanwhile() -> None:
    """Let no month end in the middle of a test: which partitions there are depends on it."""

    def is_long_enough() -> bool:
        now = datetime.now(UTC)
        return now.month == (now + A_TEST).month

    await eventually(is_long_enough, what="the next month has begun")


@pytest.fixture
def open_connection(empty_database_url: str) -> migrations.Connect:
    """Connect to a database that has nothing yet, as `chatlog migrate` does."""
    return connect_to(empty_database_url)


@pytest.fixture
async def empty(
    open_connection: migrations.Connect,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database that has nothing yet."""
    connection = await open_connection()
    yield connection
    await connection.close()


@pytest.fixture
def migrated(database_url: str) -> migrations.Connect:
    """Connect to a database that has the whole schema."""
    return connect_to(database_url)


@pytest.fixture
async def database(
    migrated: migrations.Connect,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database that has the whole schema."""
    connection = await migrated()
    yield connection
    await connection.close()
