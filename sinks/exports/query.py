"""An export as one SQL statement, whose rows come sorted without sorting: what COPY is given.

Which rows of a survey there are is `sinks.exports.rows`' matter, which messages a filter finds
`sinks.exports.messages`', how a value is written `sinks.exports.cells`'.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from models.exports import Format, Source
from sinks.exports.cells import Kind, answer, unreadable, written
from sinks.exports.columns import Column, columns_of, table_of
from sinks.exports.lines import Cell, Query, Statement
from sinks.exports.questions import KEY, check_fits_wide, questions_of, wide_names
from sinks.exports.rows import Arguments, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from models.exports import ExportOptions
    from sinks.exports.columns import Table
    from sinks.exports.scope import Scope

#: So long may one of many answers be: a person's are one value on the way, which can have 256 MB.
WIDE_ANSWER_MAX_BYTES = 128 * 1024

# Answers by the number of the question, so that no question becomes a part of the statement. Of two answers
# with the same key, jsonb keeps the last: the newest.
_PEOPLE = """SELECT
    userid,
    jsonb_object_agg(
        array_position({questions}::text[], {key}), {response} ORDER BY timestamp, question_ref
    ) AS answers
FROM ({rows}) AS answer
WHERE {key} = ANY ({questions}::text[])
GROUP BY userid"""
_WIDE_AS_JSON = """json_object(
    {names}::varchar[],
    entry.userid::text || ARRAY(
        SELECT {answer} FROM generate_series(1, cardinality({names}::varchar[]) - 1) AS number
        ORDER BY number))"""
_COUNT = "SELECT count(*) FROM ({rows}) AS entry"
_COUNT_PEOPLE = "SELECT count(DISTINCT userid) FROM ({rows}) AS answer WHERE question_ref IS NOT NULL"
#: What is counted by, of both tables; nobody who only counts has to be able to read what was answered.
_COUNTED = {Source.CHAT_LOG: "userid", Source.RESPONSES: "userid, question_ref"}


async def query_of(
    connection: asyncpg.Connection[asyncpg.Record], scope: Scope, source: Source, options: ExportOptions
) -> Query:
    """Return what to COPY of a survey.

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
    arguments = Arguments()
    return query_for(table_of(source), rows_of(scope, source, options, arguments), arguments.all(), options)


def query_for(table: Table, rows: str, arguments: Sequence[object], options: ExportOptions) -> Query:
    """Return what to COPY where the rows have the columns of a table.

    Args:
        table: what the file is of.
        rows: SQL that gives its rows.
        arguments: the parameters of that.
        options: which columns, in which format.
    """
    columns = columns_of(table, options)
    cells = tuple(
        Cell(
            written(f'entry."{column.name}"', column.kind, options),
            unreadable(column.kind, options),
            column.name if options.format is Format.JSONL else "",
            column.name in table.order,
        )
        for column in columns
    )
    return Query(columns, cells, rows, table.order, tuple(arguments))


def counting(scope: Scope, source: Source, options: ExportOptions) -> Statement:
    """Return the statement that counts the rows of the file."""
    arguments = Arguments()
    rows = rows_of(scope, source, options, arguments, columns=_COUNTED[source], in_order=False)
    return Statement((_COUNT_PEOPLE if options.wide else _COUNT).format(rows=rows), arguments.all())


async def _wide(
    connection: asyncpg.Connection[asyncpg.Record], scope: Scope, options: ExportOptions
) -> Query:
    questions = await questions_of(connection, scope, options)
    check_fits_wide(questions)
    names = wide_names(questions)
    arguments = Arguments()
    people = _PEOPLE.format(
        questions=arguments.add([question.key for question in questions]),
        key=KEY,
        response=answer("response", WIDE_ANSWER_MAX_BYTES),
        rows=rows_of(scope, Source.RESPONSES, options, arguments),
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
