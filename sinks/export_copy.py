"""COPY → blocks of whole rows, as fast as PostgreSQL sends them and no faster than they are taken.

What becomes of the blocks is `sinks.export_stream`'s matter.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from models.exports import Format
from sinks.export_connection import told_apart
from sinks.export_formats import copy_quotes

if TYPE_CHECKING:
    import asyncpg

    from models.exports import ExportOptions
    from sinks.export_query import Query

#: Enough for a thread or an upload to be worth its while; a few of them are in memory at once.
BLOCK_BYTES = 1024 * 1024
#: Blocks that wait while one is written: PostgreSQL goes on meanwhile.
BLOCKS_AHEAD = 2
#: PostgreSQL sends 8 kB at a time. Where so little was there to read, more is let come into the kernel's
#: buffers: half the CPU time, and none of it on the clock.
SMALL_BYTES = 128 * 1024
GATHER_S = 0.001
#: How long a server may think before the first row or between two, while nobody keeps it from writing.
SILENCE_S = 600.0
#: Of a block, to see how many of its lines are rows: a cell may hold lines too.
SAMPLE_BYTES = 32 * 1024


@dataclass(slots=True)
class Progress:
    """How far an export is; `write_export` changes it as it goes, anyone may read it.

    Attributes:
        rows: read from PostgreSQL; of CSV a close guess until the end, then exact.
        bytes: handed to `write`, so compressed where the file is.
        not_shown: how many cells say that they could not hold their value; known at the end.
    """

    rows: int = 0
    bytes: int = 0
    not_shown: int = 0


class Copy:
    """COPY → blocks of whole rows.

    Attributes:
        blocks: what was read; None is the end, good or bad.
    """

    def __init__(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        query: Query,
        options: ExportOptions,
        progress: Progress,
    ) -> None:
        self.blocks: asyncio.Queue[bytes | None] = asyncio.Queue(BLOCKS_AHEAD)
        self._connection = connection
        self._query = query
        self._options = options
        self._progress = progress
        self._rows_per_line = 1.0
        self._rows = 0.0
        self._chunks: list[bytes] = []
        self._size = 0

    async def run(self) -> None:
        """Read to the end, which `blocks` is told; but if this is cancelled, nobody takes blocks any more."""
        try:
            with told_apart():
                status = await self._read()
        except Exception:
            await self.blocks.put(None)
            raise
        self._progress.rows = int(status.rpartition(" ")[2])
        await self.blocks.put(None)

    async def _read(self) -> str:
        quote, delimiter = copy_quotes(self._options)
        async with asyncio.timeout(SILENCE_S) as silence:
            status: str = await self._connection.copy_from_query(
                self._query.sql,
                *self._query.arguments,
                output=partial(self._take, silence),
                format="csv",
                quote=quote,
                delimiter=delimiter,
            )
        await self._hand_over()
        return status

    async def _take(self, silence: asyncio.Timeout, chunk: bytes) -> None:
        # PostgreSQL sends a row as one message, and asyncpg gives messages whole.
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= BLOCK_BYTES:
            silence.reschedule(None)
            await self._hand_over()
        elif len(chunk) < SMALL_BYTES:
            # Each turn costs the same, whatever it brings: wait until there is more to read at once.
            await asyncio.sleep(GATHER_S)
        silence.reschedule(asyncio.get_running_loop().time() + SILENCE_S)

    async def _hand_over(self) -> None:
        block = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if block:
            self._count(block)
            await self.blocks.put(block)

    def _count(self, block: bytes) -> None:
        """Add the block's rows, as its beginning has lines and rows: to look at all of it would take long."""
        if self._options.format is not Format.JSONL:
            self._rows_per_line = _rows_per_line(block[:SAMPLE_BYTES]) or self._rows_per_line
        self._rows += block.count(b"\n") * self._rows_per_line
        self._progress.rows = round(self._rows)


def _rows_per_line(sample: bytes) -> float | None:
    """Return the share of line breaks in CSV that end a row; None if no row ends in it."""
    # What is between quotes is every second piece, as a quote in a cell is doubled.
    pieces = [piece.count(b"\n") for piece in sample.split(b'"')]
    ends, within = pieces[::2], pieces[1::2]
    last = max((position for position, count in enumerate(ends) if count), default=None)
    return None if last is None else sum(ends) / (sum(ends) + sum(within[:last]))
