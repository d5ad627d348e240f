"""The last lines of a log, to show why its process ended."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LINES = 15


class LogTail:
    """The part of a log file that is written from now on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = path.stat().st_size if path.exists() else 0

    def told(self, *, with_path: bool) -> str:
        """Return the last lines, with the path for the rest if the file will be there to look at."""
        try:
            with self.path.open("rb") as log:
                log.seek(self._start)
                lines = deque(log, _LINES)
        except FileNotFoundError:
            lines = deque()
        text = b"".join(lines).decode(errors="replace").rstrip() or "(it wrote nothing)"
        return f"The end of its log{f', {self.path}' if with_path else ''}:\n{text}"
