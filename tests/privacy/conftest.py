"""The real application on real services, as learners' data is asked for by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.privacy.requests import as_the_api
from tests.services import storage_overrides
from tests.site.fixtures import serve
from tests.threads.asking import Asking
from tests.threads.conftest import acme, api_settings, system, unlimited
from tests.workers import prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import httpx

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings
    from tests.workers import Workers

__all__ = ["acme", "api_settings", "client", "system", "unlimited"]


@pytest.fixture
async def client(system: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on the system, with the rights of the API."""
    async with serve(as_the_api(system)) as made:
        yield made


@pytest.fixture
async def storing(unlimited: Callable[..., Settings], storage: BucketSettings) -> Settings:
    """A system with a bucket of its own."""
    made = unlimited(**storage_overrides(storage))
    await prepare(made)
    return made


@pytest.fixture
def workers(storing: Settings, tmp_path: Path) -> Iterator[Workers]:
    """Workers of that system."""
    with workers_of(storing, tmp_path) as started:
        yield started


@pytest.fixture
async def school(storing: Settings) -> AsyncIterator[Asking]:
    """A program of the tenant `school` there."""
    async with serve(as_the_api(storing)) as client:
        yield Asking(client, storing, "school")
