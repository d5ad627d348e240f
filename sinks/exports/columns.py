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

#: What is in `all_messages`, and what its author is called.
MESSAGES = Table(
    "all_messages",
    (
        Column("platform", Kind.TEXT),
        Column("id", Kind.UUID),
        Column("timestamp", Kind.MOMENT),
        Column("conversation_id", Kind.UUID),
        Column("channel", Kind.TEXT),
        Column("role", Kind.TEXT),
        Column("author_id", Kind.TEXT),
        Column("author", Kind.TEXT),
        Column("content", Kind.TEXT),
        Column("message_type", Kind.TEXT),
        Column("surveyid", Kind.UUID),
        Column("shortcode", Kind.TEXT),
        Column("question_ref", Kind.TEXT),
        Column("reply_to", Kind.UUID),
        Column("response_ms", Kind.NUMBER),
        Column("weight", Kind.FRACTION),
        Column("edited", Kind.MOMENT),
        Column("deleted", Kind.MOMENT),
        Column("metadata", Kind.JSON),
        Column("raw_payload", Kind.JSON),
    ),
    ("timestamp", "id"),
)
#: The conversations that the messages are of, with what was found in each.
CONVERSATIONS = Table(
    "all_messages",
    (
        Column("conversation_id", Kind.UUID),
        Column("platform", Kind.TEXT),
        Column("channel", Kind.TEXT),
        Column("external_id", Kind.TEXT),
        Column("kind", Kind.TEXT),
        Column("person_id", Kind.TEXT),
        Column("person", Kind.TEXT),
        Column("title", Kind.TEXT),
        Column("first", Kind.MOMENT),
        Column("last", Kind.MOMENT),
        Column("messages", Kind.NUMBER),
        Column("of_people", Kind.NUMBER),
        Column("people", Kind.NUMBER),
        Column("mean_response_ms", Kind.NUMBER),
    ),
    ("first", "conversation_id"),
)
#: All that is kept of a learner's threads: what each line is, `record` says.
LEARNER = Table(
    "conversations",
    (
        Column("record", Kind.TEXT),
        Column("tenant_id", Kind.TEXT),
        Column("learner_id", Kind.TEXT),
        Column("thread_id", Kind.UUID),
        Column("id", Kind.UUID),
        Column("timestamp", Kind.MOMENT),
        Column("title", Kind.TEXT),
        Column("archived", Kind.MOMENT),
        Column("sender_role", Kind.TEXT),
        Column("sender_id", Kind.TEXT),
        Column("content", Kind.JSON),
        Column("message_type", Kind.TEXT),
        Column("reply_to", Kind.UUID),
        Column("edited", Kind.MOMENT),
        Column("deleted", Kind.MOMENT),
        Column("metadata", Kind.JSON),
    ),
    ("thread_id", "timestamp", "id", "record"),
)
CODEBOOK = Table(
    "codebook",
    (
        Column("file", Kind.TEXT),
        Column("column", Kind.TEXT),
        Column("form", Kind.TEXT),
        Column("question_ref", Kind.TEXT),
        Column("question_idx", Kind.NUMBER),
        Column("type", Kind.TEXT),
        Column("text", Kind.TEXT),
        Column("choices", Kind.TEXT),
        Column("meaning", Kind.TEXT),
        Column("unit", Kind.TEXT),
    ),
    ("number",),
)


def table_of(source: Source) -> Table:
    """Return what is exported of a survey."""
    return CHAT_LOG if source is Source.CHAT_LOG else RESPONSES


def columns_of(table: Table, options: ExportOptions) -> tuple[Column, ...]:
    """Return the columns of a file, of which some are only in it if they are asked for."""
    if table is LEARNER:
        return table.columns
    wanted = {"metadata": options.include_metadata, "raw_payload": options.include_raw_payload}
    return tuple(column for column in table.columns if wanted.get(column.name, True))


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
