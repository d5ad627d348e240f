"""A system on a broker of its own, which the test may stop, kill or freeze."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services import settings_for_tests
from tests.workers import prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings
    from tests.workers import Workers


@pytest.fixture
async def system_on_own_kafka(
    unique_env: str, dedicated_kafka: EmbeddedKafka, database_url: str, tmp_path: Path
) -> Settings:
    """Settings of a system whose schema and topics exist, on `dedicated_kafka`."""
    made = settings_for_tests(unique_env, dedicated_kafka.bootstrap_servers, database_url, tmp_path)
    await prepare(made)
    return made


@pytest.fixture
async def workers_on_own_kafka(system_on_own_kafka: Settings, tmp_path: Path) -> AsyncIterator[Workers]:
    """Workers of that system."""
    with workers_of(system_on_own_kafka, tmp_path) as started:
        yield started
