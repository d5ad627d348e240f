"""Runs that do not outlive their test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local.running import Up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def up(service_directory: Path) -> Iterator[Callable[..., Up]]:
    """Starts `chatlog up`; takes its arguments, and an `environment`."""
    started: list[Up] = []

    def start(*arguments: str, **options: Any) -> Up:
        started.append(Up(service_directory, *arguments, **options))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.wait()
