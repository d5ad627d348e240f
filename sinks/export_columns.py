"""What columns an export has, and how each is written: as SQL expressions, so that PostgreSQL does the work.

Which rows are taken is `sinks.export_scope`'s matter, how they become a file `sinks.export_formats`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from models.exports import Format, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.exports import ExportOptions


class Kind(Enum):
    """What a column holds, as far as writing it goes."""

    TEXT = "text"
    #: A name made by a platform, which may be a long number.
    ID = "id"
    MOMENT = "moment"
    JSON = "json"
    UUID = "uuid"
    NUMBER = "number"


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
        columns: always written, in this order.
        order: the columns by which rows are sorted: no two rows are equal in all of them.
    """

    name: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]


CHAT_LOG = Table(
    "chat_log",
    (
        Column("userid", Kind.ID),
        Column("pageid", Kind.ID),
        Column("timestamp", Kind.MOMENT),
        Column("direction", Kind.TEXT),
        Column("content", Kind.TEXT),
        Column("question_ref", Kind.TEXT),
        Column("shortcode", Kind.TEXT),
        Column("surveyid", Kind.UUID),
        Column("message_type", Kind.TEXT),
    ),
    ("userid", "timestamp", "direction"),
)
METADATA = Column("metadata", Kind.JSON)
RAW_PAYLOAD = Column("raw_payload", Kind.JSON)
RESPONSES = Table(
    "responses",
    (
        Column("parent_shortcode", Kind.TEXT),
        Column("surveyid", Kind.UUID),
        Column("shortcode", Kind.TEXT),
        Column("flowid", Kind.NUMBER),
        Column("userid", Kind.ID),
        Column("question_ref", Kind.TEXT),
        Column("question_idx", Kind.NUMBER),
        Column("question_text", Kind.TEXT),
        Column("response", Kind.TEXT),
        Column("seed", Kind.NUMBER),
        Column("timestamp", Kind.MOMENT),
        Column("metadata", Kind.JSON),
        Column("pageid", Kind.ID),
        Column("translated_response", Kind.TEXT),
    ),
    ("userid", "timestamp", "question_ref"),
)

#: `=`, `+`, `-`, `@`, tab and carriage return: a spreadsheet takes a cell that begins with one for a formula.
FORMULA_STARTS = "=+-@\t\r"
# Whatever the zone of the session, which differs from server to server.
_MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
# By their numbers: a quarter of the time that a regular expression takes.
_SAFE = "CASE WHEN ascii({0}) IN (61, 43, 45, 64, 9, 13) THEN '''' || {0} ELSE {0} END"
_JSON = "{0}::text"
# Of JSON, only a negative number begins with one of them; to look at the text would be to make it twice.
_SAFE_JSON = (
    "CASE WHEN jsonb_typeof({0}) = 'number' AND ascii({0}::text) = 45 "
    "THEN '''' || {0}::text ELSE {0}::text END"
)
# Excel shows a number of 12 digits or more as 1.23E+11, and forgets those after the 15th.
_LONG_ID_AS_TEXT = (
    "CASE WHEN length({0}) >= 12 AND translate({0}, '0123456789', '') = '' "
    """THEN '="' || {0} || '"' ELSE {1} END"""
)


def table_of(source: Source) -> Table:
    """Return what is exported."""
    return CHAT_LOG if source is Source.CHAT_LOG else RESPONSES


def columns_of(source: Source, options: ExportOptions) -> tuple[Column, ...]:
    """Return the columns of a file with one row per message or response."""
    columns = table_of(source).columns
    if options.include_metadata:
        columns += (METADATA,)
    if options.include_raw_payload:
        columns += (RAW_PAYLOAD,)
    return columns


def written(value: str, kind: Kind, options: ExportOptions) -> str:
    """Return the SQL expression that writes a value.

    Args:
        value: the SQL expression that yields it.
        kind: what it is.
        options: the format, and what is done for spreadsheets.
    """
    if kind is Kind.MOMENT:
        return _MOMENT.format(value)
    if options.format is Format.JSONL or kind in {Kind.UUID, Kind.NUMBER}:
        return value
    if kind is Kind.JSON:
        return (_SAFE_JSON if options.safe_cells else _JSON).format(value)
    safe = _SAFE.format(value) if options.safe_cells else value
    return _LONG_ID_AS_TEXT.format(value, safe) if kind is Kind.ID and options.for_spreadsheets else safe


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula, as `safe_cells` in SQL does."""
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


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
