"""A service ends with the process that started it, even when that is killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.local.embedded.processes import family_of, lives
from tests.services import eventually

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from app.local.embedded import {service}

async def main():
    async with {service}(Path(sys.argv[1])) as service:
        print(service.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("service", ["EmbeddedPostgres", "EmbeddedKafka"])
async def test_a_parent_killed_with_9_leaves_no_child(service: str, service_directory: Path) -> None:
    parent, child = await _start(service, service_directory / "data")
    family = family_of(child.pid)
    assert os.getpgid(child.pid) == child.pid != os.getpgid(parent.pid)

    parent.kill()
    await parent.wait()

    await eventually(lambda: not any(map(lives, family)), what="all of the service's processes end")


async def test_the_next_parent_starts_at_once_and_ctrl_c_ends_both(service_directory: Path) -> None:
    first, _ = await _start("EmbeddedPostgres", service_directory / "data")
    first.kill()
    await first.wait()

    # On a busy machine the server may end later than the next one waits for it.
    second, child = await eventually(lambda: _start("EmbeddedPostgres", service_directory / "data"))
    second.send_signal(signal.SIGINT)
    await second.wait()

    assert not lives(child)


async def _start(service: str, directory: Path) -> tuple[asyncio.subprocess.Process, psutil.Process]:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PROGRAM.format(service=service),
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    pid = await parent.stdout.readline()
    assert pid, "it did not start"
    return parent, psutil.Process(int(pid))
