"""A database with what was said, and the service that finds words in it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from app.maintenance.pieces import Pieces
from app.postgres.connections import create_pool
from app.search.serving import SearchServices
from app.settings import Settings
from tests.site.fixtures import *  # noqa: F403  its fixtures, by their names
from tests.site.talks import Writer


@pytest.fixture
async def searching(said_settings: Settings) -> AsyncIterator[SearchServices]:
    """Finds them."""
    pool = await create_pool(said_settings.database, min_size=1, max_size=3)
    try:
        yield SearchServices.on(pool)
    finally:
        pool.terminate()


@pytest.fixture
def maintain(write: Writer) -> Callable[..., object]:
    """Makes the indexes of words that there are to be at a time."""

    async def bring_up_to_date(now: datetime | None = None) -> list[str]:
        made: list[str] = []
        await Pieces(write.database, now or datetime.now(UTC), made.append).bring_up_to_date()
        return made

    return bring_up_to_date
