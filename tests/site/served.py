"""`chatlog api` as operators run it, in a process of its own."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from app.local.embedded import free_port
from app.settings import Settings
from models.hosts import with_port
from tests.services import as_environment, eventually
from tests.workers import CHATLOG, limited

#: On a machine that does much else.
ANSWER_S = 60.0


class ApiProcess:
    """An API that a test may ask, and stop or kill.

    Args:
        settings: as it reads them, but for its port.
        directory: where it works, and its log is.
        extra: variables of its environment beside the settings.
        open_files: how many files it may have open.
        at: the host by which it is asked.
        port: where it listens.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        extra: Mapping[str, str] | None = None,
        *,
        open_files: int | None = None,
        at: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://{with_port(at, self.port)}"
        self._log = directory / f"api-{self.port}.log"
        environment = {**os.environ, **as_environment(settings), "API_PORT": str(self.port), **(extra or {})}
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                limited(open_files, CHATLOG, "api"),
                env=environment,
                cwd=directory,
                stdout=output,
                stderr=output,
            )

    @property
    def said(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, within_s: float) -> int:
        """Wait for its end; return its exit status."""
        return self._process.wait(within_s)

    def make_sure_it_is_gone(self) -> None:
        self._process.kill()
        self._process.wait()

    async def is_live(self) -> bool:
        assert self._process.poll() is None, self.said
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"{self.url}/health/live")).status_code == 200
            except httpx.TransportError:
                return False


@asynccontextmanager
async def served(
    settings: Settings, directory: Path, *, open_files: int | None = None, at: str = "127.0.0.1", **extra: str
) -> AsyncIterator[ApiProcess]:
    """Run `chatlog api`, which may have so many files open; give it when it answers at an address."""
    process = ApiProcess(settings, directory, extra, open_files=open_files, at=at)
    try:
        await eventually(process.is_live)
        yield process
    finally:
        process.make_sure_it_is_gone()
