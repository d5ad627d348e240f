"""What Twitch sends: messages as lines of IRC and as envelopes of EventSub; deletions, clears, rubbish."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.rooms.facts import Cleared, Said, TakenBack


def line(said: Said) -> bytes:
    badges = "moderator/1" if "moderator" in said.exempt else ""
    reply = f";reply-parent-msg-id={said.reply_to}" if said.reply_to else ""
    tags = (
        f"badge-info=;badges={badges};color=#1E90FF;display-name={said.name};emotes=;"
        f"first-msg={int('first' in said.exempt)};id={said.source_id};mod={int(bool(badges))}{reply};"
        f"room-id={said.channel};tmi-sent-ts={said.time_ms};user-id={said.author};user-type="
    )
    login = said.name.lower()
    return f"@{tags} :{login}!{login}@{login}.tmi.twitch.tv PRIVMSG #r{said.channel} :{said.content}".encode()


def envelope(said: Said) -> bytes:
    badges = [{"set_id": "moderator", "id": "1", "info": ""}] if "moderator" in said.exempt else []
    event = {
        "broadcaster_user_id": said.channel,
        "broadcaster_user_login": f"r{said.channel}",
        "chatter_user_id": said.author,
        "chatter_user_login": said.name.lower(),
        "chatter_user_name": said.name,
        "message_id": said.source_id,
        "message": {"text": said.content, "fragments": [{"type": "text", "text": said.content}]},
        "message_type": "text",
        "badges": badges,
        "reply": {"parent_message_id": said.reply_to} if said.reply_to else None,
    }
    return _notification("channel.chat.message", said.time_ms, f"{said.source_id}-{said.time_ms}", event)


def deletion_line(deletion: TakenBack) -> bytes:
    which = f"room-id={deletion.channel};target-msg-id={deletion.source_id}"
    tags = f"login=x;{which};tmi-sent-ts={deletion.deleted_ms}"
    return f"@{tags} :tmi.twitch.tv CLEARMSG #r{deletion.channel} :…".encode()


def deletion_envelope(deletion: TakenBack) -> bytes:
    event = {"broadcaster_user_id": deletion.channel, "target_user_id": "1", "message_id": deletion.source_id}
    told_ms = deletion.deleted_ms or 0
    return _notification("channel.chat.message_delete", told_ms, f"d-{deletion.source_id}-{told_ms}", event)


def clear_line(clear: Cleared) -> bytes:
    who, text = (f"ban-duration=600;target-user-id={clear.author};", " :login") if clear.author else ("", "")
    tags = f"{who}room-id={clear.channel};tmi-sent-ts={clear.cleared_ms}"
    return f"@{tags} :tmi.twitch.tv CLEARCHAT #r{clear.channel}{text}".encode()


def roomstate(channel: str) -> bytes:
    return f"@emote-only=0;room-id={channel};slow=0 :tmi.twitch.tv ROOMSTATE #r{channel}".encode()


def without_id(channel: str) -> bytes:
    return f"@room-id={channel};tmi-sent-ts=1790000000000 :a!a@a PRIVMSG #r{channel} :no id".encode()


def _notification(kind: str, sent_ms: int, delivery: str, event: object) -> bytes:
    sent = datetime.fromtimestamp(sent_ms / 1000, UTC).isoformat(timespec="milliseconds")
    metadata = {
        "message_id": f"delivery-{delivery}",
        "message_type": "notification",
        "message_timestamp": sent.replace("+00:00", "Z"),
        "subscription_type": kind,
        "subscription_version": "1",
    }
    payload = {"subscription": {"type": kind}, "event": event}
    return json.dumps({"metadata": metadata, "payload": payload}).encode()
