"""A few complete survey conversations, as a bot's topics hold them, and what must come of them.

For `chatlog up` and for tests. README.md says what each conversation shows; `samples.surveys` whose they are.
This module only reads: where the records are played to is the caller's matter.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from models.entries import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

#: userid, timestamp in ms, direction: the primary key of a row.
Key = tuple[str, int, Direction]


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """One record of the events topic or the state topic.

    Attributes:
        userid: its key.
        value: its value, byte for byte; not always JSON.
        timestamp_ms: when it came into being; for an event that cannot be read, the time of the one before.
    """

    userid: str
    value: bytes
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """What one row of chat_log must hold; `raw_payload` and `metadata` are the event and the state's `md`."""

    userid: str
    pageid: str | None
    timestamp: int
    direction: Direction
    message_type: str | None
    question_ref: str | None
    shortcode: str | None
    surveyid: str | None
    content: str

    @property
    def key(self) -> Key:
        """The primary key."""
        return (self.userid, self.timestamp, self.direction)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one person and one bot said, and all else that came with it.

    Attributes:
        name: the directory it is kept in.
        person: who talks to the bot.
        page: what the bot is called.
        userid: the person's id, and the key of all records.
        events: in the order they came.
        states: in the order they were made.
        expected: the rows that must come of it, in order, where nothing is known of surveys.
        dead_letters: how many of the events can never be stored.
        looked_up: the survey of those rows that name a form but no survey, where `samples.surveys` are known.
    """

    name: str
    person: str
    page: str
    userid: str
    events: tuple[SampleRecord, ...]
    states: tuple[SampleRecord, ...]
    expected: tuple[ExpectedRow, ...]
    dead_letters: int
    looked_up: str | None

    @property
    def expected_with_surveys(self) -> tuple[ExpectedRow, ...]:
        """The rows that must come of it where the surveys of the samples are in the database."""
        return tuple(
            replace(row, surveyid=self.looked_up) if row.shortcode and row.surveyid is None else row
            for row in self.expected
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of all conversations together."""

    entries: frozenset[Key]
    dead_letters: int


@cache
def conversations(*, media: bool = False) -> tuple[Conversation, ...]:
    """Return every sample conversation, in the order of their beginnings.

    Args:
        media: whether what must come of them is all that people see, as with `CAPTURE_MEDIA`.
    """
    here = files(__package__)
    index = tomllib.loads((here / "conversations.toml").read_text("utf-8"))
    return tuple(_read(here / entry["name"], entry, media=media) for entry in index["conversation"])


def events() -> list[SampleRecord]:
    """Return the events of all conversations, in the order of their times."""
    return _by_time(record for conversation in conversations() for record in conversation.events)


def states() -> list[SampleRecord]:
    """Return the states of all conversations, in the order of their times."""
    return _by_time(record for conversation in conversations() for record in conversation.states)


def expected(*, media: bool = False) -> Expected:
    """Return what must arrive when all events and states have been played; `media` as for `conversations`."""
    return Expected(
        frozenset(row.key for conversation in conversations(media=media) for row in conversation.expected),
        sum(conversation.dead_letters for conversation in conversations()),
    )


def _read(directory: Traversable, about: dict[str, Any], *, media: bool) -> Conversation:
    userid = about["userid"]
    rows = [_expected_row(line) for line in _lines(directory / "expected.jsonl")]
    if media and (directory / "expected_media.jsonl").is_file():
        rows += [_expected_row(line) for line in _lines(directory / "expected_media.jsonl")]
        rows.sort(key=lambda row: row.timestamp)
    return Conversation(
        name=about["name"],
        person=about["person"],
        page=about["page"],
        userid=userid,
        events=tuple(_records(directory / "events.jsonl", userid, "timestamp")),
        states=tuple(_records(directory / "states.jsonl", userid, "updated")),
        expected=tuple(rows),
        dead_letters=about["dead_letters"],
        looked_up=about.get("looked_up"),
    )


def _records(file: Traversable, userid: str, time_field: str) -> list[SampleRecord]:
    records: list[SampleRecord] = []
    timestamp_ms = 0
    for line in _lines(file):
        try:
            timestamp_ms = json.loads(line)[time_field]
        except ValueError:
            # Broken on purpose; it came right after the one before.
            timestamp_ms = records[-1].timestamp_ms
        records.append(SampleRecord(userid, line, timestamp_ms))
    return records


def _expected_row(line: bytes) -> ExpectedRow:
    row = json.loads(line)
    return ExpectedRow(**row | {"direction": Direction(row["direction"])})


def _lines(file: Traversable) -> list[bytes]:
    # Not splitlines(): a broken record may hold a carriage return.
    return [line for line in file.read_bytes().split(b"\n") if line]


def _by_time(records: Iterable[SampleRecord]) -> list[SampleRecord]:
    return sorted(records, key=lambda record: record.timestamp_ms)
