"""Where `chatlog export` writes: a file that is whole or not there, or standard output.

Writing is done in a thread, so that a slow disk holds up nothing but the export.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class FileExists(ChatlogError):
    """There is such a file, and nobody said that it may be replaced."""

    must_act = MustAct.CALLER

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already: name another with -o, or use --force")


class Target(Protocol):
    """Takes the bytes of an export, between `async with` and its end."""

    async def __aenter__(self) -> Self:
        """Get ready."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep what was written, or nothing if there is an error."""

    async def write(self, data: bytes) -> None:
        """Return when the next bytes are written."""


class NewFile:
    """A file that gets its name when it is complete; until then, that name with `.part` behind it.

    Args:
        path: where it will be.
        replace: whether to take the place of one that is there.

    Raises:
        FileExists: when entered or left, if one is there that must not be replaced.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._replace = replace
        self._file: BinaryIO | None = None

    async def __aenter__(self) -> Self:
        """Begin the file."""
        self._check()
        self._file = self._part.open("wb")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the file its name, or remove it if there is an error."""
        try:
            self._open.close()
            if error is None:
                self._check()
                self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)

    async def write(self, data: bytes) -> None:
        """Return when the next bytes are written."""
        await asyncio.to_thread(self._open.write, data)

    @property
    def _open(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError("entered before it is written")
        return self._file

    def _check(self) -> None:
        if self._path.exists() and not self._replace:
            raise FileExists(self._path)


class StandardOutput:
    """Standard output, past Python's buffer: that would complain of a closed pipe once more."""

    async def __aenter__(self) -> Self:
        """Nothing is to be made."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Whoever reads it has it already; the exit status says whether that is all."""

    async def write(self, data: bytes) -> None:
        """Return when the next bytes are written."""
        await asyncio.to_thread(_write_all, sys.stdout.fileno(), data)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
