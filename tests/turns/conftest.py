"""The real application on a real Kafka, as programs log their assistant's turns by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.site.fixtures import api_settings, client, serve
from tests.turns.logging import Program
from tests.workers import Workers, prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import httpx

    from app.settings import Settings

__all__ = ["api_settings", "client", "program", "serve", "system", "taking", "workers"]


@pytest.fixture
def taking(api_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    """Builds settings with which turns are taken; takes fields to set otherwise."""

    def build(**overrides: object) -> Settings:
        values: dict[str, object] = {"platforms": "assistant"}
        return api_settings(**(values | overrides))

    return build


@pytest.fixture
async def system(taking: Callable[..., Settings]) -> Settings:
    """Such a system, with its topics."""
    made = taking()
    await prepare(made)
    return made


@pytest.fixture
def program(client: httpx.AsyncClient, system: Settings) -> Program:
    """A program of the app `shop`."""
    return Program(client, system, "app:shop")


@pytest.fixture
async def workers(system: Settings, tmp_path: Path) -> AsyncIterator[Workers]:
    """Workers of that system."""
    with workers_of(system, tmp_path / "workers") as started:
        yield started
