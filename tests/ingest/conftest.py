"""The real application on a real Kafka, with every way in by which events are brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest.bringing import APP_SECRET, TWITCH_SECRET, VERIFY_TOKEN
from tests.site.fixtures import api_settings, client
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings

__all__ = ["api_settings", "client", "system", "taking"]


@pytest.fixture
def taking(api_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    """Builds settings with which events are taken from everybody; takes fields to set otherwise."""

    def build(**overrides: object) -> Settings:
        values: dict[str, object] = {
            "platforms": "twitch,discord",
            "meta_verify_token": VERIFY_TOKEN,
            "meta_app_secret": APP_SECRET,
            "twitch_eventsub_secret": TWITCH_SECRET,
        }
        return api_settings(**(values | overrides))

    return build


@pytest.fixture
async def system(taking: Callable[..., Settings]) -> Settings:
    """Such a system, with its topics."""
    made = taking()
    await prepare(made)
    return made
