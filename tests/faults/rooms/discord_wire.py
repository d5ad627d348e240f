"""What Discord's gateway dispatches: messages, edits whole and in part, answers filled in, deletions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.rooms.facts import Changed, Said

EPOCH_MS = 1_420_070_400_000
_REPLY, _SLASH_ANSWER, _LOADING = 19, 20, 128
_DIALOGUE = 1


def snowflake(time_ms: int, number: int) -> str:
    """Return an id as Discord's workers give them out."""
    return str((time_ms - EPOCH_MS) << 22 | 1 << 17 | (number & 0xFFF))


def create(said: Said) -> bytes:
    return _dispatch("MESSAGE_CREATE", _message(said))


def update(changed: Changed) -> bytes:
    """Return an update: of all of the message, or (as archives have them) of its text alone."""
    edited = None if changed.edited_ms is None else _iso(changed.edited_ms)
    if changed.whole is not None:
        return _dispatch("MESSAGE_UPDATE", _message(changed.whole) | {"edited_timestamp": edited})
    told = {"id": changed.source_id, "channel_id": changed.channel, "content": changed.content}
    return _dispatch("MESSAGE_UPDATE", told | {"edited_timestamp": edited})


def preview(said: Said) -> bytes:
    """Return an update that changes nothing that was said: a link's preview has come."""
    return _dispatch(
        "MESSAGE_UPDATE", _message(said) | {"embeds": [{"type": "link", "url": "https://x.test"}]}
    )


def delete(source_id: str, channel: str) -> bytes:
    return _dispatch("MESSAGE_DELETE", {"id": source_id, "channel_id": channel, "guild_id": "9"})


def delete_bulk(source_ids: Sequence[str], channel: str) -> bytes:
    return _dispatch("MESSAGE_DELETE_BULK", {"ids": [*source_ids], "channel_id": channel, "guild_id": "9"})


def typing(channel: str) -> bytes:
    return _dispatch("TYPING_START", {"channel_id": channel, "user_id": "1"})


def without_author(channel: str, source_id: str) -> bytes:
    return _dispatch("MESSAGE_CREATE", {"id": source_id, "type": 0, "channel_id": channel, "content": "who?"})


def _message(said: Said) -> dict[str, Any]:
    is_answer = said.message_type in ("loading", "slash_answer")
    told: dict[str, Any] = {
        "id": said.source_id,
        "type": _SLASH_ANSWER if is_answer else _REPLY if said.reply_to else 0,
        "channel_id": said.channel,
        "author": {"id": said.author, "username": said.name},
        "content": said.content,
        "timestamp": _iso(said.time_ms),
        "edited_timestamp": None,
        "mentions": [{"id": "1"}] if "mention" in said.exempt else [],
        "flags": _LOADING if said.message_type == "loading" else 0,
        "embeds": [],
        "attachments": [],
        "channel_type": _DIALOGUE if said.kind == "dialogue" else 0,
    }
    if said.kind != "dialogue":
        told["guild_id"] = "9"
    if said.role == "bot":
        told["author"]["bot"] = True
    if said.reply_to is not None:
        told["message_reference"] = {"type": 0, "message_id": said.reply_to, "channel_id": said.channel}
    return told


def _dispatch(name: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"op": 0, "t": name, "s": 7, "d": data}).encode()


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="microseconds")
