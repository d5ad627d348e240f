"""The life of an embedded service: claim the directory, prepare it once, start, answer, stop or be killed.

What is particular to one of them is in the classes that derive from `Service`.
"""

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from app.local.embedded.account import Account
from app.local.embedded.directory import DirectoryClaim
from app.local.embedded.errors import DirectoryError, StartError
from app.local.embedded.ports import check_port, free_port
from app.local.embedded.process import Process

#: A service is up in 0.3 to 3 s on an idle machine; a machine that is busy with tests takes a few times that.
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0
_POLL_S = 0.05


class Service(ABC):
    """One service on one data directory and one port of loopback.

    Use it as an async context manager, or `start()` and `stop()` it. It may be started again after it was
    stopped or killed: on the same port, with the same data. It is tied to no event loop, but ends with the
    thread that started it (see `Process`), and so with the process, however that ends.
    """

    name: ClassVar[str]
    _stop_signal: ClassVar[signal.Signals]
    _death_signal: ClassVar[signal.Signals]

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        """Describe the service; nothing is started.

        Args:
            directory: holds the data and the log, and nothing else; made if it is missing.
            port: where to listen on loopback; a free one is chosen if none is given.
        """
        self.directory = directory.absolute()
        self._port = port
        self._claim: DirectoryClaim | None = None
        self._process: Process | None = None

    @property
    def port(self) -> int:
        """The port of loopback that the service listens on, the same for every start."""
        if self._port is None:
            self._port = free_port()
        return self._port

    @property
    def log(self) -> Path:
        """The file that the service's output is added to."""
        return self.directory / f"{self.name.lower()}.log"

    @property
    def running(self) -> bool:
        """Whether the service's process lives."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The process id of the running service.

        Raises:
            StartError: it was not started.
        """
        if self._process is None:
            raise StartError(f"{self.name} is not running: start it first")
        return self._process.pid

    async def start(self) -> None:
        """Start the service and wait until it answers; a service that runs is left alone.

        Raises:
            EmbeddedError: it cannot be started; nothing of it is left running.
        """
        if self.running:
            return
        self._let_go()
        self._claim = await DirectoryClaim.take(self.directory, self.name)
        try:
            check_port(self.port, self.name)
            await self._prepare()
            self._process = self._launch()
            await self._until_it_answers(self._process)
        except OSError as error:
            await self.kill()
            raise DirectoryError(
                f"{self.name} cannot use {error.filename or self.directory} ({error.strerror}): mend that, "
                "or choose another directory"
            ) from None
        except BaseException:
            await self.kill()
            raise

    async def stop(self, *, deadline_s: float = STOP_TIMEOUT_S) -> None:
        """End the service in good order, or by force after `deadline_s`; a second call does nothing."""
        await self._stop_by(self._stop_signal, deadline_s)

    async def kill(self) -> None:
        """End the service at once with SIGKILL, as a crash would; a second call does nothing."""
        if self._process is not None:
            self._process.kill()
        self._let_go()

    async def restart(self) -> None:
        """Stop the service if it runs, and start it on the same port with the same data."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @abstractmethod
    async def _prepare(self) -> None:
        """Bring the directory to where the service can start on it; what is there already is kept."""

    @abstractmethod
    def _launch(self) -> Process:
        """Start the service's process, with `_spawn`."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Tell whether the service does its work; called again and again while it starts."""

    async def _stop_by(self, how: signal.Signals, deadline_s: float) -> None:
        try:
            if self._process is not None:
                await self._process.stop(how, deadline_s)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._process = None
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _spawn(
        self,
        command: Sequence[str | Path],
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        if self._claim is None:
            raise StartError(f"{self.name} has no claim on {self.directory}: use start()")
        return Process(
            command,
            directory=self.directory,
            log=self.log,
            account=account,
            environment=environment,
            death_signal=self._death_signal,
            inherited_fd=self._claim.fd,
        )

    async def _run(self, command: Sequence[str | Path], account: Account | None = None) -> None:
        """Run a command that prepares the directory, to its end."""
        process = self._spawn(command, account)
        try:
            ended = await process.wait(START_TIMEOUT_S)
        finally:
            process.kill()
        if not ended or process.status != 0:
            raise self._failure("could not prepare its data", process)

    async def _until_it_answers(self, process: Process) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await self._answers():
                    if not process.running:
                        raise self._failure("ended while starting", process)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise self._failure(f"did not answer within {START_TIMEOUT_S:.0f} s", process) from None

    def _failure(self, what: str, process: Process) -> StartError:
        return StartError(
            f"{self.name} {what}: mend what its log says, or choose another directory. The end of {self.log}:"
            f"\n{process.last_lines()}"
        )
