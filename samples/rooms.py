"""A few events of each platform beside Messenger, and the messages that must come of them.

rooms.toml says what there is, README.md what each shows. This module only reads.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from models.ids import message_id

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """What one row of messages must hold.

    Attributes:
        source_id: the platform's own id.
        timestamp: when it was said; of one that is told several times, as it was told first.
        edited: since when it has that content; None if from the beginning.
        deleted: when it was taken back; True if the platform does not tell when.
    """

    source_id: str
    timestamp: int
    channel: str
    author_id: str | None
    role: str
    content: str
    message_type: str | None = None
    response_ms: int | None = None
    edited: int | None = None
    deleted: int | bool | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What was said and done on a platform.

    Attributes:
        platform: its name, and that of the directory.
        title: what it is called for people.
        events: in the order they came, each as it came.
        expected: the rows that must come of them, in the order of their times.
        dead_letters: how many of the events can never be stored.
    """

    platform: str
    title: str
    events: tuple[bytes, ...]
    expected: tuple[ExpectedMessage, ...]
    dead_letters: int

    @property
    def ids(self) -> list[str]:
        """The ids of the rows."""
        return [message_id(self.platform, row.source_id, row.timestamp) for row in self.expected]


@cache
def rooms() -> tuple[Room, ...]:
    """Return what there is, in the order of rooms.toml."""
    here = files("samples")
    index = tomllib.loads((here / "rooms.toml").read_text("utf-8"))
    return tuple(_read(here / entry["platform"], entry) for entry in index["room"])


def events_of(platform: str) -> tuple[bytes, ...]:
    """Return the events of a platform; none where there are no samples of it."""
    return tuple(event for room in rooms() if room.platform == platform for event in room.events)


def _read(directory: Traversable, about: dict[str, Any]) -> Room:
    return Room(
        about["platform"],
        about["title"],
        tuple(_lines(directory / "events.txt")),
        tuple(ExpectedMessage(**json.loads(line)) for line in _lines(directory / "expected.jsonl")),
        about["dead_letters"],
    )


def _lines(file: Traversable) -> list[bytes]:
    # Not splitlines(): an event may hold a carriage return.
    return [line for line in file.read_bytes().split(b"\n") if line]
