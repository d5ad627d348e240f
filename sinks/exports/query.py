"""An export as one SQL statement, whose rows come sorted without sorting: what COPY is given.

A statement is put together from the pieces below and numbered parameters, never from values. Each version
of a survey is one branch, and each branch is read from an index in the wanted order (by month, as
chat_log is partitioned); PostgreSQL merges them. So the first row comes at once, however many there are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from models.exports import Format, Source
from sinks.exports.cells import Kind, answer, unreadable, written
from sinks.exports.columns import Column, columns_of, table_of, unique
from sinks.exports.lines import Cell, Query, Statement
from sinks.exports.scope import ExportImpossible

if TYPE_CHECKING:
    import asyncpg

    from models.exports import ExportOptions
    from sinks.exports.scope import Scope

#: PostgreSQL allows 1,664 columns in a result.
WIDE_MAX_QUESTIONS = 1_600
#: So long may one of many answers be: a person's are one value on the way, which can have 256 MB.
WIDE_ANSWER_MAX_BYTES = 128 * 1024

_BY_SURVEYID = "SELECT * FROM {table} WHERE surveyid = {surveyid}::uuid"
_BY_ERA = """SELECT * FROM {table}
WHERE surveyid IS NULL AND shortcode = {shortcode}::varchar AND pageid = ANY ({pages}::varchar[])
  AND ({since}::timestamptz IS NULL OR timestamp > {since}::timestamptz)
  AND ({until}::timestamptz IS NULL OR timestamp <= {until}::timestamptz)"""
# What is NULL is known when the statement is planned: it costs nothing, and a time leaves out whole months.
_IN_TIME = """
  AND ({since}::timestamptz IS NULL OR timestamp >= {since}::timestamptz)
  AND ({until}::timestamptz IS NULL OR timestamp < {until}::timestamptz)"""
_SAID_BY = """
  AND direction = {direction}::varchar"""
# Neither the message that was unsent nor its edits; that something was, stays. The payload is only read of
# people who took something back. As subqueries, so that the ids are hashed and the rows stay in order.
_NOT_TAKEN_BACK = """
  AND (message_type = 'unsent'
       OR userid NOT IN (SELECT unnest({people}::varchar[]))
       OR coalesce(raw_payload #>> '{{message,mid}}', raw_payload #>> '{{message_edit,mid}}', '')
          NOT IN (SELECT unnest({unsent}::text[])))"""

_QUESTIONS = """SELECT question_ref FROM ({rows}) AS answer
WHERE question_ref IS NOT NULL
GROUP BY question_ref
ORDER BY min(question_idx) NULLS LAST, question_ref"""
# Answers by the number of the question, so that no question becomes a part of the statement. Of two answers
# with the same key, jsonb keeps the last: the newest.
_PEOPLE = """SELECT
    userid,
    jsonb_object_agg(
        array_position({questions}::varchar[], question_ref), {response} ORDER BY timestamp, question_ref
    ) AS answers
FROM ({rows}) AS answer
WHERE question_ref = ANY ({questions}::varchar[])
GROUP BY userid"""
_WIDE_AS_JSON = """json_object(
    {names}::varchar[],
    entry.userid::text || ARRAY(
        SELECT {answer} FROM generate_series(1, cardinality({names}::varchar[]) - 1) AS number
        ORDER BY number))"""
_COUNT = "SELECT count(*) FROM ({rows}) AS entry"
_COUNT_PEOPLE = "SELECT count(DISTINCT userid) FROM ({rows}) AS answer WHERE question_ref IS NOT NULL"


class TooManyQuestions(ExportImpossible):
    """A wide file would have more columns than PostgreSQL can write."""


async def query_of(
    connection: asyncpg.Connection[asyncpg.Record], scope: Scope, source: Source, options: ExportOptions
) -> Query:
    """Return what to COPY.

    Args:
        connection: asked for the questions of a wide file; the statement fits its snapshot.
        scope: which rows.
        source: of which table.
        options: which columns, in which format.

    Raises:
        TooManyQuestions: for a wide file.
    """
    if options.wide:
        return await _wide(connection, scope, options)
    return _long(scope, source, options)


def counting(scope: Scope, source: Source, options: ExportOptions) -> Statement:
    """Return the statement that counts the rows of the file."""
    arguments = _Arguments()
    rows = _rows(scope, source, options, arguments)
    return Statement((_COUNT_PEOPLE if options.wide else _COUNT).format(rows=rows), arguments.all())


class _Arguments:
    """Numbers the parameters of a statement while it is put together."""

    def __init__(self) -> None:
        self._values: list[object] = []

    def add(self, value: object) -> str:
        self._values.append(value)
        return f"${len(self._values)}"

    def all(self) -> tuple[object, ...]:
        return tuple(self._values)


def _long(scope: Scope, source: Source, options: ExportOptions) -> Query:
    arguments = _Arguments()
    columns, order = columns_of(source, options), table_of(source).order
    cells = tuple(
        Cell(
            written(f"entry.{column.name}", column.kind, options),
            unreadable(column.kind, options),
            column.name if options.format is Format.JSONL else "",
            column.name in order,
        )
        for column in columns
    )
    rows = _rows(scope, source, options, arguments)
    return Query(columns, cells, rows, order, arguments.all())


async def _wide(
    connection: asyncpg.Connection[asyncpg.Record], scope: Scope, options: ExportOptions
) -> Query:
    questions = await _questions(connection, scope, options)
    names = unique(["userid", *questions])
    arguments = _Arguments()
    people = _PEOPLE.format(
        questions=arguments.add(questions),
        response=answer("response", WIDE_ANSWER_MAX_BYTES),
        rows=_rows(scope, Source.RESPONSES, options, arguments),
    )
    note = unreadable(Kind.TEXT, options)
    if options.format is Format.JSONL:
        as_json = partial(_WIDE_AS_JSON.format, names=arguments.add(names))
        cells = [Cell(as_json(answer="entry.answers ->> number::text"), as_json(answer=note))]
    else:
        answers = [f"(entry.answers ->> '{number}')" for number in range(1, len(names))]
        cells = [
            Cell(written("entry.userid", Kind.TEXT, options), note, is_key=True),
            *(Cell(written(answer_, Kind.TEXT, options), note) for answer_ in answers),
        ]
    columns = tuple(Column(name, Kind.TEXT) for name in names)
    return Query(columns, tuple(cells), people, ("userid",), arguments.all())


async def _questions(
    connection: asyncpg.Connection[asyncpg.Record], scope: Scope, options: ExportOptions
) -> list[str]:
    arguments = _Arguments()
    sql = _QUESTIONS.format(rows=_rows(scope, Source.RESPONSES, options, arguments))
    found = [row["question_ref"] for row in await connection.fetch(sql, *arguments.all())]
    if len(found) > WIDE_MAX_QUESTIONS:
        raise TooManyQuestions(
            f"The answers are to {len(found):,} questions, and a wide file can have {WIDE_MAX_QUESTIONS:,}: "
            "export them with one row per response, or a shorter time"
        )
    return found


def _rows(scope: Scope, source: Source, options: ExportOptions, arguments: _Arguments) -> str:
    """Return the rows that are wanted, branch by branch; no row is in two of them."""
    table, order = table_of(source).name, ", ".join(table_of(source).order)
    wanted = _IN_TIME.format(since=arguments.add(options.since), until=arguments.add(options.until))
    if options.direction:
        wanted += _SAID_BY.format(direction=arguments.add(options.direction.value))
    if source is Source.CHAT_LOG and scope.unsent and not options.include_unsent:
        people, mids = zip(*scope.unsent, strict=True)
        wanted += _NOT_TAKEN_BACK.format(people=arguments.add(people), unsent=arguments.add(mids))
    branches = [
        _BY_SURVEYID.format(table=table, surveyid=arguments.add(surveyid)) for surveyid in scope.surveyids
    ]
    branches += [
        _BY_ERA.format(
            table=table,
            shortcode=arguments.add(era.shortcode),
            pages=arguments.add(era.pages),
            since=arguments.add(era.since),
            until=arguments.add(era.until),
        )
        for era in scope.eras
    ]
    return "\nUNION ALL\n".join(f"({branch}{wanted}\n  ORDER BY {order})" for branch in branches)
