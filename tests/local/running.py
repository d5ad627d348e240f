"""Runs `chatlog up` as a person does, in a process of its own, and looks at what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping
    from signal import Signals

#: The command beside the interpreter that runs the tests.
CHATLOG = Path(sys.executable).with_name("chatlog")
#: A slow or busy machine takes several times the 20 s that an idle one does.
TIMEOUT_S = 240.0


class Up:
    """One run of `chatlog up`, with what it printed."""

    def __init__(
        self, directory: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it, in a directory without an `.env`."""
        self._output = directory / f"up-{len(list(directory.glob('up-*')))}.txt"
        scratch = directory / "scratch"
        scratch.mkdir(exist_ok=True)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [CHATLOG, "up", *arguments],
                cwd=directory,
                env={**os.environ, "TMPDIR": str(scratch), **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        # What is being written may end in the middle of a letter.
        return self._output.read_text("utf-8", "replace")

    async def until_printed(self, text: str) -> None:
        def is_printed() -> bool:
            assert self.process.poll() is None or text in self.output, self.output
            return text in self.output

        await eventually(is_printed, timeout_s=TIMEOUT_S, what=f"chatlog up prints {text!r}")

    async def until_ended(self) -> int:
        await eventually(lambda: self.process.poll() is not None, timeout_s=TIMEOUT_S, what="chatlog up ends")
        # For pytest to show when the test fails.
        sys.stdout.write(self.output)
        return int(self.process.returncode)

    async def stop_by(self, number: Signals) -> int:
        self.process.send_signal(number)
        return await self.until_ended()

    def addresses(self) -> dict[str, str]:
        """Return where each part is, as it was printed."""
        return dict(re.findall(r"✓ (.+?) (?:runs on|is ready:) (?:http://)?(\S+)", self.output))

    def family(self) -> list[psutil.Process]:
        """Return every process that descends from it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def parts(self) -> set[str]:
        """Return the words of the commands of its processes, among them what each worker does."""
        words: set[str] = set()
        for process in self.family():
            # It may have ended since it was listed.
            with suppress(psutil.NoSuchProcess):
                words.update(process.cmdline())
        return words

    async def kill(self) -> None:
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    def counted(self, what: str) -> int:
        """Return a number of the summary."""
        (line,) = [line for line in self.output.splitlines() if line.startswith(f"{what} ")]
        return int(line.removeprefix(what).strip())
