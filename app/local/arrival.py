"""What came of the samples: the rows of chat_log, the dead letters, and whether all has been worked off.

Only reads. What must come of them is told by `samples`, what came of them by PostgreSQL, and whether more can
come by the offsets that the workers' groups have committed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

import samples
from app.kafka.offsets import GroupOffsets
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from models.entries import Direction
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    import asyncpg

    from app.local.player import Played
    from app.settings import Settings
    from samples import Key
    from samples.rooms import Room

_POLL_S = 0.1
_SQL = statements("local")
_MESSAGES = _SQL.find_played_messages
_ROOM_MESSAGES = _SQL.find_played_room_messages
_DEAD_LETTERS = _SQL.find_played_dead_letters


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """One row of chat_log, as far as it is shown."""

    userid: str
    said_at: datetime
    direction: Direction
    content: str
    message_type: str | None = None

    @property
    def key(self) -> Key:
        """The primary key, the time in ms."""
        return (self.userid, round(self.said_at.timestamp() * 1000), self.direction)


@dataclass(frozen=True, slots=True)
class RoomMessage:
    """One row of messages, as far as it is shown and held against the samples.

    Attributes:
        id: of the row.
        author_name: how who spoke is called; None where that is not known.
    """

    id: UUID
    timestamp: datetime
    channel: str
    role: str
    author_id: str | None
    author_name: str | None
    content: str
    message_type: str | None
    response_ms: int | None
    edited: datetime | None
    deleted: datetime | None


class Arrival:
    """Holds chat_log, messages and dead_letters against what must come of the samples."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], settings: Settings) -> None:
        self._connection = connection
        self._topics = topics_of(settings.topology)
        self._groups = groups_of(settings.topology)
        self._settings = settings
        self._expected = samples.expected(media=settings.worker.capture_media).entries
        conversations = samples.conversations(media=settings.worker.capture_media)
        rows = [row for conversation in conversations for row in conversation.expected]
        times = [datetime.fromtimestamp(row.timestamp / 1000, UTC) for row in rows]
        self._question = (list({row.userid for row in rows}), min(times), max(times))

    async def messages(self) -> dict[str, list[ToldMessage]]:
        """Return what is in chat_log of the samples, by userid, in order."""
        found: defaultdict[str, list[ToldMessage]] = defaultdict(list)
        for row in await self._connection.fetch(_MESSAGES, *self._question):
            direction = Direction(row["direction"])
            message = ToldMessage(
                row["userid"], row["timestamp"], direction, row["content"], row["message_type"]
            )
            if message.key in self._expected:
                found[message.userid].append(message)
        return found

    async def room_messages(self, room: Room) -> list[RoomMessage]:
        """Return what is in messages of a room, in order."""
        rows = await self._connection.fetch(_ROOM_MESSAGES, room.platform, room.ids)
        return [RoomMessage(**row) for row in rows]

    async def dead_letters(self, played: Played) -> list[str]:
        """Return the reasons of the dead letters that came of what was played."""
        topics, partitions, offsets = zip(*played.events, strict=True)
        rows = await self._connection.fetch(_DEAD_LETTERS, topics, partitions, offsets)
        return [row["reason"] for row in rows]

    async def until_worked_off(self, played: Played) -> None:
        """Return when the workers have committed all that was played, and all that came of it.

        Goes on asking while Kafka does not answer: how long to wait is the caller's decision.
        """
        for role in (Role.CAPTURE, Role.CAPTURE_PLATFORMS):
            read = self._topics.read_by(role)
            ends = {place: end for place, end in played.ends.items() if place[0] in read}
            if ends:
                await self._until_committed(self._groups.of(role), {topic for topic, _ in ends}, ends)
        # What came of it is in Kafka by now, so where the topics end at the first look is far enough.
        await self._until_committed(self._groups.persist, self._topics.read_by(Role.PERSIST))

    async def _until_committed(
        self, group: str, topics: Collection[str], ends: Mapping[tuple[str, int], int] | None = None
    ) -> None:
        """Wait for the group to come to `ends`, or to where the topics end now."""
        asked = GroupOffsets(self._settings.kafka, group, topics)
        try:
            while True:
                try:
                    offsets = {(tp.topic, tp.partition): found for tp, found in (await asked.ask()).items()}
                except (KafkaError, OSError):
                    await asked.close()
                else:
                    ends = ends or {partition: found.end for partition, found in offsets.items() if found.end}
                    if all((offsets[partition].committed or 0) >= end for partition, end in ends.items()):
                        return
                await asyncio.sleep(_POLL_S)
        finally:
            await asked.close()
