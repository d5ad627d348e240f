"""The data directory of a service: made if it is missing, and claimed by one process at a time."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from app.local.embedded.errors import AlreadyRunningError, DirectoryError

#: Others may pass through, which PostgreSQL needs where root lends it a user, but not look around.
_PASSABLE = 0o711

#: How long children of a parent that was just killed may take to end.
_LEFTOVERS_TIMEOUT_S = 2.0


class DirectoryClaim:
    """The right to run a service on a directory, held by a lock on the file `lock` in it.

    The lock belongs to an open file, which the service inherits (`fd`): it is free only when this claim is
    released *and* no process of the service lives, also after the parent was killed.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    async def take(cls, directory: Path, service: str) -> Self:
        """Claim `directory` for `service`, making it if it is missing.

        Raises:
            AlreadyRunningError: another process has it.
            DirectoryError: it cannot be made or written.
        """
        claim = cls(_open_lock(directory, service))
        try:
            await claim._lock()
        except BlockingIOError:
            holder = os.pread(claim.fd, 20, 0).decode().strip() or "unknown"
            claim.release()
            raise AlreadyRunningError(
                f"{service} already runs on {directory}, started by process {holder}: stop that one, or "
                "choose another directory"
            ) from None
        except BaseException:
            claim.release()
            raise
        os.ftruncate(claim.fd, 0)
        os.pwrite(claim.fd, f"{os.getpid()}\n".encode(), 0)
        return claim

    @retry(
        retry=retry_if_exception_type(BlockingIOError),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(_LEFTOVERS_TIMEOUT_S),
        reraise=True,
    )
    async def _lock(self) -> None:
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Give the directory up; a second call does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Make a directory that any service can use, and remove it with all it holds at the end."""
    with tempfile.TemporaryDirectory(prefix="chatlog-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(_PASSABLE)
        yield directory


def _open_lock(directory: Path, service: str) -> int:
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True)
            directory.chmod(_PASSABLE)
        return os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DirectoryError(
            f"{service} cannot use the directory {directory} ({error.strerror}): choose one that you can "
            "write"
        ) from None
