"""The real application on real services, as programs and people keep threads by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.site.fixtures import api_settings, client
from tests.threads.asking import Asking
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from app.settings import Settings

__all__ = ["acme", "api_settings", "client", "system", "unlimited"]


@pytest.fixture
def unlimited(api_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    """Builds settings with which one may ask as often as one likes; takes fields to set otherwise."""

    def build(**overrides: object) -> Settings:
        values: dict[str, object] = {"rate_limit_threads_caller": "", "rate_limit_threads_address": ""}
        return api_settings(**(values | overrides))

    return build


@pytest.fixture
async def system(unlimited: Callable[..., Settings]) -> Settings:
    """Such a system, with its topics."""
    made = unlimited()
    await prepare(made)
    return made


@pytest.fixture
def acme(client: httpx.AsyncClient, system: Settings) -> Asking:
    """A program of the tenant `acme`."""
    return Asking(client, system, "acme")
