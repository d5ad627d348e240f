"""Records of messages as capture makes them, and what the tables hold of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from app.postgres.connections import connect
from models.ids import conversation_key, id_at, message_source, source_of
from models.records import (
    ClearRecord,
    DeletionRecord,
    EditRecord,
    FeedbackRecord,
    MessageRecord,
    PresenceRecord,
)
from sinks.postgres.figures import MessageFigures
from sinks.postgres.messages import MessagesSink
from sinks.postgres.settling import Settler
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings

NOW_MS = 1_767_305_123_456
PLATFORM, CHANNEL = "twitch", "room"
GAP = timedelta(minutes=30)


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(orjson.dumps(value))


def message(number: int = 0, **fields: Any) -> MessageRecord:
    """A message like any other, one of its own for each number."""
    platform, channel = fields.get("platform", PLATFORM), fields.get("channel", CHANNEL)
    timestamp = fields.get("timestamp", NOW_MS + number)
    conversation = fields.get("conversation", channel)
    values: dict[str, Any] = {
        "platform": platform,
        "id": id_at(message_source(platform, f"m{number}"), timestamp),
        "source_id": f"m{number}",
        "timestamp": timestamp,
        "conversation_id": conversation_key(platform, channel, conversation),
        "conversation": conversation,
        "kind": "channel",
        "channel": channel,
        "role": "user",
        "content": f"message {number}",
        "author_id": f"person-{number % 5}",
        "author_name": f"Person {number % 5}",
        "metadata": raw({"number": number}),
        "raw_payload": raw({"raw": number}),
    }
    return MessageRecord(**(values | fields))


def edit_of(said: MessageRecord, edited: int | None, **fields: Any) -> EditRecord:
    values: dict[str, Any] = {
        "platform": said.platform,
        "source": source_of(said.id),
        "id": said.id,
        "content": f"edited at {edited}",
        "edited": edited,
        "channel": said.channel,
        "conversation_id": said.conversation_id,
    }
    return EditRecord(**(values | fields))


def deletion_of(said: MessageRecord, deleted: int, **fields: Any) -> DeletionRecord:
    values: dict[str, Any] = {
        "platform": said.platform,
        "source": source_of(said.id),
        "id": said.id,
        "deleted": deleted,
        "channel": said.channel,
        "conversation_id": said.conversation_id,
    }
    return DeletionRecord(**(values | fields))


def clear(cleared: int, author_id: str | None = None, **fields: Any) -> ClearRecord:
    values: dict[str, Any] = {"platform": PLATFORM, "channel": CHANNEL, "cleared": cleared}
    return ClearRecord(**(values | {"author_id": author_id} | fields))


def presence(number: int, kind: str, timestamp: int, author_id: str | None, **fields: Any) -> PresenceRecord:
    values: dict[str, Any] = {"platform": PLATFORM, "channel": CHANNEL, "kind": kind, "timestamp": timestamp}
    source = message_source(PLATFORM, f"presence {number}")
    return PresenceRecord(**(values | {"source": source, "author_id": author_id} | fields))


def feedback(number: int, said: MessageRecord, value: float, given: int) -> FeedbackRecord:
    return FeedbackRecord(
        platform=said.platform,
        source=message_source(said.platform, f"feedback {number}"),
        refers_to=source_of(said.id),
        value=value,
        given=given,
    )


def sink_on(pool: asyncpg.Pool, **fields: Any) -> MessagesSink:
    chosen: dict[str, Any] = {"max_records": 1000, "max_wait_s": 0.01, "max_writes": 2, "stay_gap": GAP}
    platform = fields.pop("platform", PLATFORM)
    figures = fields.pop("figures", None) or MessageFigures(None)
    return MessagesSink(platform, pool, RetryPolicy("test"), figures, **(chosen | fields))


def settler_on(pool: asyncpg.Pool, **fields: Any) -> Settler:
    chosen: dict[str, Any] = {"stay_gap": GAP, "settle_after": timedelta(0)}
    return Settler(pool, [PLATFORM, "discord", "vrchat"], {"vrchat"}, **(chosen | fields))


async def fetch(settings: Settings, query: str, *arguments: object) -> list[dict[str, Any]]:
    connection = await connect(settings.database)
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()
