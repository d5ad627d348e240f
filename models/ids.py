"""The ids of messages and conversations: made from what the platform tells, and never asked for.

A message is known by its platform and the platform's own id of it. From these comes its *source*: a UUID
whose first 48 bits are zero. With the message's own time in those bits it is the *id*, which tells its month
and sorts by time. Redelivery, replay and backfill give the same.

PostgreSQL makes the same of the same by functions of these names (migrations/versions/0013_messages.up.sql):
a test holds the two together.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

#: Bits 48 to 51 are the version (8: made as its maker likes, RFC 9562), and 64 to 65 the variant.
_VERSION, _VARIANT = 0x8 << 76, 0b10 << 62
_HASHED_BITS = (1 << 76) - 1 - (0b11 << 62)
_TIME_SHIFT = 80
#: So many bits take Python little room, and among a million ids hardly ever two are alike in them.
_SHORT_MASK = (1 << 60) - 1
#: What a hash is compared to, to sample by it: as many bits as a float has, or some would come to 1.
_LOT_BITS = 53


class Identity(NamedTuple):
    """What there is to know of a message by its name alone: all of it out of one hash.

    Attributes:
        source: who it is (`message_source`).
        short: the last of its bits as a number, which takes little room.
        lot: where it is among all messages, to sample by (`lot_of`).
    """

    source: str
    short: int
    lot: float


def identity_of(platform: str, source_id: str) -> Identity:
    """Return what `message_source`, `short_of` and `lot_of` do, for one hash."""
    digest = _digest(platform, source_id)
    number = _source(digest)
    return Identity(_text(number), number & _SHORT_MASK, _lot(digest))


def message_source(platform: str, source_id: str) -> str:
    """Return who a message is, whenever it was said: canonical UUID text whose first 48 bits are zero."""
    return _text(_source(_digest(platform, source_id)))


def message_id(platform: str, source_id: str, timestamp_ms: int) -> str:
    """Return the id of a message's row as canonical UUID text.

    Args:
        platform: where it was said.
        source_id: the platform's own id of it.
        timestamp_ms: when it was said; of a message that is delivered with several times, the first one seen.
    """
    return id_at(message_source(platform, source_id), timestamp_ms)


def id_at(source: str, timestamp_ms: int) -> str:
    """Return the id of the message with a source (`message_source`), said at a time."""
    time = f"{timestamp_ms:012x}"
    return f"{time[:8]}-{time[8:]}{source[13:]}"


def source_of(message: str) -> str:
    """Return the source of the message with an id."""
    return f"00000000-0000{message[13:]}"


def chat_log_id(userid: str, timestamp_us: int, direction: str) -> str:
    """Return the id of a row of `chat_log`, which has none of the platform's own: its key makes it.

    Args:
        userid: the person.
        timestamp_us: when it was said, in µs since 1970: other writers may have written parts of a ms.
        direction: who spoke, `bot` or `user`.
    """
    return message_id("messenger", f"{userid}\n{timestamp_us}\n{direction}", timestamp_us // 1000)


def short_of(message: str) -> int:
    """Return the last of the bits of a source, or of an id, as a number: the same of both."""
    return int(message[20:23] + message[24:], 16)


def time_of(message: str) -> int:
    """Return when the message with an id was said, in ms since 1970."""
    return int(message[:8] + message[9:13], 16)


def lot_of(platform: str, source_id: str) -> float:
    """Return a number from 0 to below 1 that is the message's own: it is in a sample of a rate above it.

    Of the hash, it takes bits that the id does not have, and is uniform over ids.
    """
    return _lot(_digest(platform, source_id))


@lru_cache(maxsize=65_536)
def conversation_key(platform: str, channel: str, external_id: str) -> str:
    """Return the id of a conversation as canonical UUID text: any writer computes the same."""
    named = f"{platform}\n{channel}\n{external_id}".encode()
    return _text(int.from_bytes(sha256(named).digest()[:16]))


def _digest(platform: str, source_id: str) -> bytes:
    return sha256(f"{platform}\n{source_id}".encode()).digest()


def _lot(digest: bytes) -> float:
    return (int.from_bytes(digest[16:24]) >> (64 - _LOT_BITS)) / (1 << _LOT_BITS)


def _source(digest: bytes) -> int:
    return (int.from_bytes(digest[:10]) & _HASHED_BITS) | _VERSION | _VARIANT


def _text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
