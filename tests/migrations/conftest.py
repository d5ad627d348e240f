"""A database with the whole schema, and ways to look at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import migrations
from tests.migrations.connecting import connect_to
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

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
def open_connection(database_url: str) -> migrations.Connect:
    """Connect to the test's database, as `chatlog migrate` does."""
    return connect_to(database_url)


@pytest.fixture
async def empty(
    open_connection: migrations.Connect,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database that has nothing yet."""
    connection = await open_connection()
    yield connection
    await connection.close()


@pytest.fixture
async def migrated(open_connection: migrations.Connect) -> migrations.Connect:
    """Connect to the test's database, which has the whole schema."""
    await migrations.up(open_connection, say=lambda _: None)
    return open_connection


@pytest.fixture
async def database(
    migrated: migrations.Connect,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database that has the whole schema."""
    connection = await migrated()
    yield connection
    await connection.close()
