"""Fixtures of tests that run workers: a prepared system for each test, and workers that do not outlive it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services import fresh_database
from tests.workers import Workers, prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from app.settings import Settings


@pytest.fixture
async def system(settings: Callable[..., Settings]) -> Settings:
    """Settings of a system whose schema and topics exist."""
    made = settings()
    await prepare(made)
    return made


@pytest.fixture
def second_database_url(postgres: str, migrated_database: str) -> Iterator[str]:
    """The URL of another database with the schema and no rows, for a second system on the same topics."""
    with fresh_database(postgres, like=migrated_database) as url:
        yield url


@pytest.fixture
async def workers(system: Settings, tmp_path: Path) -> AsyncIterator[Workers]:
    """Workers of that system."""
    with workers_of(system, tmp_path) as started:
        yield started
