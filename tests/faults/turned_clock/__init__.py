"""A clock that a test can turn while a worker runs: the wall clock only, as time synchronisation does.

The directory goes onto the worker's PYTHONPATH; Python then loads its `sitecustomize` before anything else.
The monotonic clock goes on, as that of the system does.
"""

from __future__ import annotations

import struct
from pathlib import Path

DIRECTORY = Path(__file__).parent
#: Names the file that holds by how many seconds the clock is wrong.
VARIABLE = "CHATLOG_TEST_CLOCK"
_SECONDS = struct.Struct("d")


class Clock:
    """The hand that turns it.

    Args:
        file: where to note how wrong the clock is; made here, at 0.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(_SECONDS.pack(0.0))
        self.environment = {"PYTHONPATH": str(DIRECTORY), VARIABLE: str(file)}

    def turn(self, seconds: float) -> None:
        """Make the clock wrong by so many seconds, at once; 0 sets it right."""
        # In place: the worker has the file mapped.
        with self._file.open("r+b") as file:
            file.write(_SECONDS.pack(seconds))
