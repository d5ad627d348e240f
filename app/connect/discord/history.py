"""What was said in a server while nobody listened, from Discord's REST API.

Each message comes as it is now: with its edits, and not at all if it was deleted. That a message from before
was edited or deleted meanwhile is told by no history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from app.connect.discord.rest import NotForUs
from app.connect.discord.servers import Channel, Threads, told_threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from app.connect.discord.rest import Rest

    class Put(Protocol):
        """Hands in raw events."""

        def __call__(self, *events: bytes) -> Awaitable[object]:
            """Return once they are taken in; in order."""


#: How many messages, or threads, one answer has at most.
PAGE = 100
#: By how much this machine's clock may differ from Discord's, and an event be late.
MARGIN_MS = 60_000

#: The first ms of 2015: what the time in an id is counted from; below it are 22 bits of other things.
_EPOCH_MS, _TIME_SHIFT = 1_420_070_400_000, 22


@dataclass(frozen=True, slots=True)
class Time:
    """A time of which something is missing, in ms since 1970.

    Attributes:
        since_ms: what was said before is known.
        until_ms: what is said after is heard.
    """

    since_ms: int
    until_ms: int

    @property
    def first_id(self) -> int:
        """No message of this time has a lower id, whatever the clocks."""
        return max(self.since_ms - MARGIN_MS - _EPOCH_MS, 0) << _TIME_SHIFT

    @property
    def last_id(self) -> int:
        """No message of this time has this id, or a greater one."""
        return max(self.until_ms + MARGIN_MS - _EPOCH_MS, 0) << _TIME_SHIFT


class HistoryMessage(msgspec.Struct, frozen=True):
    """Of a message of the history, what tells how far one has come."""

    id: str


class History:
    """Fetches what a time had.

    Args:
        rest: Discord's REST API.
        put: hands in events: raw ones, in order.
        cannot: is told of each channel of which something is missing that cannot be fetched.
    """

    def __init__(self, rest: Rest, put: Put, cannot: Callable[[str, Time], None]) -> None:
        self._rest = rest
        self._put = put
        self._cannot = cannot

    async def fetch(self, server: str, time: Time) -> bool:
        """Hand in all messages of a server that have a time, and some from around it; as often as one likes.

        Returns:
            Whether the server could be asked at all.
        """
        try:
            channels = await self._rest.get(f"/guilds/{server}/channels", list[Channel])
            threads = (await self._rest.get(f"/guilds/{server}/threads/active", Threads)).threads
        except NotForUs:
            self._cannot(server, time)
            return False
        for channel in channels:
            if channel.has_threads:
                threads += await self._archived(f"/channels/{channel.id}/threads/archived/public", time)
            if channel.has_private_threads:
                threads += await self._archived(f"/channels/{channel.id}/threads/archived/private", time)
        if threads:
            # Before their messages: one that was made in that time has the rules of its parent.
            await self._put(told_threads("THREAD_LIST_SYNC", server, threads))
        for channel in [*channels, *threads]:
            if channel.has_messages and not channel.was_silent_since(time.first_id):
                await self._fetch(server, channel, time)
        return True

    async def _fetch(self, server: str, channel: Channel, time: Time) -> None:
        after, found = time.first_id - 1, 0
        while after < time.last_id:
            try:
                page = await self._rest.get(
                    f"/channels/{channel.id}/messages", list[msgspec.Raw], after=after, limit=PAGE
                )
            except NotForUs:
                self._cannot(channel.id, time)
                return
            by_id = {int(msgspec.json.decode(raw, type=HistoryMessage).id): bytes(raw) for raw in page}
            await self._put(*(_event(server, channel, by_id[each]) for each in sorted(by_id)))
            found += len(page)
            if len(page) < PAGE:
                break
            after = max(by_id)
        if not found:
            # Something was said there. It is not shown to the bot, or was deleted: either way it is missing.
            self._cannot(channel.id, time)

    async def _archived(self, path: str, time: Time) -> list[Channel]:
        """Return the threads that were archived in that time or later; those that the bot may see."""
        since = datetime.fromtimestamp((time.since_ms - MARGIN_MS) / 1000, UTC)
        found: list[Channel] = []
        before: dict[str, str | int] = {}
        while True:
            try:
                page = await self._rest.get(path, Threads, limit=PAGE, **before)
            except NotForUs:
                # It takes the right to manage threads to hear private ones that one is not in.
                return found
            times = [datetime.fromisoformat(thread.archived_at) for thread in page.threads]
            late = [thread for thread, at in zip(page.threads, times, strict=True) if at >= since]
            found += late
            if not page.has_more or not times or len(late) < len(times):
                return found
            before = {"before": min(times).isoformat()}


def _event(server: str, channel: Channel, message: bytes) -> bytes:
    about = msgspec.json.encode(
        {"source": "rest", "guild_id": server, "channel_id": channel.id, "channel_type": channel.type}
    )
    return about[:-1] + b',"d":' + message + b"}"
