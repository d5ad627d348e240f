"""Twitch's events for tests: one message as a line of IRC and as an envelope of EventSub; its deletion."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

ROOM = "12345"


def irc_line(message: str, sent_ms: int, text: str = "hello", *, user: str = "777", tags: str = "") -> bytes:
    """Return a message as Twitch's chat sends it."""
    told = f"display-name=Ann;id={message};mod=0;room-id={ROOM};tmi-sent-ts={sent_ms};user-id={user}{tags}"
    return f"@{told} :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :{text}".encode()


def deletion_line(message: str, sent_ms: int) -> bytes:
    """Return the deletion of a message, which tells neither whose it was nor when it was said."""
    told = f"login=ann;room-id={ROOM};target-msg-id={message};tmi-sent-ts={sent_ms}"
    return f"@{told} :tmi.twitch.tv CLEARMSG #room :hello".encode()


def envelope(message: str, sent_ms: int, text: str = "hello", *, user: str = "777") -> bytes:
    """Return a message as EventSub's websocket sends it, at a time of the envelope's own."""
    sent = datetime.fromtimestamp(sent_ms / 1000, UTC).isoformat(timespec="milliseconds")
    event = {
        "broadcaster_user_id": ROOM,
        "broadcaster_user_login": "room",
        "broadcaster_user_name": "Room",
        "chatter_user_id": user,
        "chatter_user_login": "ann",
        "chatter_user_name": "Ann",
        "message_id": message,
        "message": {"text": text, "fragments": [{"type": "text", "text": text}]},
        "message_type": "text",
        "badges": [],
    }
    return orjson.dumps(
        {
            "metadata": {
                "message_id": f"envelope-{message}-{sent_ms}",
                "message_type": "notification",
                "message_timestamp": sent.replace("+00:00", "Z"),
                "subscription_type": "channel.chat.message",
                "subscription_version": "1",
            },
            "payload": {"subscription": {"type": "channel.chat.message"}, "event": event},
        }
    )
