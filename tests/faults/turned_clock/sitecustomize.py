"""Turns the wall clock of the Python process that loads this, by what a file says at the time."""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

_seconds = struct.Struct("d")
with Path(os.environ["CHATLOG_TEST_CLOCK"]).open("rb") as _file:
    _wrong_by = mmap.mmap(_file.fileno(), 0, access=mmap.ACCESS_READ)

_time, _time_ns = time.time, time.time_ns


def _turned_time() -> float:
    return _time() + float(_seconds.unpack_from(_wrong_by)[0])


def _turned_time_ns() -> int:
    return _time_ns() + int(_seconds.unpack_from(_wrong_by)[0] * 1_000_000_000)


time.time, time.time_ns = _turned_time, _turned_time_ns
