"""One running system for all tests of the browser, each with an owner of its own; and a browser for each."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests import services
from tests.browser.chromium import chromium
from tests.browser.reader import Reader
from tests.browser.site import running_site, wait_until_up
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

    from sinks.storage.bucket import BucketSettings
    from tests.browser.site import Owner, Site


@pytest.fixture(scope="session")
def site(
    kafka: str,
    postgres: str,
    migrated_database: str,
    storage_server: BucketSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The system, with real services behind it."""
    directory = tmp_path_factory.mktemp("site")
    env = f"t-{secrets.token_hex(6)}"
    with (
        pytest.MonkeyPatch.context() as patch,
        services.fresh_database(postgres, like=migrated_database) as database_url,
        services.fresh_bucket(storage_server) as bucket,
    ):
        for name in services.names_of_settings():
            patch.delenv(name, raising=False)
        settings = services.settings_for_tests(
            env,
            kafka,
            database_url,
            directory,
            # All tests ask from one address: together, more than one person may.
            rate_limit_threads_address="",
            **services.storage_overrides(bucket),
        )
        services.in_own_loop(prepare(settings))
        with running_site(settings, directory) as (running, workers):
            yield services.in_own_loop(wait_until_up(running, workers))
    services.in_own_loop(services.remove_topics(kafka, env))


@pytest.fixture
async def owner(site: Site) -> Owner:
    """Someone with a survey of 40 messages."""
    return await site.new_owner()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser."""
    async with chromium() as started:
        yield started


@pytest.fixture
async def reader(browser: Browser, owner: Owner) -> AsyncIterator[Reader]:
    """The owner at their browser, not signed in; what the browser complains of fails the test."""
    async with Reader.at(browser, owner) as made:
        yield made
        assert made.complaints == []
