"""What many people say in many rooms at once, as platforms send it: lines of Twitch's chat, Discord's events.

The same for everyone, however often it is made. Rooms are as unlike in size as real ones: the first has most
of the people, and most have few. How the events get into Kafka is not decided here.
"""

from __future__ import annotations

import random
from bisect import bisect
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.workload import Keyed

_SEED = 7
#: One of so many is an answer to what was said just before in its room.
_ANSWERS = 20
#: 22 bytes on average, as measured in Twitch's chat.
_TEXTS = (
    "LUL",
    "gg",
    "that was so close",
    "KEKW KEKW KEKW",
    "anyone know what song this is?",
    "hello from Nairobi 👋🏾",
    "no way he made that jump, clip it",
    "Pog",
    "first time catching this live, love the stream so far",
    "¿a cuántos grados?",
    "こんばんは",
    "lol same",
)
_COLOURS = ("#1E90FF", "#FF7F50", "#8A2BE2", "#00FF7F", "")
_BADGES = ("", "", "subscriber/12", "vip/1", "moderator/1,subscriber/24", "premium/1")
#: Discord counts from here, and its ids hold the time.
_DISCORD_EPOCH_MS = 1_420_070_400_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who talks where.

    Attributes:
        chatters: people, each at home in one room.
        channels: rooms. The n-th has a share of the people in proportion to 1 / n.
    """

    chatters: int
    channels: int

    def rooms(self) -> list[int]:
        """Return the room of every chatter."""
        reach = list(accumulate(1 / (number + 1) for number in range(self.channels)))
        chance = random.Random(_SEED)  # noqa: S311  no secrets
        return [bisect(reach, chance.random() * reach[-1]) for _ in range(self.chatters)]

    def talk(self, messages: int, *, start_ms: int, per_s: float) -> Iterator[tuple[Said, Said | None]]:
        """Yield who says what, at a steady pace, and what it answers; all talk as often as one another."""
        chance = random.Random(_SEED + 1)  # noqa: S311
        rooms = self.rooms()
        before: dict[int, Said] = {}
        for number in range(messages):
            author = chance.randrange(len(rooms))
            room = rooms[author]
            text = chance.choice(_TEXTS)
            answers = before.get(room) if number % _ANSWERS == 0 else None
            said = Said(number, room, author, text, start_ms + int(number * 1000 / per_s))
            before[room] = said
            yield said, answers


@dataclass(frozen=True, slots=True)
class Chatter:
    """Makes the events of a crowd, one after the other.

    Args:
        platform: whose events.
        crowd: who talks where.
    """

    platform: str
    crowd: Crowd

    def events(self, messages: int, *, start_ms: int, per_s: float) -> Iterator[Keyed]:
        """Yield so many messages, at a steady pace, each keyed by its channel as connectors key it."""
        make = {"twitch": twitch_line, "discord": discord_event}[self.platform]
        for said, answers in self.crowd.talk(messages, start_ms=start_ms, per_s=per_s):
            yield channel_of(said.room).encode(), make(said, answers)


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who said what, where, and when."""

    number: int
    room: int
    author: int
    text: str
    sent_ms: int


def channel_of(room: int) -> str:
    """Return the platform's id of a room."""
    return str(900_000_000 + room)


def twitch_line(said: Said, answers: Said | None) -> bytes:
    """Return a message as Twitch's chat sends it over IRC, with all tags."""
    login, room = f"chatter_{said.author}", f"room_{said.room}"
    answer = ""
    if answers is not None:
        text = answers.text.replace(" ", "\\s")
        answer = (
            f"reply-parent-display-name=Chatter_{answers.author};reply-parent-msg-body={text};"
            f"reply-parent-msg-id={uuid_of(answers)};reply-parent-user-id={_person(answers)};"
            f"reply-parent-user-login=chatter_{answers.author};"
        )
    badges = _BADGES[said.author % len(_BADGES)]
    return (
        f"@badge-info=;badges={badges};color={_COLOURS[said.author % len(_COLOURS)]};"
        f"display-name=Chatter_{said.author};emotes=;first-msg=0;flags=;id={uuid_of(said)};mod=0;{answer}"
        f"returning-chatter=0;room-id={channel_of(said.room)};subscriber=0;tmi-sent-ts={said.sent_ms};turbo=0;"
        f"user-id={_person(said)};user-type= "
        f":{login}!{login}@{login}.tmi.twitch.tv PRIVMSG #{room} :{said.text}"
    ).encode()


def discord_event(said: Said, answers: Said | None) -> bytes:
    """Return a message as Discord's gateway dispatches it."""
    body = _discord_message(said)
    if answers is not None:
        body |= {
            "type": 19,
            "message_reference": {
                "type": 0,
                "channel_id": body["channel_id"],
                "message_id": _snowflake(answers),
                "guild_id": "1312000000000000101",
            },
            "referenced_message": _discord_message(answers),
        }
    return orjson.dumps({"t": "MESSAGE_CREATE", "s": said.number, "op": 0, "d": body})


def _discord_message(said: Said) -> dict[str, Any]:
    return {
        "type": 0,
        "tts": False,
        "timestamp": datetime.fromtimestamp(said.sent_ms / 1000, UTC).isoformat(),
        "pinned": False,
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": False,
        "id": _snowflake(said),
        "flags": 0,
        "embeds": [],
        "edited_timestamp": None,
        "content": said.text,
        "components": [],
        "channel_type": 0,
        "channel_id": channel_of(said.room),
        "author": {
            "username": f"chatter_{said.author}",
            "public_flags": 0,
            "id": _person(said),
            "global_name": f"Chatter {said.author}",
            "discriminator": "0",
            "avatar": None,
        },
        "attachments": [],
        "guild_id": "1312000000000000101",
        "member": {
            "roles": ["1312000000000002001"],
            "nick": None,
            "mute": False,
            "joined_at": "2025-10-11T19:44:51.312000+00:00",
            "flags": 0,
            "deaf": False,
            "avatar": None,
        },
    }


def _person(said: Said) -> str:
    return str(700_000_000 + said.author)


def uuid_of(said: Said) -> str:
    """Return the id that Twitch gives a message."""
    number = random.Random(said.number).getrandbits(128)  # noqa: S311
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _snowflake(said: Said) -> str:
    return str((said.sent_ms - _DISCORD_EPOCH_MS) << 22 | said.number % (1 << 22))
