"""Reads the log files of the VRChat client as they grow, and remembers how far, and in which room it was.

Pure but for reading: what a piece of a file comes to is `events_in`. A line is known by its file and the byte
at which it begins, so that whoever reads it again hands in the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson

from app.connect.handing_in import RawEvent
from models.platforms.vrchat import key_of
from models.platforms.vrchat_log import LOCATION, read_log_line
from models.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: The client names a file after when it was started, so that names sort by time.
LOG_FILES = "output_log_*.txt"
#: How much is read at a time.
PIECE_BYTES = 1024 * 1024


class LogPlace(NamedTuple):
    """How far a file was read.

    Attributes:
        offset: the first byte that was not.
        location: the room that the client was in there; None for none yet.
    """

    offset: int = 0
    location: str | None = None


def events_in(
    file: str, piece: bytes, place: LogPlace, zone_of: Callable[[str], str]
) -> tuple[list[RawEvent], LogPlace]:
    """Return the lines of a piece that tell of presence or of a room, wrapped; and where the next one begins.

    The rest of the log (errors, addresses, avatars) tells of nobody's coming and going, and is left where it
    is. What has no end yet is read when it has.

    Args:
        file: the file's name.
        piece: what there is from `place` on.
        place: where it begins.
        zone_of: returns the zone of a local time, `2026-03-02T19:04:11`.
    """
    events = []
    offset, location = place
    for raw in piece.split(b"\n")[:-1]:
        line = decode_text(raw.removesuffix(b"\r"))
        if (told := read_log_line(line)) is not None:
            wrapped = orjson.dumps(
                {
                    "source": "log",
                    "file": file,
                    "offset": offset,
                    "zone": zone_of(told.local_time),
                    "location": location,
                    "line": line,
                }
            )
            events.append(RawEvent(key_of(wrapped), wrapped))
            if told.op == LOCATION:
                location = told.location
        offset += len(raw) + 1
    return events, LogPlace(offset, location)


def machine_zone(local_time: str) -> str:
    """Return the difference from UTC that this machine had at a local time: `+01:00`."""
    return datetime.fromisoformat(local_time).astimezone().isoformat()[-6:]


@dataclass(frozen=True, slots=True)
class Places:
    """How far each file was read, in a file of our own.

    Attributes:
        path: of that file.
    """

    path: Path

    def load(self) -> dict[str, LogPlace] | None:
        """Return them by file; None where none were ever saved.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is none of ours.
        """
        if not self.path.exists():
            return None
        told = orjson.loads(self.path.read_bytes())
        return {file: LogPlace(int(place["offset"]), place["location"]) for file, place in told.items()}

    def save(self, places: Mapping[str, LogPlace]) -> None:
        """Save them, whole or not at all.

        Raises:
            OSError: the disk does not take them.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(orjson.dumps({name: place._asdict() for name, place in places.items()}))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def read_piece(path: Path, offset: int) -> bytes:
    """Return what a file has from a byte on, up to `PIECE_BYTES`, and a whole line at least if there is one.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(offset)
        piece = file.read(PIECE_BYTES)
        return piece + file.readline() if len(piece) == PIECE_BYTES and b"\n" not in piece else piece
