"""What comes of the samples of other platforms, by their extractors alone, is what was worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from models.errors import BadRecord
from models.messages import UNKNOWN, Clear, Deletion, Edit, Message
from models.platforms import PLATFORMS, WITHOUT_STATE
from samples.rooms import ExpectedMessage, rooms

if TYPE_CHECKING:
    from models.messages import Extraction, Found
    from samples.rooms import Room

each_room = pytest.mark.parametrize("room", rooms(), ids=lambda room: room.platform)


@dataclass
class Story:
    """What is there when all was told, by the platform's ids; of several tellings, the first counts."""

    rows: dict[str, ExpectedMessage] = field(default_factory=dict)
    dead_letters: int = 0
    kinds: set[str] = field(default_factory=set)

    def tell(self, extraction: Extraction) -> None:
        self.kinds.add(extraction.kind)
        for found in extraction.found:
            self._take(found)

    def _take(self, found: Found) -> None:
        if isinstance(found, Message):
            self.rows.setdefault(found.source_id, _row(found))
        elif isinstance(found, Edit):
            row = self.rows[found.source_id]
            self.rows[found.source_id] = _changed(
                row,
                content=found.content,
                message_type=found.message_type,
                edited=found.edited or row.edited,
            )
        elif isinstance(found, Deletion):
            row = self.rows[found.source_id]
            self.rows[found.source_id] = _changed(row, deleted=row.deleted or found.deleted or True)
        elif isinstance(found, Clear):
            for source_id, row in self.rows.items():
                is_meant = (row.channel, row.author_id) == (found.channel, found.author_id)
                if is_meant and row.timestamp <= found.cleared and not row.deleted:
                    self.rows[source_id] = _changed(row, deleted=found.cleared)


def _row(found: Message) -> ExpectedMessage:
    return ExpectedMessage(
        found.source_id,
        found.timestamp,
        found.channel,
        found.author_id,
        found.role.value,
        found.content,
        found.message_type,
        found.response_ms,
    )


def _changed(row: ExpectedMessage, **values: object) -> ExpectedMessage:
    said = {name: getattr(row, name) for name in ExpectedMessage.__dataclass_fields__}
    return ExpectedMessage(**said | values)


def _story(room: Room) -> Story:
    story = Story()
    for event in room.events:
        try:
            extraction = PLATFORMS[room.platform].extract(event)
        except BadRecord:
            story.dead_letters += 1
        else:
            story.tell(extraction)
    return story


@each_room
def test_what_comes_of_a_room_is_what_was_worked_out_by_hand(room: Room) -> None:
    story = _story(room)

    assert {row.source_id: row for row in room.expected} == story.rows
    assert story.dead_letters == room.dead_letters


@each_room
def test_every_event_of_a_channel_that_says_so_has_the_key_of_its_channel(room: Room) -> None:
    keys = {PLATFORMS[room.platform].key_of(event) for event in room.events}

    assert keys & {row.channel for row in room.expected}


def test_every_platform_has_samples_and_kinds_that_are_not_known() -> None:
    assert sorted(room.platform for room in rooms()) == sorted(WITHOUT_STATE)
    assert {room.platform for room in rooms() if UNKNOWN in _story(room).kinds} >= {"twitch", "discord"}


def test_there_are_as_many_events_as_the_readme_says() -> None:
    counts = (
        sum(len(room.events) for room in rooms()),
        sum(len(room.expected) for room in rooms()),
        sum(room.dead_letters for room in rooms()),
    )

    assert counts == (82, 55, 2)
