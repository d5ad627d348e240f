"""Where a run keeps its data and logs: the directory that was asked for, or one that goes with it."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from app.local.embedded import scratch_directory
from app.local.embedded.directory import DirectoryClaim
from app.local.errors import UpFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


class RunDirectory:
    """The directory of one run, which no other run has at the same time.

    Attributes:
        path: the directory.
        is_kept: whether it is there for another run.
        claim_fd: an open file that keeps the claim; a child that inherits it keeps it too.
    """

    def __init__(self, path: Path, claim_fd: int, *, is_kept: bool) -> None:
        self.path = path
        self.claim_fd = claim_fd
        self.is_kept = is_kept

    @property
    def logs(self) -> Path:
        """Where the workers' logs are."""
        return self.path / "logs"


@asynccontextmanager
async def run_directory(chosen: Path | None) -> AsyncIterator[RunDirectory]:
    """Claim the directory that was chosen, or make one and remove it at the end.

    Raises:
        AlreadyRunningError: another run has it.
        DirectoryError, UpFailed: it cannot be written.
    """
    with _path(chosen) as path:
        claim = await DirectoryClaim.take(path, "chatlog")
        try:
            directory = RunDirectory(path, claim.fd, is_kept=chosen is not None)
            _make(directory.logs)
            yield directory
        finally:
            claim.release()


@contextmanager
def _path(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen.absolute()
        return
    with ExitStack() as stack:
        try:
            path = stack.enter_context(scratch_directory())
        except OSError as error:
            raise UpFailed(
                f"No temporary directory can be made ({error.strerror}): set TMPDIR to a directory that you "
                "can write, or name one with --data"
            ) from None
        yield path


def _make(directory: Path) -> None:
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise UpFailed(f"Cannot write {directory} ({error.strerror}): choose another directory") from None
