"""Messages for the ledger, with what must become of each: one by one, or good ones, as many as wanted.

What good messages say is `tests.conversations`' matter; poison is not made here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from models.entries import encode_entry
from models.platforms.messenger import extract_chat_log_entry, parse_event
from tests.conversations import conversations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.entries import ChatLogEntry
    from models.errors import Reason
    from tests.conversations import Conversations

#: userid, timestamp in ms, direction: the primary key of `chat_log`.
RowKey: TypeAlias = tuple[str, int, str]

#: How many questions each person answers, which are twice as many messages.
TURNS = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A message to produce.

    Attributes:
        key: its key in Kafka.
        value: its bytes.
        becomes: the row, the reason of the dead letter, or None for nothing that can be seen.
        partition: where to; by default, wherever the key belongs.
        headers: its headers in Kafka.
    """

    key: bytes | None
    value: bytes | None
    becomes: RowKey | Reason | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


def entries(n: int, tag: str) -> list[Message]:
    """Make `n` entries for the chat-log topic, all different as long as the tags are."""
    keyed = [(key, _entry_of(raw)) for key, raw in _conversations(n, tag).events[:n]]
    return [Message(key, encode_entry(entry), entry.key) for key, entry in keyed]


def events_and_states(n: int, tag: str) -> tuple[list[Message], list[Message]]:
    """Make `n` raw events and as many states, in the order in which they happened; produce the states first.

    All are different as long as the tags are. Each event becomes a row, a state nothing of its own.
    """
    said = _conversations(n, tag)
    return events_of(said)[:n], states_of(said)[:n]


def events_of(said: Conversations) -> list[Message]:
    """Return the events of conversations, each of which becomes a row."""
    return [Message(key, raw, _entry_of(raw).key) for key, raw in said.events]


def states_of(said: Conversations) -> list[Message]:
    """Return the states of conversations, which become nothing of their own."""
    return [Message(key, raw, None) for key, raw in said.states]


def _conversations(n: int, tag: str) -> Conversations:
    return conversations(users=math.ceil(n / (2 * TURNS)), turns=TURNS, tag=tag)


def _entry_of(raw: bytes) -> ChatLogEntry:
    entry = extract_chat_log_entry(parse_event(raw), {})
    if entry is None:
        raise ValueError("an event of tests.conversations must be a visible message")
    return entry
