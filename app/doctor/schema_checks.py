"""Compares the tables, as the connected user sees them, with what this version needs of them.

More than the migrations' own revision: tables can have been changed by hand, and rights can be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from app.doctor.index_checks import check_indexes
from app.doctor.rights_checks import check_rights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg

#: The contract with other writers and readers: name, type, whether NOT NULL.
CHAT_LOG_COLUMNS = (
    ("userid", "character varying", True),
    ("pageid", "character varying", False),
    ("timestamp", "timestamp with time zone", True),
    ("direction", "character varying", True),
    ("content", "character varying", True),
    ("question_ref", "character varying", False),
    ("shortcode", "character varying", False),
    ("surveyid", "uuid", False),
    ("message_type", "character varying", False),
    ("raw_payload", "jsonb", False),
    ("metadata", "jsonb", False),
)
CHAT_LOG_KEY = ["userid", "timestamp", "direction"]

#: What exports read; export_status they write as well.
EXPORT_COLUMNS = {
    "users": ("id", "email"),
    "credentials": ("userid", "entity", "facebook_page_id"),
    "surveys": ("id", "userid", "shortcode", "title", "survey_name", "created"),
    "responses": (
        *("parent_shortcode", "surveyid", "shortcode", "flowid", "userid", "question_ref", "question_idx"),
        *("question_text", "response", "seed", "timestamp", "metadata", "pageid", "translated_response"),
    ),
    "export_status": (
        *("id", "updated", "user_id", "survey_id", "status", "export_link", "source", "created", "options"),
        *("published", "reason", "attempt", "lease_token", "lease_until", "rows_done", "rows_estimate"),
        *("bytes_done", "object_key", "finished", "removed", "cells_not_shown"),
    ),
}

#: What this version gives when it inserts a row into export_status; the rest has to have defaults.
_WRITTEN_TO_EXPORT_STATUS = ("user_id", "survey_id", "status", "export_link", "source", "options")

_TABLES = "SELECT to_regclass('chat_log') IS NOT NULL AND to_regclass('dead_letters') IS NOT NULL"

_COLUMNS = """
SELECT attname::text AS name, format_type(atttypid, NULL) AS type,
    attnotnull AS required, atthasdef AS has_default
FROM pg_attribute
WHERE attrelid = 'chat_log'::regclass AND attnum > 0 AND NOT attisdropped
"""

_KEY = """
SELECT array_agg(attname::text ORDER BY position)
FROM pg_constraint
CROSS JOIN unnest(conkey) WITH ORDINALITY AS part (attnum, position)
JOIN pg_attribute ON attrelid = conrelid AND pg_attribute.attnum = part.attnum
WHERE conrelid = 'chat_log'::regclass AND contype = 'p'
"""

_HAS_DEFAULT_PARTITION = """
SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'chat_log'::regclass AND partdefid <> 0)
"""

# This month and the next. The session's time zone is UTC, as the partitions' bounds are.
_MONTHS_WITHOUT_PARTITION = """
SELECT to_char(month, 'YYYY-MM')
FROM generate_series(0, 1) AS ahead
CROSS JOIN LATERAL (SELECT date_trunc('month', now()) + make_interval(months => ahead) AS month) AS needed
WHERE NOT EXISTS (
    SELECT FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'chat_log'::regclass AND relname = 'chat_log_' || to_char(month, 'YYYY_MM')
)
ORDER BY month
"""

# What exports read and write; in production the tables belong to others, who may have more columns.
_MISSING_FOR_EXPORTS = """
SELECT relation, to_regclass(relation) IS NOT NULL AS is_there, array_agg(name ORDER BY number) AS columns
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS needed (relation, name, number)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass(relation) AND attname = name AND NOT attisdropped
)
GROUP BY relation
ORDER BY relation
"""

_REQUIRED_OF_EXPORTS = """
SELECT attname::text
FROM pg_attribute
WHERE attrelid = to_regclass('export_status') AND attnum > 0 AND NOT attisdropped
    AND attnotnull AND NOT atthasdef AND attidentity = '' AND attname <> ALL ($1::text[])
ORDER BY attnum
"""


async def check_schema(connection: asyncpg.Connection[asyncpg.Record]) -> list[Finding]:
    """Compare the tables and the user's rights with what is needed. Nothing, if the tables are missing.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    if not await connection.fetchval(_TABLES):
        return []
    columns = await connection.fetch(_COLUMNS)
    key = await connection.fetchval(_KEY)
    has_default = await connection.fetchval(_HAS_DEFAULT_PARTITION)
    months = [row[0] for row in await connection.fetch(_MONTHS_WITHOUT_PARTITION)]
    needed = [(table, column) for table, columns in EXPORT_COLUMNS.items() for column in columns]
    missing = await connection.fetch(_MISSING_FOR_EXPORTS, *map(list, zip(*needed, strict=True)))
    required = await connection.fetch(_REQUIRED_OF_EXPORTS, _WRITTEN_TO_EXPORT_STATUS)
    missing_columns = {table["relation"]: table["columns"] for table in missing}
    missing_columns["chat_log"] = {name for name, _, _ in CHAT_LOG_COLUMNS} - {row["name"] for row in columns}
    return [
        *_column_findings(columns, key),
        *_partition_findings(has_default, months),
        *_export_findings(missing, [row[0] for row in required]),
        *await check_indexes(connection, missing_columns),
        *await check_rights(connection),
    ]


def _column_findings(columns: Sequence[asyncpg.Record], key: list[str] | None) -> Iterator[Finding]:
    problems = []
    found = {column["name"]: (column["type"], column["required"]) for column in columns}
    for name, kind, required in CHAT_LOG_COLUMNS:
        needed = f"{kind}{' not null' if required else ''}"
        if name not in found:
            problems.append(f"chat_log.{name} is missing: it should be {needed}")
        elif found[name] != (kind, required):
            problems.append(f"chat_log.{name} is not {needed}")
    known = {name for name, _, _ in CHAT_LOG_COLUMNS}
    problems += [
        f"chat_log.{column['name']} is required, and this version does not write it"
        for column in columns
        if column["name"] not in known and column["required"] and not column["has_default"]
    ]
    if key != CHAT_LOG_KEY:
        problems.append(f"the primary key of chat_log is not ({', '.join(CHAT_LOG_KEY)})")
    for problem in problems:
        yield Finding("schema", Level.WRONG, problem, "someone changed it by hand: change it back")
    if not problems:
        yield Finding("schema", Level.OK, "chat_log has its columns and primary key")


def _export_findings(missing: Sequence[asyncpg.Record], required: list[str]) -> Iterator[Finding]:
    for table in missing:
        name = table["relation"]
        if not table["is_there"]:
            what = f"the table {name} is missing: exports need it"
            mend = "chatlog migrate up, or let the search_path name its schema"
        else:
            what = f"{name} has no column {', '.join(table['columns'])}: exports need it"
            mend = "chatlog migrate up; if that does not help, let the table's owner add it"
        yield Finding("schema", Level.WRONG, what, mend)
    for name in required:
        what = f"export_status.{name} is required, and this version does not write it"
        yield Finding("schema", Level.WRONG, what, f"ALTER TABLE export_status ALTER {name} SET DEFAULT ...")
    if not missing and not required:
        yield Finding("schema", Level.OK, "the tables of exports have their columns")


def _partition_findings(has_default: bool, months: list[str]) -> Iterator[Finding]:
    if not has_default:
        yield Finding(
            "schema",
            Level.WRONG,
            "chat_log has no default partition: rows without a month's partition are refused",
            "CREATE TABLE chat_log_default PARTITION OF chat_log DEFAULT",
        )
    if months:
        yield Finding(
            "schema",
            Level.NOTE,
            f"chat_log has no partition for {', '.join(months)}: rows go to the default partition",
            "chatlog migrate up",
        )
    if has_default and not months:
        yield Finding("schema", Level.OK, "chat_log has its partitions, this month's and the next among them")
