"""What was said in a system of two owners: dialogues of their surveys and of none, rooms, a session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.postgres.connections import connect
from models.ids import chat_log_id, conversation_key, message_id, message_source
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings

    Database = asyncpg.Connection[asyncpg.Record]

#: A Tuesday.
BEGAN = datetime(2026, 11, 24, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AMINA, BOLA = "4001", "4002"
PAGE, ROOM, SESSION = "page of ana", "918273645", "session_1f0c_1767225600000"


def dialogue(person: str, page: str | None = PAGE) -> UUID:
    """Return the id of a person's conversation with a page."""
    return UUID(conversation_key("messenger", page or "", person))


def room(channel: str = ROOM, platform: str = "twitch", external_id: str | None = None) -> UUID:
    """Return the id of a room, or of what else a channel has under an id of its own."""
    return UUID(conversation_key(platform, channel, external_id or channel))


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes messages as persist does.

    Attributes:
        database: as the owner of the tables.
    """

    database: Database

    async def chat(
        self, person: str, said: str, when: datetime, *, by: str = "bot", page: str | None = PAGE, **more: Any
    ) -> UUID:
        """Write a message of Messenger; return its id."""
        for name in ("raw_payload", "metadata"):
            if name in more:
                more[name] = json.dumps(more[name])
        columns = {
            "userid": person,
            "pageid": page,
            "timestamp": when,
            "direction": by,
            "content": said,
        } | more
        await self._insert("chat_log", columns)
        microseconds = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return UUID(chat_log_id(person, microseconds, by))

    async def say(
        self,
        said: str,
        when: datetime,
        *,
        platform: str = "twitch",
        channel: str = ROOM,
        author: str | None = "1",
        kind: str = "channel",
        role: str = "user",
        thread: str | None = None,
        learner: str | None = None,
        **more: Any,
    ) -> UUID:
        """Write a message of another platform, and its conversation; return its id."""
        identifier = UUID(message_id(platform, f"{channel} {said} {when}", int(when.timestamp() * 1000)))
        talk = room(channel, platform, thread)
        for name in ("raw_payload", "metadata"):
            if name in more:
                more[name] = json.dumps(more[name])
        columns = {
            "platform": platform,
            "id": identifier,
            "timestamp": when,
            "conversation_id": talk,
            "channel": channel,
            "role": role,
            "author_id": author,
            "content": said,
        }
        # Whoever looks sees both, or neither.
        async with self.database.transaction():
            await self.database.execute(
                "INSERT INTO conversations AS known (id, platform, channel, external_id, kind, title, "
                "subject_id, started, last_at, captured) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) "
                "ON CONFLICT (id) DO UPDATE SET started = least(known.started, excluded.started), "
                "last_at = greatest(known.last_at, excluded.last_at), captured = known.captured + 1",
                *(
                    talk,
                    platform,
                    channel,
                    thread or channel,
                    kind,
                    f"#{channel}" if kind == "channel" else None,
                ),
                *(None if kind == "channel" else learner or author, when, None if kind == "channel" else 1),
            )
            await self._insert("messages", columns | more)
        return identifier

    async def change(
        self, message: UUID, kind: str, when: datetime, content: str | None = None, **more: Any
    ) -> None:
        """Keep a text that a message had, or that it was taken back, as settling does."""
        source = UUID(int=message.int & (1 << 80) - 1)
        columns = {"platform": "twitch", "source": source, "kind": kind, "changed": when, "content": content}
        await self._insert("message_versions", columns | {"applied": True} | more)

    async def opine(self, message: UUID, value: float, when: datetime, **more: Any) -> None:
        """Keep what somebody thinks of a message."""
        columns = {
            "platform": "assistant",
            "source": UUID(message_source("assistant", f"{message} {value}")),
            "refers_to": UUID(int=message.int & (1 << 80) - 1),
            "value": value,
            "given": when,
        }
        await self._insert("message_feedback", columns | more)

    async def survey(self, owner: str, name: str) -> UUID:
        """Return the id of a version of a survey."""
        found = await self.database.fetchval(
            "SELECT surveys.id FROM surveys JOIN users ON users.id = surveys.userid "
            "WHERE email = $1 AND survey_name = $2 LIMIT 1",
            *(owner, name),
        )
        assert isinstance(found, UUID)
        return found

    async def name(self, platform: str, person: str, called: str) -> None:
        """Have somebody called so."""
        await self._insert(
            "people", {"platform": platform, "person_id": person, "name": called, "named": BEGAN}
        )

    async def _insert(self, table: str, columns: dict[str, Any]) -> None:
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await self.database.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *columns.values()
        )


#: What is said in each place, with a word that is said nowhere else.
SECRETS = {
    "ana": "said in kiwi47 of Ana's survey",
    "ben": "said in plum58 of Ben's survey",
    "nobody": "said in lime69 of no survey",
    "twitch": "said in fig70 to the room",
    "other room": "said in date81 to the other room",
    "assistant": "said in pear92 to the assistant",
}


async def add_talks(settings: Settings) -> dict[str, UUID]:
    """Write a message of each kind of place; return their ids, by the names of `SECRETS`."""
    database = await connect(settings.database)
    try:
        write = Writer(database)
        of_ana, of_ben = await write.survey(ANA, OF_ANA), await write.survey(BEN, OF_BEN)
        await write.name("twitch", "1", "Viewer One")
        return {
            "ana": await write.chat(
                AMINA,
                SECRETS["ana"],
                BEGAN,
                surveyid=of_ana,
                question_ref="q1",
                raw_payload={"a": SECRETS["ana"]},
            ),
            "ben": await write.chat(
                AMINA, SECRETS["ben"], BEGAN + MINUTE, surveyid=of_ben, raw_payload={"a": SECRETS["ben"]}
            ),
            "nobody": await write.chat(
                BOLA,
                SECRETS["nobody"],
                BEGAN + 2 * MINUTE,
                by="user",
                page=None,
                raw_payload={"a": SECRETS["nobody"]},
            ),
            "twitch": await write.say(
                SECRETS["twitch"], BEGAN + 3 * MINUTE, raw_payload={"a": SECRETS["twitch"]}
            ),
            "other room": await write.say(SECRETS["other room"], BEGAN + 4 * MINUTE, channel="555"),
            "assistant": await write.say(
                SECRETS["assistant"],
                BEGAN + 5 * MINUTE,
                platform="assistant",
                channel=SESSION,
                author="u-7",
                kind="session",
            ),
        }
    finally:
        await database.close()
