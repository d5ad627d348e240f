"""Owners with pages and surveys, as others put them into their tables."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.postgres.connections import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from app.settings import Settings

ANN, BEN = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
FIRST, SECOND, BENS = (f"10000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
MADE = datetime(2025, 3, 1, 12, tzinfo=UTC)

OWNERS = """
INSERT INTO users (id, email) VALUES ($1, 'ann@example.org'), ($2, 'ben@example.org')
"""
PAGES = """
INSERT INTO credentials (userid, entity, key, details, facebook_page_id)
VALUES ($1, 'facebook_page', 'p1', '{}', 'page-of-ann'),
       ($1, 'facebook_page', 'p2', '{}', 'page-of-both'),
       ($2, 'facebook_page', 'p2', '{}', 'page-of-both'),
       ($2, 'facebook_page', 'p3', '{}', 'page-of-ben'),
       ($1, 'typeform_token', 'p4', '{}', NULL)
"""
SURVEY = """
INSERT INTO surveys (id, userid, shortcode, title, survey_name, created)
VALUES ($1, $2, $3, 'Title', 'Name', $4)
"""


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await connect(settings.database)
    try:
        yield connection
    finally:
        await connection.close()


async def execute(settings: Settings, statement: str, *values: object) -> None:
    async with session(settings) as connection:
        await connection.execute(statement, *values)


async def make_surveys(settings: Settings) -> None:
    async with session(settings) as connection:
        await connection.execute(OWNERS, ANN, BEN)
        await connection.execute(PAGES, ANN, BEN)
        await connection.execute(SURVEY, FIRST, ANN, "form", MADE)
        await connection.execute(SURVEY, BENS, BEN, "form", MADE)
