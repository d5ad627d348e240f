"""Follows the log of the VRChat client: who comes to the room that its user is in, and who goes.

Looked at once a second, and not by the system's notices of changed files: those do not come from a network's
share or another system's disk, where the logs often are. The files keep what was written while the connector
was away, for about a day; so a gap is filled as long as the file is there in which it last was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from app.connect.hearing import Missed
from app.connect.vrchat_log import LOG_FILES, LogPlace, Places, events_in, machine_zone, read_piece
from app.settings import ConfigurationError
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from app.connect.connector import Connector
    from app.connect.hearing import Ear

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
#: What gaps call the log as a whole: who was in which room is not known of what was not read.
CHANNEL = "log"


class VrchatLog:
    """Hands in what the files of a directory tell, until cancelled.

    Args:
        directory: where the client writes its logs.
        state: the file that remembers how far they were read; made, and written when Kafka has the lines.
        zone: the machine's zone by its IANA name; None for that of this machine, at each time.

    Raises:
        ConfigurationError: there is no such directory, or the state cannot be read.
    """

    def __init__(self, directory: Path, state: Path, zone: str | None) -> None:
        self._directory = directory
        self._zone = zone
        self._state = Places(state)
        if not directory.is_dir():
            raise ConfigurationError(f"--log-dir {directory}: there is no such directory")
        try:
            saved = self._state.load()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"{state} does not say how far the logs were read ({type(error).__name__}): mend it, or "
                "remove it and have them read from their beginnings, which doubles nothing"
            ) from None
        #: How far each file was read, the newest last; None before any was.
        self._places = saved
        self._trouble = Trouble(log, over="VRChat's logs can be read again")

    async def listen(self, connector: Connector) -> None:
        """Follow the files: `run_connector` calls it."""
        ear: Ear | None = None
        while True:
            looked_at = round(time.time() * 1000)
            try:
                has_all = self._has_all()
                await self._look(connector)
            except OSError as error:
                self._trouble.note(
                    "VRChat's logs cannot be read, or their places not saved; it is tried again",
                    {"error": error.strerror or type(error).__name__},
                )
                if ear is not None:
                    ear.ends(Missed.CONNECTION)
                    ear = None
            else:
                self._trouble.end()
                if ear is None:
                    ear = connector.hearing.new_ear()
                    ear.hears(CHANNEL, looked_at)
                    if has_all:
                        # Of the gap that has just ended, and of none before it.
                        connector.hearing.fetched(CHANNEL, looked_at - 1, looked_at)
                    connector.gap_log.wake()
                ear.reached(looked_at)
            await asyncio.sleep(LOOK_EVERY_S)

    def _has_all(self) -> bool:
        """Tell whether the files have all that was written since they were last read."""
        if self._places is None:
            return False
        return all((self._directory / file).exists() for file in list(self._places)[-1:])

    async def _look(self, connector: Connector) -> None:
        """Hand in what is new, and remember it when Kafka has it."""
        # Sorted, so that the last one is the newest, here and in the state.
        files = sorted(path.name for path in self._directory.glob(LOG_FILES))
        before = self._places or {}
        places = {file: before.get(file, LogPlace()) for file in files}
        for file in files:
            while True:
                place = await self._read(connector, file, places[file])
                if place == places[file]:
                    break
                places[file] = place
        if places != self._places:
            await connector.handing_in.flush()
            await asyncio.to_thread(self._state.save, places)
            self._places = places

    async def _read(self, connector: Connector, file: str, place: LogPlace) -> LogPlace:
        path = self._directory / file
        if path.stat().st_size < place.offset:
            log.warning("A log of VRChat is shorter than it was: it is read anew", extra={"file": file})
            place = LogPlace()
        piece = await asyncio.to_thread(read_piece, path, place.offset)
        events, after = events_in(file, piece, place, self._zone_of)
        if events:
            await connector.handing_in.put(*events)
        return after

    def _zone_of(self, local_time: str) -> str:
        return self._zone or machine_zone(local_time)
