"""The rows of a survey that an export is of, as SQL: branch by branch, each read in order from an index.

A statement is put together from the pieces below and numbered parameters, never from values. Each version
of a survey is one branch, and each branch is read from an index in the wanted order (by month, as
chat_log is partitioned); PostgreSQL merges them. So the first row comes at once, however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.exports import Source
from sinks.exports.columns import table_of

if TYPE_CHECKING:
    from models.exports import ExportOptions
    from sinks.exports.scope import Scope

_BY_SURVEYID = "SELECT {columns} FROM {table} WHERE surveyid = {surveyid}::uuid"
_BY_ERA = """SELECT {columns} FROM {table}
WHERE surveyid IS NULL AND shortcode = {shortcode}::varchar AND pageid = ANY ({pages}::varchar[])
  AND ({since}::timestamptz IS NULL OR timestamp > {since}::timestamptz)
  AND ({until}::timestamptz IS NULL OR timestamp <= {until}::timestamptz)"""
# What is NULL is known when the statement is planned: it costs nothing, and a time leaves out whole months.
_IN_TIME = """
  AND ({since}::timestamptz IS NULL OR timestamp >= {since}::timestamptz)
  AND ({until}::timestamptz IS NULL OR timestamp < {until}::timestamptz)"""
_SAID_BY = """
  AND direction = {direction}::varchar"""


class Arguments:
    """Numbers the parameters of a statement while it is put together."""

    def __init__(self) -> None:
        self._values: list[object] = []

    def add(self, value: object) -> str:
        """Take a value; return what stands for it."""
        self._values.append(value)
        return f"${len(self._values)}"

    def all(self) -> tuple[object, ...]:
        """Return the values in their order."""
        return tuple(self._values)


def rows_of(
    scope: Scope,
    source: Source,
    options: ExportOptions,
    arguments: Arguments,
    *,
    columns: str = "*",
    in_order: bool = True,
) -> str:
    """Return the rows that are wanted, branch by branch; no row is in two of them.

    Args:
        scope: which rows are the survey's.
        source: of which table.
        options: which of them are wanted.
        arguments: gets the parameters.
        columns: which are needed.
        in_order: whether they are to come in the order of the table.
    """
    table, order = table_of(source).name, ", ".join(table_of(source).order)
    wanted = _IN_TIME.format(since=arguments.add(options.since), until=arguments.add(options.until))
    if options.direction:
        wanted += _SAID_BY.format(direction=arguments.add(options.direction.value))
    if source is Source.CHAT_LOG and scope.unsent.taken and not options.include_unsent:
        wanted += f"\n  AND {scope.unsent.kept('userid', arguments.add)}"
    branches = [
        _BY_SURVEYID.format(columns=columns, table=table, surveyid=arguments.add(surveyid))
        for surveyid in scope.surveyids
    ]
    branches += [
        _BY_ERA.format(
            columns=columns,
            table=table,
            shortcode=arguments.add(era.shortcode),
            pages=arguments.add(era.pages),
            since=arguments.add(era.since),
            until=arguments.add(era.until),
        )
        for era in scope.eras
    ]
    ordered = f"\n  ORDER BY {order}" if in_order else ""
    return "\nUNION ALL\n".join(f"({branch}{wanted}{ordered})" for branch in branches)
