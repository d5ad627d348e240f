"""What a shard missed, server by server: known when it is lost, fetched as soon as the server is in sight."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

from app.connect.discord.history import History, Time
from app.connect.hearing import Gap, Missed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.connect.connector import Connector
    from app.connect.discord.history import Put
    from app.connect.discord.rest import Rest

log = logging.getLogger(__name__)


class CatchingUp:
    """Fetches what was missed, while `run` runs.

    Args:
        rest: Discord's REST API.
        connector: is told what was fetched, and what cannot be.
        put: hands in events.
        done: is called when nothing is missing any more, and Kafka has it all.
    """

    def __init__(self, rest: Rest, connector: Connector, put: Put, done: Callable[[], None]) -> None:
        self._history = History(rest, put, self._cannot_fetch)
        self._connector = connector
        self._done = done
        self._missing: dict[str, Time] = {}
        self._in_sight: asyncio.Queue[str] = asyncio.Queue()

    def __len__(self) -> int:
        """Return of how many servers something is missing."""
        return len(self._missing)

    def need(self, missing: Mapping[str, Time]) -> None:
        """Note of which servers something is missing, and that of no others anything is."""
        self._missing = dict(missing)

    def need_too(self, server: str, time: Time) -> None:
        """Note that something is missing of a server, beside what is missing already."""
        earlier = self._missing.get(server, time)
        self._missing[server] = Time(min(earlier.since_ms, time.since_ms), time.until_ms)

    def see(self, server: str) -> None:
        """Note that a server can be asked now."""
        if server in self._missing:
            self._in_sight.put_nowait(server)

    def forget(self, server: str) -> None:
        """Note that a server will never be asked."""
        self._missing.pop(server, None)

    async def run(self) -> NoReturn:
        """Fetch, until cancelled."""
        while True:
            server = await self._in_sight.get()
            if (time := self._missing.get(server)) is None:
                continue
            if await self._history.fetch(server, time):
                self._connector.hearing.fetched(server, time.since_ms, time.until_ms)
                self._connector.gap_log.wake()
            # Unless more came to be missing meanwhile.
            if self._missing.get(server) is time:
                del self._missing[server]
            if not self._missing:
                await self._connector.handing_in.flush()
            if not self._missing:
                self._done()
                log.info("What was missed was fetched from Discord's history")

    def _cannot_fetch(self, channel: str, time: Time) -> None:
        log.warning("What was said in a channel cannot be fetched", extra={"channel": channel})
        self._connector.gap_log.add(Gap(channel, time.since_ms, time.until_ms, Missed.NOT_SHOWN))
