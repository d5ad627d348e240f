"""`faust -A app worker` is `chatlog worker`: the same log, the same statuses, and nothing of Faust's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from app.local.embedded import free_port
from tests.looking import get_from
from tests.services import as_environment, eventually
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.settings import Settings

FAUST = CHATLOG.with_name("faust")
OURS: list[Path | str] = [CHATLOG, "worker", "persist"]
THEIRS: list[Path | str] = [FAUST, "-A", "app", "worker"]
#: What is another one each time: times, ports, process ids.
_VARIES = re.compile(r"\d+")


def start(
    settings: Settings, command: Sequence[Path | str], log: Path, **variables: str
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **as_environment(settings), "CHATLOG_ROLE": "persist", **variables}
    with log.open("wb") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


async def whole_life(settings: Settings, command: Sequence[Path | str], log: Path, **variables: str) -> int:
    """Run a worker until it is ready, stop it, and return its status."""
    port = free_port()
    process = start(settings, command, log, WEB_PORT=str(port), **variables)
    try:
        await eventually(lambda: is_ready(port))
        process.send_signal(signal.SIGTERM)
        return process.wait(60)
    finally:
        process.kill()
        process.wait()


async def is_ready(port: int) -> bool:
    try:
        return (await get_from(port, "/health/ready")).status == 200
    except OSError:
        return False


@pytest.mark.parametrize(("level", "form"), [("INFO", "text"), ("INFO", "json"), ("WARNING", "text")])
async def test_both_say_the_same_and_end_the_same(
    system: Settings, tmp_path: Path, level: str, form: str
) -> None:
    logs = [tmp_path / "chatlog.log", tmp_path / "faust.log"]
    statuses = [
        await whole_life(system, command, log, LOG_LEVEL=level, LOG_FORMAT=form)
        for command, log in zip((OURS, THEIRS), logs, strict=True)
    ]
    said = [_VARIES.sub("0", log.read_text("utf-8")) for log in logs]
    assert statuses == [0, 0]
    assert said[0] == said[1]
    assert all(line.isprintable() for line in said[0].splitlines())
    assert ("Look inside at" in said[0]) == (level == "INFO")
    assert bool(said[0]) == (level == "INFO")


async def test_a_level_that_is_given_to_faust_counts(system: Settings, tmp_path: Path) -> None:
    log = tmp_path / "faust.log"
    assert await whole_life(system, [*THEIRS, "-l", "info"], log, LOG_LEVEL="ERROR") == 0
    assert "Look inside at" in log.read_text("utf-8")


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [
        ({"VLAB_ENV": "without-topics"}, 1, "The worker cannot start"),
        ({"KAFKA_BOOTSTRAP_SERVERS": ""}, 2, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        ({"WEB_TOKN": "x"}, 2, "did you mean WEB_TOKEN?"),
        ({"CHATLOG_ROLE": "capture", "VLAB_CHAT_LOG_TOPIC": ""}, 0, "capture is off: "),
    ],
)
def test_what_cannot_start_ends_the_same(
    settings: Callable[..., Settings], tmp_path: Path, variables: dict[str, str], status: int, said: str
) -> None:
    ours: list[Path | str] = [CHATLOG, "worker", variables.get("CHATLOG_ROLE", "persist")]
    for command in (ours, THEIRS):
        log = tmp_path / "log"
        process = start(settings(), command, log, **variables)
        assert process.wait(90) == status
        assert said in log.read_text("utf-8")
        assert "Traceback" not in log.read_text("utf-8")
