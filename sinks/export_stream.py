"""From PostgreSQL to bytes: COPY → format and compressor → whoever writes, in bounded memory.

`write_export` reads one snapshot and returns when the last byte was written. Where the bytes go, and what
becomes of a file that was not completed, is its caller's matter.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import orjson

from models.errors import BadRecord
from models.exports import Format, Source
from sinks.errors import CannotGoOn
from sinks.export_formats import content_type_of, copy_quotes, encoder_of
from sinks.export_query import TooManyQuestions, counting, query_of
from sinks.export_scope import ExportImpossible, NoSuchSurvey, scope_of
from sinks.sql import statement
from sinks.sqlstate import DRIVER_ERRORS, verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from models.exports import ExportOptions
    from sinks.export_query import Query

    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = [
    "Export",
    "ExportImpossible",
    "NoSuchSurvey",
    "Progress",
    "TooManyQuestions",
    "content_type_of",
    "estimate",
    "write_export",
]

#: Enough for a thread or an upload to be worth its while; a few of them are in memory at once.
BLOCK_BYTES = 1024 * 1024
#: Blocks that wait while one is written: PostgreSQL goes on meanwhile.
BLOCKS_AHEAD = 2
#: PostgreSQL sends 8 kB at a time; less than this is not taken at once (it waits in the kernel's buffers), which
#: takes half the CPU time.
SMALL_BYTES = 128 * 1024
GATHER_S = 0.001
#: How long a server may think before the first row or between two, while nobody keeps it from writing.
SILENCE_S = 600.0
#: How long a count may take before a guess will do.
COUNT_S = 2.0
#: A server that has vanished without a word is noticed within half a minute.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
#: Of a block, to see how many of its lines are rows: a cell may hold lines too.
SAMPLE_BYTES = 16 * 1024
_READING = statement("export_session")
_WALKING = statement("export_walk")
_COUNTING = f"SET LOCAL statement_timeout = {COUNT_S * 1000:.0f}"


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported: which survey of whom, and how.

    Attributes:
        owner: the email address, exactly.
        survey: its name.
        source: what of it.
        options: how it is written.
    """

    owner: str
    survey: str
    source: Source
    options: ExportOptions


@dataclass(slots=True)
class Progress:
    """How far an export is; `write_export` changes it as it goes, anyone may read it.

    Attributes:
        rows: read from PostgreSQL; of CSV a close guess until the end, then exact.
        bytes: handed to `write`, so compressed where the file is.
    """

    rows: int = 0
    bytes: int = 0


async def estimate(connection: Connection, export: Export) -> int:
    """Return how many rows to expect: counted if that is quick, else as PostgreSQL guesses.

    Args:
        connection: outside of a transaction.
        export: of what.

    Raises:
        NoSuchSurvey: the owner has none of that name.
        ServiceDown, CannotGoOn: PostgreSQL failed.
    """
    async with _snapshot(connection, _READING):
        with _told_apart():
            scope = await scope_of(connection, export.owner, export.survey)
            query = counting(scope, export.source, export.options)
            try:
                async with connection.transaction():
                    await connection.execute(_COUNTING)
                    counted: int = await connection.fetchval(query.sql, *query.arguments)
                    return counted
            except asyncpg.QueryCanceledError:
                guessed = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query.sql}", *query.arguments)
    # What the count would have counted is below it.
    below: dict[str, float] = orjson.loads(guessed)[0]["Plan"]["Plans"][0]
    return round(below["Plan Rows"])


async def write_export(
    connection: Connection,
    export: Export,
    write: Callable[[bytes], Awaitable[None]],
    progress: Progress,
) -> None:
    """Write the whole file, from header to footer, as the data is at this moment.

    Args:
        connection: for this alone, outside of a transaction, without a time limit of its own
            (`connect(…, statement_timeout_s=0)`). It is closed when the export ends half-way.
        export: what to write.
        write: takes the next bytes, 1 MB or so, and returns when there is room for more.
        progress: changed as it goes.

    Raises:
        ExportImpossible: there will never be such a file; the message is for the owner.
        ServiceDown, CannotGoOn: PostgreSQL failed.
    """
    _notice_a_vanished_server(connection)
    async with _snapshot(connection, _WALKING if export.source is Source.CHAT_LOG else _READING):
        with _told_apart():
            scope = await scope_of(connection, export.owner, export.survey)
            query = await query_of(connection, scope, export.source, export.options)
        await _stream(connection, query, export.options, write, progress)


async def _stream(
    connection: Connection,
    query: Query,
    options: ExportOptions,
    write: Callable[[bytes], Awaitable[None]],
    progress: Progress,
) -> None:
    encoder = encoder_of(query.columns, options)

    async def write_on(data: bytes) -> None:
        if data:
            await write(data)
            progress.bytes += len(data)

    copy = _Copy(connection, query, options, progress)
    copying = asyncio.create_task(copy.run(), name="export-copy")
    try:
        await write_on(encoder.begin())
        while (block := await copy.blocks.get()) is not None:
            await write_on(block if encoder.is_plain else await asyncio.to_thread(encoder.feed, block))
        await copying
        await write_on(encoder.finish() if encoder.is_plain else await asyncio.to_thread(encoder.finish))
    except BaseException:
        copying.cancel()
        await asyncio.gather(copying, return_exceptions=True)
        # Nobody waits until the server has noticed: it may be the one that does not answer.
        connection.terminate()
        raise


class _Copy:
    """COPY → blocks of whole rows.

    Attributes:
        blocks: what was read; None is the end, good or bad.
    """

    def __init__(
        self, connection: Connection, query: Query, options: ExportOptions, progress: Progress
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
            with _told_apart():
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
        """Add the block's rows, without looking at all of it: at most one cell in a few has lines."""
        sample = block[:SAMPLE_BYTES]
        if self._options.format is not Format.JSONL and (lines := sample.count(b"\n")):
            # What is between quotes is every second piece: a quote inside is doubled.
            rows = sum(piece.count(b"\n") for piece in sample.split(b'"')[::2])
            self._rows_per_line = rows / lines
        self._rows += block.count(b"\n") * self._rows_per_line
        self._progress.rows = round(self._rows)


@asynccontextmanager
async def _snapshot(connection: Connection, session: str) -> AsyncIterator[None]:
    """Give a transaction that sees one moment, and has settings of its own."""
    transaction = connection.transaction(isolation="repeatable_read", readonly=True)
    with _told_apart():
        await transaction.start()
    try:
        with _told_apart():
            await connection.execute(session)
        yield
    finally:
        if not connection.is_closed():
            with suppress(*DRIVER_ERRORS):
                await transaction.rollback()


@contextmanager
def _told_apart() -> Iterator[None]:
    """Say of what PostgreSQL refuses who must act."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError:
        raise CannotGoOn(
            "The database user may not read what exports need: grant it the role chatlog_exporter"
        ) from None
    except DRIVER_ERRORS as error:
        found = verdict(error)
        if isinstance(found, BadRecord):
            raise ExportImpossible(f"PostgreSQL cannot write these rows: {found.detail}") from None
        raise found from None


def _notice_a_vanished_server(connection: Connection) -> None:
    """Have the kernel ask whether the server's is still there: while it computes, it says nothing."""
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined] # noqa: SLF001  no option
    connected: socket.socket = transport.get_extra_info("socket")
    if connected.family in {socket.AF_INET, socket.AF_INET6}:
        for level, option, value in _KEEPALIVE:
            connected.setsockopt(level, option, value)
