"""The statement of an export, put together for all of its rows, or for some of them.

What the cells are, and which rows there are, is `sinks.exports.query`'s matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from sinks.exports.columns import Column

_LINES = "SELECT {cells} FROM ({rows}) AS entry{beyond} ORDER BY {order}{limit}"
_AS_JSON = "SELECT row_to_json(line) FROM ({lines}) AS line"
_TYPES = {
    "timestamp": "timestamptz",
    "first": "timestamptz",
    "id": "uuid",
    "conversation_id": "uuid",
    "thread_id": "uuid",
    "number": "bigint",
}

#: What a row has in the columns of the order, as PostgreSQL writes it: Python has no year 20000.
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters: `$1` and so on; each has its type."""

    sql: str
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """How a cell is written, as SQL.

    Attributes:
        value: what it holds.
        note: what says that it cannot be had.
        name: what it is called in an object; empty where the cells are not to be objects.
        is_key: whether it is one of those that the order is by.
    """

    value: str
    note: str
    name: str = ""
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What an export reads.

    Attributes:
        columns: of the file.
        cells: how each is written, as expressions on `entry`, which is a row of `rows`.
        rows: SQL that gives the rows.
        order: the columns of `rows` that they are sorted by; no two are equal in all of them.
        arguments: the parameters of the above.
    """

    columns: tuple[Column, ...]
    cells: tuple[Cell, ...]
    rows: str
    order: tuple[str, ...]
    arguments: tuple[object, ...]

    @property
    def sql(self) -> str:
        """All of it."""
        return self.lines().sql

    def lines(
        self, after: Key | None = None, limit: int | None = None, notes: Collection[int] = ()
    ) -> Statement:
        """Return what gives the lines of the file.

        Args:
            after: the row that the first one follows; None for the first of all.
            limit: how many at most.
            notes: the cells, by number, that are to be notes.
        """
        cells = [
            (cell.note if number in notes else cell.value) + (f" AS {cell.name}" if cell.name else "")
            for number, cell in enumerate(self.cells)
        ]
        lines = self._select(", ".join(cells), after, "" if limit is None else f" LIMIT {limit}")
        is_object = bool(self.cells[0].name)
        return Statement(_AS_JSON.format(lines=lines.sql), lines.arguments) if is_object else lines

    def size_of(self, number: int, after: Key | None) -> Statement:
        """Return what gives the size of one cell, in bytes, of the row that follows another."""
        return self._select(f"octet_length(({self.cells[number].value})::text)", after, " LIMIT 1")

    def key_of(self, after: Key | None, number: int) -> Statement:
        """Return what gives the key of the row that is so many after another; the next is 1."""
        key = ", ".join(f"entry.{name}::text" for name in self.order)
        return self._select(key, after, f" OFFSET {number - 1} LIMIT 1")

    def _select(self, cells: str, after: Key | None, limit: str) -> Statement:
        names = ", ".join(f"entry.{name}" for name in self.order)
        beyond = ""
        if after is not None:
            first = len(self.arguments) + 1
            values = ", ".join(
                f"${number}::text::{_TYPES.get(name, 'varchar')}"
                for number, name in enumerate(self.order, start=first)
            )
            beyond = f" WHERE ({names}) > ({values})"
        sql = _LINES.format(cells=cells, rows=self.rows, beyond=beyond, order=names, limit=limit)
        return Statement(sql, self.arguments + (after or ()))
