"""One child process: it ends with its parent, is stopped with a deadline, and killed with all its kin.

Knows nothing of what the child is. It is in a session of its own, so a Ctrl-C in the terminal reaches the
parent alone, which then stops the child in good order.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.local.embedded import launch
from app.local.embedded.account import Account
from app.local.embedded.packages import require

#: A clean environment: JAVA_TOOL_OPTIONS, PGOPTIONS and the like are meant for other programs.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
#: But some Pythons, which the launcher runs on, find their own library by this.
_PASSED_ON = "LD_LIBRARY_PATH"

_POLL_S = 0.02
#: The kernel ends what it killed within milliseconds, but for a disk that does not answer.
_KILLED_TIMEOUT_S = 1.0
_LOG_TAIL_LINES = 12


class Process:
    """A running child. Its output goes to the end of a log file.

    The kernel ties the child to the *thread* that makes this object: make it in one that lives as long as
    the child should, such as the main thread or the one that runs the event loop.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        directory: Path,
        log: Path,
        account: Account | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        environment: Mapping[str, str] | None = None,
        inherited_fd: int,
    ) -> None:
        """Start the child.

        Args:
            command: the program, by its absolute path, and its arguments.
            directory: the child's working directory.
            log: the file its output is added to.
            account: the user to run it as, if not the present one.
            environment: variables of its own; where a secret goes, as all can see the command.
            death_signal: what it gets when the parent dies (Linux).
            inherited_fd: an open file that the child and its children keep open.
        """
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        passed_on = {name: value for name, value in os.environ.items() if name == _PASSED_ON}
        user = f"{account.uid}:{account.gid}" if account else ""
        launcher = [
            sys.executable,
            "-I",
            "-S",
            launch.__file__,
            str(os.getpid()),
            str(int(death_signal)),
            user,
        ]
        with log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 -- a command of ours, without a shell
                [*launcher, *map(str, command)],
                cwd=directory,
                env=_ENVIRONMENT | passed_on | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[inherited_fd],
            )

    @property
    def pid(self) -> int:
        """The child's process id; it stays the same from the launcher to the service."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child.poll() is None

    @property
    def status(self) -> int | None:
        """The child's exit status, negative for a signal, or nothing while it lives."""
        return self._child.poll()

    async def wait(self, timeout_s: float) -> bool:
        """Wait until the child has ended; tell whether it did within `timeout_s`."""
        # Polled rather than awaited: a child outlives the event loop that started it, as tests have it.
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.running:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def stop(self, how: signal.Signals, deadline_s: float) -> None:
        """Send the child `how`, and kill it if it lives `deadline_s` later, or if this is cancelled."""
        try:
            if self.running:
                self._child.send_signal(how)
                await self.wait(deadline_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the child and all that descends from it, at once, and reap it."""
        # By descent, not only by process group: each PostgreSQL backend makes a group of its own.
        psutil = require("psutil")
        kin = []
        if self.running:
            try:
                kin = psutil.Process(self.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                kin = []
            # Before the others, so that it does not see them die and begin to recover.
            os.killpg(self.pid, signal.SIGKILL)
        for relative in kin:
            try:
                relative.kill()
            except psutil.NoSuchProcess:
                continue
        self._child.wait()
        deadline = time.monotonic() + _KILLED_TIMEOUT_S
        while any(map(_lives, kin)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def last_lines(self) -> str:
        """Return the last lines that this child wrote to its log, or say that there are none."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = deque(log, _LOG_TAIL_LINES)
        return b"".join(lines).decode(errors="replace").strip() or "(it wrote nothing)"


def _lives(process: Any) -> bool:
    psutil = require("psutil")
    try:
        # An orphan that ended stays a zombie until process 1 takes notice of it.
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
