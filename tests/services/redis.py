"""A real Redis for the tests: Debian's package, which has to be there already."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest
from redis.asyncio import Redis as RedisClient
from redis.exceptions import RedisError

from app.local.embedded import scratch_directory
from app.local.embedded.account import account_for
from app.local.embedded.ports import LOOPBACK
from app.local.embedded.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.local.embedded.process import Process


class RedisServer(Service):
    """A Redis that keeps nothing on the disk; see `Service` for its life."""

    name = "Redis"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    _death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, directory: Path) -> None:
        """Describe it; nothing is started."""
        super().__init__(directory)
        self._account = account_for(directory)

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    async def _prepare(self) -> None:
        """Nothing is kept there."""

    def _launch(self) -> Process:
        options = ["--bind", LOOPBACK, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        return self._spawn([find_redis(), *options, "--dir", self.directory], self._account)

    async def _answers(self) -> bool:
        try:
            async with RedisClient.from_url(self.url, socket_timeout=5) as client:
                return await client.get("is anybody there") is None
        except (OSError, RedisError):
            return False


def find_redis() -> str:
    """Return the path of Redis; without one, skip the test, but fail it in CI: there it has to run."""
    found = shutil.which("redis-server")
    if found:
        return found
    missing = "No Redis: apt-get install redis-server"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@asynccontextmanager
async def dedicated_redis() -> AsyncIterator[RedisServer]:
    """Give a Redis that the test may kill and start again; it takes a tenth of a second."""
    find_redis()
    with scratch_directory() as directory:
        async with RedisServer(directory / "redis") as server:
            yield server
