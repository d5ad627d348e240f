"""From PostgreSQL to bytes: COPY → format and compressor → whoever writes, in bounded memory.

`write_export` reads one snapshot and returns when the last byte was written. Where the bytes go, and what
becomes of a file that was not completed, is its caller's matter.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import orjson

from models.exports import Source
from sinks.exports.connection import enable_keepalive, mapped_errors, snapshot
from sinks.exports.copy import Copy, Written, header_of
from sinks.exports.formats import content_type_of, encoder_of
from sinks.exports.query import TooManyQuestions, counting, query_of
from sinks.exports.scope import ExportImpossible, NoSurveyToExport, NotShared, scope_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from models.exports import ExportOptions
    from sinks.exports.formats import Encoder

    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = [
    "ExportImpossible",
    "NoSurveyToExport",
    "NotShared",
    "TooManyQuestions",
    "WantedExport",
    "Written",
    "content_type_of",
    "estimate",
    "write_export",
]

#: How long a count may take before a guess will do.
COUNT_S = 2.0
_SQL = statements("export_data")
_READING = _SQL.export_session
_WALKING = _SQL.export_walk
_COUNTING = f"SET LOCAL statement_timeout = {COUNT_S * 1000:.0f}"


@dataclass(frozen=True, slots=True)
class WantedExport:
    """What is exported: which survey of whom, and how.

    Attributes:
        owner: the email address, however it is written (`models.owners`).
        survey: its name.
        source: what of it.
        options: how it is written.
        asked_by: the email address of whoever gets it; None if that is the owner.
    """

    owner: str
    survey: str
    source: Source
    options: ExportOptions
    asked_by: str | None = None


async def estimate(connection: Connection, export: WantedExport) -> int:
    """Return how many rows to expect: counted if that is quick, else as PostgreSQL guesses.

    Args:
        connection: outside of a transaction.
        export: of what.

    Raises:
        NotShared: whoever asked may not have it.
        NoSurveyToExport: the owner has none of that name.
        ServiceDown, CannotGoOn: PostgreSQL failed.
    """
    async with snapshot(connection, _READING):
        with mapped_errors():
            scope = await scope_of(connection, export.owner, export.survey, export.asked_by or export.owner)
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
    export: WantedExport,
    write: Callable[[bytes], Awaitable[None]],
    progress: Written,
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
    enable_keepalive(connection)
    async with snapshot(connection, _WALKING if export.source is Source.CHAT_LOG else _READING):
        with mapped_errors():
            scope = await scope_of(connection, export.owner, export.survey, export.asked_by or export.owner)
            query = await query_of(connection, scope, export.source, export.options)
            header = await header_of(connection, query.columns, export.options)
        encoder = encoder_of(query.columns, export.options, header)
        copy = Copy(connection, query, export.options, progress)
        await _stream(connection, copy, encoder, write, progress)


async def _stream(
    connection: Connection,
    copy: Copy,
    encoder: Encoder,
    write: Callable[[bytes], Awaitable[None]],
    progress: Written,
) -> None:
    async def write_on(data: bytes) -> None:
        if data:
            await write(data)
            progress.bytes += len(data)

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
