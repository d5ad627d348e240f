"""A contender in a process of its own, watched from outside: CPU time and memory, with the time of day.

It ends with this process, whatever happens to that. What it is made to do, and how fast it was, is not known
here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from bisect import bisect_left
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
import psutil

from app.local.embedded import free_port, launch
from app.local.environment import environment_of_worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from app.settings import Role, Settings

#: How often CPU time and memory are noted.
SAMPLE_S = 0.2
#: A worker is ready in 3 to 5 s on an idle machine.
READY_S = 60.0
#: A worker stops within 9 s (`app.worker.app.STOP_DEADLINE_S`).
STOP_S = 15.0


class DidNotFinish(Exception):
    """A contender ended, or did not do its work in time; the message shows the end of its log."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process and its children had used at a time (seconds since 1970)."""

    at: float
    cpu_s: float
    rss_bytes: int


class Watch:
    """Watches a process and its children from outside, until it is ended.

    Attributes:
        samples: CPU and memory since it began, in order of time.
    """

    def __init__(self, pid: int) -> None:
        self._watched = pid
        self.samples: list[Sample] = []
        self._watching = asyncio.create_task(self._watch(), name=f"watch-{pid}")

    def end(self) -> None:
        """Watch no longer. Idempotent."""
        self._watching.cancel()

    def cpu_s(self, start: float, end: float) -> float:
        """Return the CPU seconds that it used between two times of day."""
        return self._cpu_at(end) - self._cpu_at(start)

    def peak_mb(self) -> float:
        """Return the most memory that it had at once, in MB (10^6 bytes)."""
        return max((sample.rss_bytes for sample in self.samples), default=0) / 1e6

    def _cpu_at(self, at: float) -> float:
        """Interpolate between the two samples around a time."""
        index = bisect_left(self.samples, at, key=lambda sample: sample.at)
        if index in {0, len(self.samples)}:
            return self.samples[min(index, len(self.samples) - 1)].cpu_s
        before, after = self.samples[index - 1], self.samples[index]
        share = (at - before.at) / (after.at - before.at)
        return before.cpu_s + share * (after.cpu_s - before.cpu_s)

    async def _watch(self) -> None:
        process = psutil.Process(self._watched)
        with suppress(psutil.NoSuchProcess):
            while True:
                self.samples.append(_sample(process))
                await asyncio.sleep(SAMPLE_S)


class Contender(Watch):
    """A running contender."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, web_port: int) -> None:
        super().__init__(process.pid)
        self.name = name
        self.web_port = web_port
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def check(self) -> None:
        """Return if it lives.

        Raises:
            DidNotFinish: it has ended.
        """
        if self._process.returncode is not None:
            raise DidNotFinish(
                f"{self.name} ended with status {self._process.returncode}:\n{self.last_lines()}"
            )

    async def until_ready(self, path: str = "/health/ready") -> None:
        """Return when it says that it is ready.

        Args:
            path: where it is asked.

        Raises:
            DidNotFinish: it ended, or was not ready in time.
        """
        url = f"http://127.0.0.1:{self.web_port}{path}"
        deadline = time.monotonic() + READY_S
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < deadline:
                self.check()
                with suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        if response.status == HTTPStatus.OK:
                            return
                await asyncio.sleep(SAMPLE_S)
        raise DidNotFinish(f"{self.name} was not ready within {READY_S:.0f} s:\n{self.last_lines()}")

    async def finished(self, timeout_s: float) -> str:
        """Return what it said last, when it has ended well.

        Raises:
            DidNotFinish: it ended otherwise, or not in time.
        """
        try:
            await asyncio.wait_for(self._process.wait(), timeout_s)
        except TimeoutError:
            raise DidNotFinish(
                f"{self.name} was not done within {timeout_s:.0f} s:\n{self.last_lines()}"
            ) from None
        if self._process.returncode:
            self.check()
        return self.last_lines()

    def last_lines(self) -> str:
        """Return the end of what it logged."""
        return self._log.read_text("utf-8", errors="replace")[-2000:]

    def complaints(self) -> str:
        """Return the last lines that it logged and that are more than notes."""
        lines = self._log.read_text("utf-8", errors="replace").splitlines()
        return "\n".join([line for line in lines if " INFO " not in line][-20:])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP and SIGCONT hold it and let it go on."""
        self._process.send_signal(number)

    async def stop(self) -> None:
        """End it in good order, or by force when that takes too long. Idempotent."""
        self.end()
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _sample(process: psutil.Process) -> Sample:
    # What children used that have ended is with the process itself.
    ended = process.cpu_times()
    cpu_s, rss_bytes = ended.children_user + ended.children_system, 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess), one.oneshot():
            times = one.cpu_times()
            cpu_s += times.user + times.system
            rss_bytes += one.memory_info().rss
    return Sample(time.time(), cpu_s, rss_bytes)


@asynccontextmanager
async def worker(role: Role, settings: Settings, directory: Path) -> AsyncIterator[Contender]:
    """Run `chatlog worker ROLE`, as operators do."""
    command = ["-P", "-c", "from app.commands import main; main()", "worker", role.value]
    async with _running(f"our {role} worker", command, settings, directory) as contender:
        yield contender


@asynccontextmanager
async def api(settings: Settings, directory: Path) -> AsyncIterator[Contender]:
    """Run `chatlog api`, as operators do; its `web_port` is where it listens."""
    command = ["-P", "-c", "from app.commands import main; main()", "api"]
    async with _running("our API", command, settings, directory) as contender:
        yield contender


@asynccontextmanager
async def command(arguments: Sequence[str], settings: Settings, directory: Path) -> AsyncIterator[Contender]:
    """Run `chatlog` with these arguments, as operators do."""
    ours = ["-P", "-c", "from app.commands import main; main()", *arguments]
    async with _running(f"chatlog {arguments[0]}", ours, settings, directory) as contender:
        yield contender


@asynccontextmanager
async def baseline(
    module: str, arguments: Sequence[object], settings: Settings, directory: Path
) -> AsyncIterator[Contender]:
    """Run a module of `benchmarks.contenders`."""
    command = ["-m", f"benchmarks.contenders.{module}", *map(str, arguments)]
    async with _running(f"the baseline {module}", command, settings, directory) as contender:
        yield contender


@asynccontextmanager
async def _running(
    name: str, command: Sequence[str], settings: Settings, directory: Path
) -> AsyncIterator[Contender]:
    web_port = free_port()
    log = directory / f"contender-{web_port}.log"
    # The launcher asks the kernel to end the contender with this process.
    launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(int(signal.SIGKILL)), ""]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *launcher,
            sys.executable,
            *command,
            env=environment_of_worker(
                settings.replace(worker={"data_dir": directory / f"data-{web_port}"}, api={"port": web_port}),
                web_port,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    contender = Contender(name, process, log, web_port)
    try:
        yield contender
    finally:
        await contender.stop()
