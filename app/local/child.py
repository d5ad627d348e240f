"""A process of a run that answers over HTTP: started, waited for until it is ready, asked, stopped.

Each is in a session of its own, so that a Ctrl-C in the terminal reaches `chatlog up` alone, which then stops
them in order; and each ends with `chatlog up`, even when that is killed. What they do: `workers`, `api`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from app.local.embedded import launch
from app.local.errors import UpFailed
from app.local.log_tail import LogTail
from models.hosts import reached_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.local.directory import RunDirectory
    from app.local.ports import Port

#: A process is ready in 3 to 5 s on an idle machine.
READY_TIMEOUT_S = 180.0
#: Longer than a worker's own deadline (`app.worker.app.STOP_DEADLINE_S`), after which it is killed.
STOP_TIMEOUT_S = 12.0
REQUEST_TIMEOUT_S = 5.0
_POLL_S = 0.1

#: With -P, for a module of the working directory must not come before ours.
_CHATLOG = (sys.executable, "-P", "-c", "from app.commands import main; main()")


class Child:
    """One process that runs a subcommand of `chatlog`.

    Args:
        name: what messages call it.
        command: the subcommand with its arguments.
        environment: all its variables.
        host: where it listens.
        port: at which it listens, if it does; released when the process is stopped.
        directory: where its log is added to.
        log: under which name; by default the command's last word.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        host: str,
        port: Port | None,
        directory: RunDirectory,
        log: str | None = None,
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._host = host
        self._port = port
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._log = LogTail(directory.logs / f"{log or command[-1]}.log")

    @property
    def url(self) -> str:
        """Where it answers."""
        if self._port is None:
            raise UpFailed(f"{self.name} listens nowhere")
        return str(URL.build(scheme="http", host=reached_at(self._host), port=self._port.number))

    @property
    def readiness(self) -> str:
        """What is said of it when it is ready."""
        return f"{self.name} is ready: {self.url}"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start the process."""
        # The launcher asks the kernel to end the child with this process, as for the embedded services.
        launcher = [
            sys.executable,
            "-I",
            "-S",
            launch.__file__,
            str(os.getpid()),
            str(int(signal.SIGKILL)),
            "",
        ]
        with self._log.path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launcher,
                *_CHATLOG,
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._directory.claim_fd],
            )

    async def until_ready(self) -> None:
        """Return when it is ready for work.

        Raises:
            UpFailed: it ended, or was not ready in time.
        """
        last_answer = "it did not answer"
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while (answer := await self.ask("/health/ready"))[0] != HTTPStatus.OK:
                    self.check()
                    last_answer = answer[1] or last_answer
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise UpFailed(
                f"{self.name} was not ready within {READY_TIMEOUT_S:.0f} s ({last_answer}). "
                f"{self._last_words()}"
            ) from None
        self.check()

    def check(self) -> None:
        """Make sure that the process lives.

        Raises:
            UpFailed: it ended; tells how, and the last lines of its log.
        """
        if not self.running:
            status = self._process.returncode if self._process else None
            raise UpFailed(f"{self.name} ended by itself with status {status}. {self._last_words()}")

    async def ask(self, path: str, token: str | None = None) -> tuple[int | None, str]:
        """Return the status and the body of an answer; no status if there is none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                session.get(f"{self.url}{path}") as response,
            ):
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, ""

    async def stop(self) -> None:
        """Stop the process in good order, or kill it when it takes too long or this is cancelled."""
        try:
            if self.running and self._process is not None:
                self._process.terminate()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End the process and all that descends from it at once; a second call does nothing."""
        if self.running and self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._port is not None:
            self._port.release()

    def _last_words(self) -> str:
        return self._log.told(with_path=self._directory.is_kept)
