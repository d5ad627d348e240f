"""What a worker said before it ended: its warnings and errors, and its last lines."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: How many of each are kept.
WARNINGS = LAST_LINES = 15
#: The beginning of a log event of WARNING or above, as `app.logs.TextFormatter` writes it.
_WARNING = re.compile(r"[\dT:.-]+Z (WARNING|ERROR|CRITICAL) ")


@dataclass(frozen=True, slots=True)
class LastWords:
    """What a worker that ended by itself left.

    Attributes:
        worker: its name, by which its log is called.
        status: its exit status.
        lines: the last of its warnings and errors, then its last lines whatever they are; each line once.
    """

    worker: str
    status: int
    lines: tuple[str, ...]


def last_words_of(log: Path, status: int) -> LastWords:
    """Read them from the log of a worker that has ended with a status."""
    said = log.read_text(errors="replace").splitlines()
    before_the_last = said[:-LAST_LINES]
    warnings = deque(filter(_WARNING.match, before_the_last), maxlen=WARNINGS)
    return LastWords(log.stem, status, (*warnings, *said[-LAST_LINES:]))
