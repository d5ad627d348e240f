"""What connectors missed is told by platform; what is heard, fetched, or long ago is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from app.doctor.findings import Level
from app.doctor.gap_checks import check_gaps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Database = asyncpg.Connection[asyncpg.Record]

_ADD = """
INSERT INTO connector_gaps (platform, channel, began, ended, reason, filled) VALUES
    ('twitch', '1', now() - interval '2 hours', now() - interval '1 hour', 'connection lost', NULL),
    ('twitch', '1', now() - interval '50 minutes', now() - interval '40 minutes', 'connection lost', NULL),
    ('twitch', '1', now() - interval '3 hours', NULL, 'not running', NULL)
"""
_ADD_NOTHING_TO_TELL = """
INSERT INTO connector_gaps (platform, channel, began, ended, reason, filled) VALUES
    ('discord', 'fetched', now() - interval '3 hours', now() - interval '2 hours', 'not running', now()),
    ('discord', 'heard now', now(), NULL, 'not running', NULL),
    ('discord', 'given up', now() - interval '30 days', NULL, 'not running', NULL),
    ('discord', 'long ago', now() - interval '30 days', now() - interval '29 days', 'not running', NULL)
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_what_is_missing_is_told_by_platform(database: Database) -> None:
    await database.execute(_ADD)

    silent, missed = await check_gaps(database)

    assert {silent.level, missed.level} == {Level.NOTE}
    assert silent.message == "nobody hears 1 channel of twitch that a connector heard, the first for 3 h"
    assert missed.message == "2 gaps of twitch in the last 7 days, 1 h 10 min in all, could not be filled in"
    assert missed.mend == "chatlog connect gaps --platform twitch"


async def test_what_is_heard_or_fetched_or_long_ago_is_not_told(database: Database) -> None:
    await database.execute(_ADD_NOTHING_TO_TELL)

    assert await check_gaps(database) == []


@pytest.mark.parametrize("role", ["chatlog_exporter", "chatlog_maintainer"])
async def test_who_may_not_read_them_is_told_nothing(database: Database, role: str) -> None:
    await database.execute(_ADD)
    await database.execute(f"SET ROLE {role}")

    assert await check_gaps(database) == []
