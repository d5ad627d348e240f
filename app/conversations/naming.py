"""What people and kinds of things are called on the pages, and which colour tells them apart. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from app.web import words
from models.threads import CONTENT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models import JSON

#: How many colours conversations.css has for avatars.
HUES = 12
#: So much is shown of a name that is nobody's.
_NAME_MAX = 60

PLATFORMS = {
    "assistant": "Assistant",
    "crm": "CRM",
    "discord": "Discord",
    "messenger": "Messenger",
    "threads": "Threads",
    "twitch": "Twitch",
    "vrchat": "VRChat",
}
KINDS = {"channel": "Room", "dialogue": "Dialogue", "session": "Session", "thread": "Thread"}
ROLES = {"user": "Person", "assistant": "Assistant", "bot": "Bot", "system": "System", "tool": "Tool"}
#: What a message without text is, by its type in the platform's words.
_MEDIA = {
    "attachment": "Attachment",
    "audio": "Voice message",
    "embed": "Embedded content",
    "fallback": "Link",
    "file": "File",
    "image": "Picture",
    "location": "Place",
    "sticker": "Sticker",
    "template": "Template",
    "unsupported": "Something that the platform does not pass on",
    "video": "Video",
}


class Avatar(NamedTuple):
    """A disc in place of a picture.

    Attributes:
        letter: on it.
        hue: its colour, from 0 to `HUES` - 1: always the same for one person.
    """

    letter: str
    hue: int


def avatar_of(identity: str, name: str) -> Avatar:
    """Return the disc of somebody.

    Args:
        identity: what stays the same when they change their name.
        name: what they are called; where that is a number, its last digits tell most.
    """
    letters = [letter for letter in name if unicodedata.category(letter)[0] in "LN"]
    letter = "".join(letters[-2:]) if name.isdecimal() else "".join(letters[:1]).upper()
    return Avatar(letter or "?", crc32(identity.encode()) % HUES)


def platform_name(platform: str) -> str:
    """Return what a platform is called."""
    return PLATFORMS.get(platform, platform)


def media_of(message_type: str | None, metadata: Mapping[str, JSON]) -> tuple[str, ...]:
    """Return what a message is or carries beside its text, a line for each, as a file with name and size.

    Args:
        message_type: in the platform's words.
        metadata: of the message.
    """
    files = tuple(_file(each) for each in _list(metadata.get("attachments")) if isinstance(each, dict))
    stickers = tuple(
        f"Sticker: {name}" for name in _list(metadata.get("stickers")) if isinstance(name, str) and name
    )
    parts = tuple(_part(each) for each in _parts(metadata))
    if files or stickers or parts:
        return files + stickers + parts
    named = _MEDIA.get(message_type or "")
    return (named,) if named else ()


def _file(attachment: dict[str, JSON]) -> str:
    kind = str(attachment.get("content_type") or attachment.get("type") or "").partition("/")[0]
    name, size = attachment.get("filename") or attachment.get("name"), attachment.get("size")
    said = _MEDIA.get(kind, "File") + (f": {name}" if isinstance(name, str) else "")
    return f"{said} ({words.size(size)})" if isinstance(size, int) else said


def _parts(metadata: Mapping[str, JSON]) -> list[dict[str, JSON]]:
    """Return the parts of a thread's message that are no text."""
    content = metadata.get(CONTENT_KEY)
    parts = _list(content.get("parts")) if isinstance(content, dict) else []
    return [part for part in parts if isinstance(part, dict) and not isinstance(part.get("text"), str)]


def _part(part: dict[str, JSON]) -> str:
    # Such as image, image_url, input_image; what else there may be, its own name says best.
    told = str(part.get("type") or "")
    kind = next((word for word in told.split("_") if word in _MEDIA), "")
    return _file({**part, "type": kind}) if kind or not told else f"Part: {told[:_NAME_MAX]}"


def _list(value: JSON | None) -> list[JSON]:
    return value if isinstance(value, list) else []
