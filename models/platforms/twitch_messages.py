"""What a chat message of Twitch comes to, whichever way it was told: by IRC or by EventSub, it is one row.

So both (`twitch_irc`, `twitch_eventsub`) hand their facts to `chat_message`, and the rules are here, once.
"""

import re
from collections.abc import Collection

import msgspec

from models import JSON
from models.messages import Message, MessageRole

#: Everybody who gives or cheers without a name bears one of these ids: no person.
ANONYMOUS_IDS = frozenset({"274598607", "407665396"})

_BOT_BADGE = "bot-badge"
_MODERATOR_BADGES = frozenset({"broadcaster", "lead_moderator", "moderator"})
_TEXT_TYPE, _ACTION_TYPE = "text", "action"
#: What IRC calls otherwise than EventSub, by EventSub's word, so that a type counts as one. Other words are
#: the same in both, or met in one only, and stay as they are.
_MESSAGE_TYPES = {
    _TEXT_TYPE: None,
    "highlighted-message": "channel_points_highlighted",
    "skip-subs-mode-message": "channel_points_sub_only",
    "user-intro": "user_intro",
    "gigantified-emote-message": "power_ups_gigantified_emote",
    "animated-message": "power_ups_message_effect",
    "viewermilestone": "watch_streak",
    "bitsbadgetier": "bits_badge_tier",
    "charitydonation": "charity_donation",
}
#: The wrapper of /me: `\x01ACTION words\x01`.
_ACTION = "\x01ACTION"
#: A name that is spoken to. What EventSub marks as a mention always is such a word; IRC marks nothing.
_MENTION = re.compile(r"(?<!\w)@\w")

_USER, _BOT = MessageRole.USER, MessageRole.BOT
_NOTHING: frozenset[str] = frozenset()


class Said(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What IRC and EventSub tell of a message, each in its own way; '' is none.

    Attributes:
        source_id: the message's id, of this room.
        timestamp: when, in ms.
        room: the id of the room where it is seen.
        room_login: what that room is called.
        author_id: who spoke.
        login: the name they sign in by.
        name: the name they show; where there is none, it is the login.
        text: what was said, /me's wrapper included.
        message_type: what kind of message or notice it is, in IRC's or EventSub's word.
        badges: the names of the author's badges in this room.
        source_badges: those in the room where it was said, if that is another.
        reply_to: the id of the message that it answers.
        thread: the id of the message where that talk began.
        bits: how many were given with it.
        reward: the id of the reward that it was written for.
        source_message: of a message of a shared chat, its id in the room where it was said.
        source_room: of a message of a shared chat, that room.
        system_message: what Twitch says beside the person's words.
        is_first: whether it is their first in the room, where that is told.
        has_mention: whether a mention is marked.
        raw: the event as it came.
    """

    source_id: str
    timestamp: int
    room: str
    room_login: str | None
    author_id: str | None
    login: str | None
    name: str | None
    text: str
    message_type: str | None
    badges: Collection[str]
    source_badges: Collection[str]
    reply_to: str | None
    thread: str | None
    bits: int
    reward: str | None
    source_message: str | None
    source_room: str | None
    system_message: str | None
    is_first: bool
    has_mention: bool
    raw: JSON


def chat_message(said: Said) -> Message:
    """Return the message of a room's chat."""
    text, message_type = said.text, said.message_type
    metadata: dict[str, JSON] = {}
    content = text
    if text[:1] == "\x01" and _is_action(text):
        content = text[len(_ACTION) + 1 :].removesuffix("\x01")
        if message_type and message_type != _TEXT_TYPE:
            metadata["is_action"] = True
        else:
            message_type = _ACTION_TYPE
    # The original, in its own room, tells itself as its source.
    is_mirrored = bool(said.source_room) and said.source_room != said.room
    _add_metadata(metadata, said, is_mirrored=is_mirrored)
    is_bot = _BOT_BADGE in said.badges or _BOT_BADGE in said.source_badges
    return Message(
        source_id=said.source_id,
        timestamp=said.timestamp,
        channel=said.room,
        role=_BOT if is_bot else _USER,
        content=content,
        author_id=None if said.author_id in ANONYMOUS_IDS else said.author_id or None,
        author_name=said.name or said.login or None,
        author_is_bot=is_bot,
        message_type=_MESSAGE_TYPES.get(message_type, message_type) if message_type else None,
        reply_to=said.reply_to or None,
        channel_name=said.room_login or None,
        is_mirrored=is_mirrored,
        exemptions=_exemptions(said),
        metadata=metadata or None,
        raw_payload=said.raw,
    )


def _is_action(text: str) -> bool:
    """Tell /me from what begins like it. With no words at all there is not even a blank behind it."""
    return text.startswith(_ACTION) and text[len(_ACTION) :][:1] in ("", " ", "\x01")


def _add_metadata(metadata: dict[str, JSON], said: Said, *, is_mirrored: bool) -> None:
    """Add what is worth its bytes in a row: the event as it came, which tells all, may not be kept."""
    if said.login and said.name and said.name.lower() != said.login:
        metadata["login"] = said.login
    if said.bits:
        metadata["bits"] = said.bits
    if said.reward:
        metadata["reward_id"] = said.reward
    if said.thread and said.thread != said.reply_to:
        metadata["thread_id"] = said.thread
    if said.system_message:
        metadata["system_message"] = said.system_message
    if is_mirrored:
        metadata["source_room_id"] = said.source_room
        if said.source_message:
            metadata["source_id"] = said.source_message


def _exemptions(said: Said) -> frozenset[str]:
    """Return what sampling may spare the message for.

    A mention is a word `@name`, whoever's the name: told the same way of a message that comes by IRC and of
    one that comes by EventSub, or one would be spared and the other not.
    """
    told = []
    if said.badges and not _MODERATOR_BADGES.isdisjoint(said.badges):
        told.append("moderator")
    if said.has_mention or ("@" in said.text and _MENTION.search(said.text)):
        told.append("mention")
    if said.reply_to:
        told.append("reply")
    if said.is_first:
        told.append("first")
    return frozenset(told) if told else _NOTHING
