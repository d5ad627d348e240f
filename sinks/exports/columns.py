"""What columns an export has. How each is written is `sinks.exports.cells`' matter.

Which rows are taken is `sinks.exports.scope`'s matter, how they become a file `sinks.exports.formats`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.exports import Source
from sinks.exports.cells import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.exports import ExportOptions


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file, named as in the table."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """What is exported.

    Attributes:
        name: of the table.
        columns: in this order; some only if they are asked for.
        order: the columns by which rows are sorted: no two rows are equal in all of them.
    """

    name: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]


CHAT_LOG = Table(
    "chat_log",
    (
        Column("userid", Kind.TEXT),
        Column("pageid", Kind.TEXT),
        Column("timestamp", Kind.MOMENT),
        Column("direction", Kind.TEXT),
        Column("content", Kind.TEXT),
        Column("question_ref", Kind.TEXT),
        Column("shortcode", Kind.TEXT),
        Column("surveyid", Kind.UUID),
        Column("message_type", Kind.TEXT),
        Column("metadata", Kind.JSON),
        Column("raw_payload", Kind.JSON),
    ),
    ("userid", "timestamp", "direction"),
)
RESPONSES = Table(
    "responses",
    (
        Column("parent_shortcode", Kind.TEXT),
        Column("surveyid", Kind.UUID),
        Column("shortcode", Kind.TEXT),
        Column("flowid", Kind.NUMBER),
        Column("userid", Kind.TEXT),
        Column("question_ref", Kind.TEXT),
        Column("question_idx", Kind.NUMBER),
        Column("question_text", Kind.TEXT),
        Column("response", Kind.TEXT),
        Column("seed", Kind.NUMBER),
        Column("timestamp", Kind.MOMENT),
        Column("metadata", Kind.JSON),
        Column("pageid", Kind.TEXT),
        Column("translated_response", Kind.TEXT),
    ),
    ("userid", "timestamp", "question_ref"),
)


def table_of(source: Source) -> Table:
    """Return what is exported."""
    return CHAT_LOG if source is Source.CHAT_LOG else RESPONSES


def columns_of(source: Source, options: ExportOptions) -> tuple[Column, ...]:
    """Return the columns of a file with one row per message or response."""
    wanted = {"metadata": options.include_metadata, "raw_payload": options.include_raw_payload}
    return tuple(column for column in table_of(source).columns if wanted.get(column.name, True))


def unique(names: Sequence[str]) -> list[str]:
    """Return names of columns of which no two are the same: `a`, `a` becomes `a`, `a_2`."""
    found: dict[str, None] = {}
    for name in names:
        free, number = name, 1
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found[free] = None
    return list(found)
