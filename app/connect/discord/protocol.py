"""What Discord's gateway and its client say to one another, version 10: pure functions, no I/O.

https://docs.discord.com/developers/events/gateway and …/topics/opcodes-and-status-codes
"""

from __future__ import annotations

import sys
import zlib
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from models.platforms.discord_events import SILENT_EVENTS

if TYPE_CHECKING:
    from collections.abc import Collection

VERSION = 10
#: Ends each payload of a stream of compressed ones.
_END_OF_PAYLOAD = b"\x00\x00\xff\xff"


class Op(IntEnum):
    """What a payload is for."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    RESUME = 6
    RECONNECT = 7
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Intent(IntFlag):
    """Which events a connection asks for; the names are those of DISCORD_INTENTS."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


#: Without them there is nothing to capture.
ALWAYS = Intent.GUILDS | Intent.GUILD_MESSAGES


class Payload(msgspec.Struct, frozen=True, gc=False):
    """A payload of the gateway's.

    Attributes:
        op: what it is for; a number that `Op` does not have is possible.
        t: the name of a dispatch.
        s: the number of a dispatch in its session.
        d: its content, as it came.
    """

    op: int
    t: str | None = None
    s: int | None = None
    d: msgspec.Raw = msgspec.Raw(b"null")

    def is_worth_keeping(self) -> bool:
        """Tell whether somebody may have said something: whether it is not known that nobody did."""
        return self.op == Op.DISPATCH and self.t not in SILENT_EVENTS


#: Raises msgspec.DecodeError for what is no payload.
decode = msgspec.json.Decoder(Payload).decode


class Hello(msgspec.Struct, frozen=True):
    """The first that the gateway says; an interval in ms."""

    heartbeat_interval: int


class UnavailableGuild(msgspec.Struct, frozen=True):
    """A server whose GUILD_CREATE is to come, or that went."""

    id: str
    unavailable: bool = False


class SessionBegun(msgspec.Struct, frozen=True):
    """A session has begun."""

    session_id: str
    resume_gateway_url: str
    guilds: list[UnavailableGuild] = []


class Ending(IntEnum):
    """What is to be done after a connection has ended."""

    RESUME = 1
    IDENTIFY = 2
    GIVE_UP = 3


#: Sessions that are gone with their connection: an invalid sequence, a time-out.
_SESSION_IS_OVER = frozenset({4007, 4009})
#: What trying again does not mend, and what does.
REFUSALS = {
    4004: "Discord does not know DISCORD_TOKEN: make a new one in the developer portal (Bot > Reset Token)",
    4010: "Discord refuses the number of shards: leave --shards out, and it is as Discord recommends",
    4011: "the bot is in too many servers for so few shards: leave --shards out, or give a higher number",
    4012: f"Discord has given up version {VERSION} of its gateway: this version of chatlog is too old",
    4013: "Discord does not know an intent that DISCORD_INTENTS names: this version of chatlog is too old",
    4014: (
        "Discord refuses the intents: enable Message Content Intent (and Server Members Intent, where "
        "DISCORD_INTENTS names guild_members) in the developer portal, under Bot > Privileged Gateway Intents"
    ),
}
#: Leaves the session there to be resumed, as 1000 and 1001 do not.
CLOSE_AND_RESUME = 4000


def ending_by(close_code: int | None) -> Ending:
    """Return what is to be done after a connection was closed with a code, or just ended (None)."""
    if close_code in REFUSALS:
        return Ending.GIVE_UP
    return Ending.IDENTIFY if close_code in _SESSION_IS_OVER else Ending.RESUME


def intents_of(names: Collection[str]) -> Intent:
    """Return the intents with these names (lower case), and those without which nothing comes."""
    intents = ALWAYS
    for name in names:
        intents |= Intent[name.upper()]
    return intents


def identify(token: str, intents: Intent, shard: int, shards: int) -> bytes:
    """Return the payload that begins a session."""
    about = {"os": sys.platform, "browser": "chatlog", "device": "chatlog"}
    return _payload(
        Op.IDENTIFY,
        {"token": token, "intents": int(intents), "properties": about, "shard": [shard, shards]},
    )


def resume(token: str, session_id: str, sequence: int) -> bytes:
    """Return the payload that takes up a session after the event with this number."""
    return _payload(Op.RESUME, {"token": token, "session_id": session_id, "seq": sequence})


def heartbeat(sequence: int | None) -> bytes:
    """Return the payload that keeps a connection alive, and tells the last event that was heard."""
    return _payload(Op.HEARTBEAT, sequence)


def _payload(op: Op, content: Any) -> bytes:
    return orjson.dumps({"op": int(op), "d": content})


class Inflater:
    """Takes apart the stream of compressed payloads of one connection (`compress=zlib-stream`)."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._some = bytearray()

    def payload(self, frame: bytes) -> bytes | None:
        """Return the payload that a binary frame completes; None if it completes none.

        Raises:
            zlib.error: the stream is broken.
        """
        self._some += frame
        if not self._some.endswith(_END_OF_PAYLOAD):
            return None
        whole = self._stream.decompress(self._some)
        self._some.clear()
        return whole
