"""What the tables are made of at each revision, as `chatlog check` compares it with a database.

Nobody writes it by hand: it is read from `schema.json`, which is made from the migrations. A test says when
the two differ, and how to make it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

SNAPSHOT = Path(__file__).with_name("schema.json")
#: In production these belong to others, and may have other columns, types and indexes; each is made here only
#: where there is none.
OTHERS = ("users", "credentials", "surveys", "responses")
#: Ours, but others may have made it before us, with types of theirs.
ADOPTED = ("export_status",)


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A column of a table.

    Attributes:
        table: which one.
        name: its own.
        type: as PostgreSQL writes it.
        is_required: whether it is NOT NULL.
        has_default: whether a row may be added without it.
    """

    table: str
    name: str
    type: str
    is_required: bool
    has_default: bool

    def __str__(self) -> str:
        """Return what it has to be."""
        return f"{self.type}{' not null' if self.is_required else ''}"


@dataclass(frozen=True, slots=True, order=True)
class Index:
    """An index of a table; of a partitioned one, in every partition.

    Attributes:
        table: which one.
        name: what our migrations call it.
        definition: method, columns and condition, in PostgreSQL's own words (`pg_get_indexdef`).
        is_unique: whether two rows may not have the same.
        is_primary: whether it is that of the primary key.
    """

    table: str
    name: str
    definition: str
    is_unique: bool
    is_primary: bool

    def __str__(self) -> str:
        """Return the statement that makes it."""
        if self.is_primary:
            return f"ALTER TABLE {self.table} ADD PRIMARY KEY {self.definition.removeprefix('btree ')}"
        kind = "UNIQUE INDEX" if self.is_unique else "INDEX"
        return f"CREATE {kind} {self.name} ON {self.table} USING {self.definition}"


_Part = TypeVar("_Part", Column, Index)


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns and indexes of all tables but that of the migrations themselves.

    Attributes:
        revision: which it is of.
        columns: of each table in their order.
        indexes: those of primary keys and unique constraints among them.
    """

    revision: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(dict.fromkeys(column.table for column in self.columns))

    def columns_of(self, table: str) -> list[Column]:
        """Return the columns of a table."""
        return [column for column in self.columns if column.table == table]


def schema_at(revision: str | None) -> Schema:
    """Return the schema at a revision; the newest that is known, where it is unknown or newer."""
    kept = _kept()
    at = min(revision or kept["revision"], kept["revision"])
    return Schema(at, _those_at(at, Column, kept["columns"]), _those_at(at, Index, kept["indexes"]))


def _those_at(revision: str, kind: type[_Part], kept: list[dict[str, Any]]) -> tuple[_Part, ...]:
    """Return what is there at a revision: from `since` on, and before `until`, if it has gone at all."""
    return tuple(
        kind(**{name: value for name, value in part.items() if name not in ("since", "until")})
        for part in kept
        if part["since"] <= revision and ("until" not in part or revision < part["until"])
    )


@cache
def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return kept
