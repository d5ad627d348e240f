"""COPY → blocks of whole rows, as fast as PostgreSQL sends them and no faster than they are taken.

A row that PostgreSQL fails to write does not end it: the row is found, and what can be had of it is written,
with notes in place of the rest. What becomes of the blocks is `sinks.exports.stream`'s matter.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from models.exports import Format
from sinks.exports.cells import CELL_MAX_BYTES, NOT_SHOWN, Kind, written
from sinks.exports.connection import mapped_errors
from sinks.exports.formats import copy_quotes
from sinks.exports.lines import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from models.exports import ExportOptions
    from sinks.exports.columns import Column
    from sinks.exports.lines import Key, Query

    Connection = asyncpg.Connection[asyncpg.Record]
    Take = Callable[[bytes], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)

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
#: What PostgreSQL says of a value: data exceptions, limits, and what it finds damaged or did not foresee.
_OF_A_ROW = ("22", "54", "XX")
#: After a row that could not be written, so many rows are read at once at first, and twice as many each time.
NARROW_ROWS = 16
WIDE_ROWS = 1_000_000


_HEADER = "SELECT {cells} FROM (SELECT {names}) AS head"


@dataclass(slots=True)
class Written:
    """How far an export is; `write_export` changes it as it goes, anyone may read it.

    Attributes:
        rows: read from PostgreSQL.
        bytes: handed to `write`, so compressed where the file is.
        not_shown: how many cells say that they could not hold their value; known at the end.
    """

    rows: int = 0
    bytes: int = 0
    not_shown: int = 0


class Copy:
    """COPY → blocks of whole rows.

    Args:
        connection: in a transaction that sees one moment.
        query: what is read.
        options: the format.
        progress: told of the rows.

    Attributes:
        blocks: what was read; None is the end, good or bad.
    """

    def __init__(
        self, connection: Connection, query: Query, options: ExportOptions, progress: Written
    ) -> None:
        self.blocks: asyncio.Queue[bytes | None] = asyncio.Queue(BLOCKS_AHEAD)
        self._connection = connection
        self._query = query
        self._options = options
        self._progress = progress
        self._chunks: list[bytes] = []
        self._size = 0
        self._silence = asyncio.timeout(SILENCE_S)

    async def run(self) -> None:
        """Read to the end, which `blocks` is told; but if this is cancelled, nobody takes blocks any more."""
        try:
            with mapped_errors():
                async with self._silence:
                    await self._read()
                    counted = await self._connection.fetchval(f"SELECT current_setting('{NOT_SHOWN}')")
                self._progress.not_shown = int(counted)
        except Exception:
            await self.blocks.put(None)
            raise
        await self.blocks.put(None)

    async def _read(self) -> None:
        """Read all at once; after a row that cannot be written, in pieces that soon are large again."""
        after: Key | None = None
        limit: int | None = None
        while True:
            before = self._progress.rows
            try:
                await self._copy(self._query.lines(after, limit))
                rows = self._progress.rows - before
                if limit is None or rows < limit:
                    return
                limit = limit * 2 if limit < WIDE_ROWS else None
            except asyncpg.PostgresError as error:
                if not _is_of_a_row(error):
                    raise
                self._note_life()
                await self._hand_over()
                rows = self._progress.rows - before
                if rows:
                    await self._count_notes(self._query.lines(after, rows))
                if limit == 1:
                    await self._copy_in_spite(after, error)
                    rows = 1
                limit = min(limit or NARROW_ROWS * 2, NARROW_ROWS * 2) // 2 or 2
            if rows:
                after = await self._key_of(after, rows)

    async def _copy(self, statement: Statement) -> None:
        """Copy rows to the blocks.

        Raises:
            asyncpg.PostgresError: rows before are in the blocks, or about to be; their notes do not count.
        """
        undoing = self._connection.transaction()
        await undoing.start()
        try:
            await _copy_out(self._connection, statement, self._options, self._take)
        except asyncpg.PostgresError:
            await undoing.rollback()
            raise
        await undoing.commit()
        await self._hand_over()

    async def _copy_in_spite(self, after: Key | None, error: asyncpg.PostgresError) -> None:
        """Copy the row after another, of which PostgreSQL fails to write a part."""
        notes = [
            number for number in range(len(self._query.cells)) if not await self._can_be_had(number, after)
        ]
        if not notes:  # each is possible, but not all together
            notes = [number for number, cell in enumerate(self._query.cells) if not cell.is_key]
        log.warning(
            "PostgreSQL cannot write a row of an export; what it has is in the file, with notes for the rest",
            extra={"sqlstate": error.sqlstate, "cells": len(notes)},
        )
        await self._copy(self._query.lines(after, 1, notes))

    async def _can_be_had(self, number: int, after: Key | None) -> bool:
        """Tell whether a cell of the row after another can be written, and is not too large to be sent."""
        asked = self._query.size_of(number, after)
        looking = self._connection.transaction()
        await looking.start()
        try:
            size = await self._connection.fetchval(asked.sql, *asked.arguments)
        except asyncpg.PostgresError as error:
            if not _is_of_a_row(error):
                raise
            return False
        finally:
            # Its notes, too, are not to count.
            await looking.rollback()
        return size is None or size <= CELL_MAX_BYTES

    async def _count_notes(self, statement: Statement) -> None:
        """Count the notes in rows that were copied before it failed: that count is undone."""
        await _copy_out(self._connection, statement, self._options, self._forget)

    async def _key_of(self, after: Key | None, number: int) -> Key:
        asked = self._query.key_of(after, number)
        return tuple(await self._connection.fetchrow(asked.sql, *asked.arguments) or ())

    async def _take(self, chunk: bytes) -> None:
        # PostgreSQL sends a row as one message, and asyncpg gives messages whole.
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= BLOCK_BYTES:
            await self._hand_over()
        elif len(chunk) < SMALL_BYTES:
            # Each turn costs the same, whatever it brings: wait until there is more to read at once.
            await asyncio.sleep(GATHER_S)
        self._note_life()

    async def _forget(self, _: bytes) -> None:
        self._note_life()

    async def _hand_over(self) -> None:
        block = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if block:
            self._progress.rows += _rows_in(block, self._options)
            # Whoever writes may take as long as it likes.
            self._silence.reschedule(None)
            await self.blocks.put(block)
            self._note_life()

    def _note_life(self) -> None:
        self._silence.reschedule(asyncio.get_running_loop().time() + SILENCE_S)


async def header_of(connection: Connection, columns: Sequence[Column], options: ExportOptions) -> bytes:
    """Return the first line of a file, written as its rows are; nothing where the format has none."""
    if options.format is not Format.CSV:
        return b""
    numbers = range(1, len(columns) + 1)
    names = ", ".join(f"${number}::text AS c{number}" for number in numbers)
    cells = ", ".join(written(f"head.c{number}", Kind.TEXT, options) for number in numbers)
    statement = Statement(_HEADER.format(cells=cells, names=names), tuple(column.name for column in columns))
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    await _copy_out(connection, statement, options, take)
    return b"".join(pieces)


async def _copy_out(connection: Connection, statement: Statement, options: ExportOptions, take: Take) -> None:
    quote, delimiter = copy_quotes(options)
    await connection.copy_from_query(
        statement.sql, *statement.arguments, output=take, format="csv", quote=quote, delimiter=delimiter
    )


def _is_of_a_row(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "").startswith(_OF_A_ROW)


def _rows_in(block: bytes, options: ExportOptions) -> int:
    """Return how many rows a block of whole ones has: line breaks, but for those between quotes."""
    if options.format is Format.JSONL:
        return block.count(b"\n")
    rows, is_within = 0, False
    for line in block.split(b"\n")[:-1]:
        # A quote in a cell is doubled: so an odd number of them begins a cell that goes on, or ends one.
        is_within ^= line.count(b'"') % 2 == 1
        rows += not is_within
    return rows
