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

from models.exports import AskedAs, Source
from sinks.exports.codebook import codebook_query, codebook_rows
from sinks.exports.connection import enable_keepalive, mapped_errors, snapshot
from sinks.exports.copy import Copy, Written, header_of
from sinks.exports.formats import content_type_of, encoder_of
from sinks.exports.learner import learner_count, learner_query
from sinks.exports.messages import messages_count, messages_query
from sinks.exports.query import counting, query_of
from sinks.exports.questions import TooManyQuestions
from sinks.exports.scope import ExportImpossible, NoSurveyToExport, NotShared, scope_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from models.exports import ExportOptions
    from sinks.exports.formats import Encoder
    from sinks.exports.lines import Query, Statement

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
    "rows_expected",
    "write_export",
]

#: How long a count may take before a guess will do.
COUNT_S = 2.0
_SQL = statements("export_data")
_READING = _SQL.export_session
_WALKING = _SQL.export_walk
_COUNTING = "SET LOCAL statement_timeout = {ms:.0f}"
# So that what is counted is right below the count.
_GUESSING = "SET LOCAL max_parallel_workers_per_gather = 0"
#: Of these the rows are many, and there is an index in their order.
_WALKED = frozenset({Source.CHAT_LOG})


@dataclass(frozen=True, slots=True)
class WantedExport:
    """What is exported: which survey of whom, or which messages, and how.

    Attributes:
        owner: the email address, however it is written (`models.owners`); of messages, of whoever asked.
        survey: its name; empty for messages.
        source: what of it.
        options: how it is written.
        asked_by: the email address of whoever gets it; None if that is the owner.
        asked_as: as whom messages were asked for.
    """

    owner: str
    survey: str
    source: Source
    options: ExportOptions
    asked_by: str | None = None
    asked_as: AskedAs | None = None

    @property
    def asker(self) -> str:
        """The email address of whoever gets it."""
        return self.asked_by or self.owner


@dataclass(frozen=True, slots=True)
class Expected:
    """How many rows a file will have.

    Attributes:
        rows: so many, or about so many.
        is_exact: whether they were counted.
    """

    rows: int
    is_exact: bool


async def estimate(connection: Connection, export: WantedExport) -> int:
    """Return how many rows to expect: counted if that is quick, else as PostgreSQL guesses.

    Raises:
        NotShared, NoSurveyToExport, ServiceDown, CannotGoOn: as of `rows_expected`.
    """
    return (await rows_expected(connection, export)).rows


async def rows_expected(connection: Connection, export: WantedExport, within_s: float = COUNT_S) -> Expected:
    """Return how many rows to expect.

    Args:
        connection: outside of a transaction.
        export: of what.
        within_s: how long they may be counted; then PostgreSQL guesses.

    Raises:
        NotShared: whoever asked may not have it.
        NoSurveyToExport: the owner has none of that name.
        ServiceDown, CannotGoOn: PostgreSQL failed.
    """
    async with snapshot(connection, _READING):
        with mapped_errors():
            if export.source is Source.CODEBOOK:
                scope = await scope_of(connection, export.owner, export.survey, export.asker)
                return Expected(await codebook_rows(connection, scope), is_exact=True)
            query = await _counting(connection, export)
            try:
                async with connection.transaction():
                    await connection.execute(_COUNTING.format(ms=within_s * 1000))
                    return Expected(await connection.fetchval(query.sql, *query.arguments), is_exact=True)
            except asyncpg.QueryCanceledError:
                await connection.execute(_GUESSING)
                guessed = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query.sql}", *query.arguments)
                share = await connection.fetchval(_SQL.export_people_share) if export.options.wide else 1
    # What the count would have counted is below it: of a wide file, answers.
    below: dict[str, float] = orjson.loads(guessed)[0]["Plan"]["Plans"][0]
    return Expected(round(below["Plan Rows"] * share), is_exact=False)


async def _counting(connection: Connection, export: WantedExport) -> Statement:
    if export.asked_as is not None and export.source is Source.LEARNER:
        return learner_count(export.asker, export.asked_as, export.options)
    if export.asked_as is not None:
        return await messages_count(connection, export.asker, export.asked_as, export.options)
    scope = await scope_of(connection, export.owner, export.survey, export.asker)
    return counting(scope, export.source, export.options)


async def _query(connection: Connection, export: WantedExport) -> Query:
    if export.asked_as is not None and export.source is Source.LEARNER:
        return learner_query(export.asker, export.asked_as, export.options)
    if export.asked_as is not None:
        return await messages_query(connection, export.asker, export.asked_as, export.options)
    scope = await scope_of(connection, export.owner, export.survey, export.asker)
    if export.source is Source.CODEBOOK:
        return await codebook_query(connection, scope, export.options)
    return await query_of(connection, scope, export.source, export.options)


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
    async with snapshot(connection, _WALKING if export.source in _WALKED else _READING):
        with mapped_errors():
            query = await _query(connection, export)
            header = await header_of(connection, query.columns, export.options)
        encoder = encoder_of(query.columns, export.options, header)
        copy = Copy(connection, query, export.options, progress)
        try:
            await _stream(connection, copy, encoder, write, progress)
        finally:
            encoder.close()


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
        end = encoder.finish()
        while (piece := await asyncio.to_thread(next, end, None)) is not None:
            await write_on(piece)
    except BaseException:
        copying.cancel()
        await asyncio.gather(copying, return_exceptions=True)
        # Nobody waits until the server has noticed: it may be the one that does not answer.
        connection.terminate()
        raise
