"""DATA_DIR: made by a worker that keeps tables in it, and needed by no other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from app.settings import Role, Settings
from tests.looking import ready

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers import Workers

#: Nobody can make a directory here, whoever runs the tests.
NOWHERE = "/proc/chatlog"
#: As the image under another user: root may write everywhere else, too.
UNPRIVILEGED = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
    if os.geteuid() == 0
    else ()
)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A directory that we may look into, and no more."""
    made = tmp_path / "theirs"
    made.mkdir(mode=0o555)
    return made


@pytest.mark.parametrize(("role", "store"), [(Role.CAPTURE, "memory"), (Role.PERSIST, "rocksdb")])
async def test_who_keeps_no_table_in_files_needs_no_directory(
    system: Settings, workers: Workers, role: Role, store: str
) -> None:
    worker = workers.start(role, extra={"DATA_DIR": NOWHERE, "TABLE_STORE": store})

    await ready(worker)
    assert worker.stop() == 0


async def test_nothing_is_left_where_no_table_is_kept(
    system: Settings, workers: Workers, tmp_path: Path
) -> None:
    worker = workers.start(Role.CAPTURE, extra={"DATA_DIR": str(tmp_path / "tables")})

    await ready(worker)
    assert worker.stop() == 0
    assert not (tmp_path / "tables").exists()


async def test_a_table_in_files_makes_its_directory(
    system: Settings, workers: Workers, tmp_path: Path
) -> None:
    where = tmp_path / "one" / "two"
    worker = workers.start(Role.CAPTURE, extra={"DATA_DIR": str(where), "TABLE_STORE": "rocksdb"})

    await ready(worker)
    assert worker.stop() == 0
    assert list(where.rglob("*.db"))


@pytest.mark.parametrize("within", ["", "below"])
def test_a_directory_that_cannot_be_written_is_named_with_what_to_do(
    system: Settings, workers: Workers, theirs: Path, within: str
) -> None:
    where = theirs / within
    extra = {"DATA_DIR": str(where), "TABLE_STORE": "rocksdb"}
    worker = workers.start(Role.CAPTURE, extra=extra, launcher=UNPRIVILEGED)

    assert worker.wait() == 2
    log = worker.said
    assert f"DATA_DIR={where}: " in log
    assert "TABLE_STORE=memory" in log
    assert "Traceback" not in log
