"""The worker processes of a run: started, waited for until they are ready, asked what they did, stopped.

Each is in a session of its own, so that a Ctrl-C in the terminal reaches `chatlog up` alone, which then stops
them in order; and each ends with `chatlog up`, even when that is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from app.embedded import launch
from app.embedded.ports import LOOPBACK
from app.up.environment import environment_of_worker
from app.up.errors import UpFailed
from app.up.log_tail import LogTail

if TYPE_CHECKING:
    from app.settings import Role, Settings
    from app.up.directory import RunDirectory
    from app.up.ports import WebPort

#: A worker is ready in 3 to 5 s on an idle machine.
READY_TIMEOUT_S = 60.0
#: Longer than the worker's own deadline (`app.worker_app.STOP_DEADLINE_S`), after which it is killed.
STOP_TIMEOUT_S = 12.0
REQUEST_TIMEOUT_S = 5.0
_POLL_S = 0.1

_ALL_INTERFACES = {"0.0.0.0", "::"}  # noqa: S104 - compared with, never bound to

#: With -P, for a module of the working directory must not come before ours.
_COMMAND = (sys.executable, "-P", "-c", "from app.commands import main; main()", "worker")


class Worker:
    """One worker process of one role."""

    def __init__(self, role: Role, settings: Settings, port: WebPort, directory: RunDirectory) -> None:
        """Describe the worker; nothing is started.

        Args:
            role: what it does.
            settings: as the worker shall read them.
            port: for its web views; released when the worker is stopped.
            directory: where its log is added to.
        """
        self.name = f"The {role} worker"
        self._role = role
        self._settings = settings
        self._port = port
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._log = LogTail(directory.logs / f"{role}.log")

    @property
    def url(self) -> str:
        """Where its web views are."""
        host = self._settings.web_host
        reachable = LOOPBACK if host in _ALL_INTERFACES else host
        return str(URL.build(scheme="http", host=reachable, port=self._port.number))

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start the process."""
        # The launcher asks the kernel to end the worker with this process, as for the embedded services.
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
                *_COMMAND,
                self._role.value,
                env=environment_of_worker(self._settings, self._port.number),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._directory.claim_fd],
            )

    async def until_ready(self) -> None:
        """Return when the worker is ready for work.

        Raises:
            UpFailed: it ended, or was not ready in time.
        """
        last_answer = "it did not answer"
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while (answer := await self._ask("/health/ready"))[0] != HTTPStatus.OK:
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

    async def counters(self) -> dict[str, int]:
        """Return what the worker has counted since it started; empty if it does not answer."""
        status, text = await self._ask("/api/overview")
        return dict(json.loads(text)["counters"]) if status == HTTPStatus.OK else {}

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
        self._port.release()

    def _last_words(self) -> str:
        return self._log.told(with_path=self._directory.is_kept)

    async def _ask(self, path: str) -> tuple[int | None, str]:
        """Return the status and the body of an answer; no status if there is none."""
        token = self._settings.web_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                session.get(f"{self.url}{path}") as response,
            ):
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, ""
