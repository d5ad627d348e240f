"""The pages as a browser without scripts asks for them: the real application, on real services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import _counts_take_their_time, api_settings, client, system
from tests.ui.visitor import Visitor

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

__all__ = ["_counts_take_their_time", "api_settings", "client", "system"]


@pytest.fixture
async def visitor(client: httpx.AsyncClient, system: Settings) -> Visitor:
    """Someone who has not signed in."""
    return Visitor(client, system)


@pytest.fixture
async def ana(visitor: Visitor) -> Visitor:
    """Ana, signed in."""
    await visitor.sign_in()
    return visitor
