"""What is remembered of all shards of a bot, in a file: so that a session outlives the process.

Without the file nothing is lost but what no history tells (edits and deletions of the meantime): how far each
server was heard is in the database too (`connector_gaps`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import msgspec

from app.connect.discord.progress import Position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(dict[str, Position]).decode


class Positions:
    """A file of positions, by shard.

    Args:
        path: of the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, Position] | None = None

    async def read(self) -> dict[str, Position]:
        """Return what is remembered; nothing if there is no file, or one that cannot be read."""
        try:
            self._written = _decode(await asyncio.to_thread(self._path.read_bytes))
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            log.warning("What Discord's sessions have come to cannot be read", extra={"error": repr(error)})
            return {}
        return self._written

    async def write(self, positions: Mapping[str, Position]) -> None:
        """Remember, in place of what was; do nothing if that is the same.

        Raises:
            OSError: it cannot be written.
        """
        if self._written != positions:
            await asyncio.to_thread(self._replace, msgspec.json.encode(positions))
            self._written = dict(positions)

    def _replace(self, content: bytes) -> None:
        """Write it beside, then in place: whatever dies, there is the old one or the new one."""
        beside = self._path.with_suffix(".new")
        beside.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
