"""Servers, their channels and threads, as Discord tells them; of everything else in them, nothing is kept.

Members, presences and roles are told too, and are dropped before they go anywhere: people who say nothing are
no concern of a chat log.
"""

from __future__ import annotations

import msgspec

#: Kinds of channels in which messages are: text, direct, voice, announcements, threads, stages.
_WITH_MESSAGES = frozenset({0, 1, 2, 3, 5, 10, 11, 12, 13})
#: Kinds of channels that can have threads: text, announcements, forums, media.
_WITH_THREADS = frozenset({0, 5, 15, 16})
_TEXT = 0


class ThreadState(msgspec.Struct, frozen=True):
    """What only threads have: when it was archived (ISO 8601), or that was last undone."""

    archive_timestamp: str


class Channel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A channel or a thread.

    Attributes:
        id: its own.
        type: a number of Discord's.
        name: as people see it.
        parent_id: of a thread, the channel that it is in; of a channel, its category.
        last_message_id: the last that was said there before this was told; None if nothing ever was.
        thread_metadata: of a thread.
    """

    id: str
    type: int
    name: str | None = None
    parent_id: str | None = None
    last_message_id: str | None = None
    thread_metadata: ThreadState | None = None

    @property
    def archived_at(self) -> str:
        """When a thread was archived, or that was undone, in ISO 8601."""
        return (
            "1970-01-01T00:00:00Z" if self.thread_metadata is None else self.thread_metadata.archive_timestamp
        )

    @property
    def has_messages(self) -> bool:
        """Whether messages can be in it."""
        return self.type in _WITH_MESSAGES

    @property
    def has_threads(self) -> bool:
        """Whether threads can be in it."""
        return self.type in _WITH_THREADS

    @property
    def has_private_threads(self) -> bool:
        """Whether there can be threads in it that not everybody sees."""
        return self.type == _TEXT

    def was_silent_since(self, first_id: int) -> bool:
        """Tell whether nothing was said in it with this id or a greater one."""
        return self.last_message_id is None or int(self.last_message_id) < first_id


class Server(msgspec.Struct, frozen=True):
    """A server, as it comes into sight (GUILD_CREATE); Discord's API says guild."""

    id: str
    unavailable: bool = False
    threads: list[Channel] = []


class Threads(msgspec.Struct, frozen=True):
    """Threads as the REST API lists them, and whether there are more."""

    threads: list[Channel]
    has_more: bool = False


def told_threads(event: str, server: str, threads: list[Channel], sequence: int | None = None) -> bytes:
    """Return the dispatch that tells of a server's threads, with nothing in it but these.

    Args:
        event: its name.
        server: the id.
        threads: which channel each is of.
        sequence: the number of the dispatch that it was made of; None if it was made of none.
    """
    content = {"id": server, "guild_id": server, "threads": threads}
    return msgspec.json.encode({"t": event, "s": sequence, "op": 0, "d": content})
