"""Compares the tables, as the connected user sees them, with what this version needs of them.

More than the migrations' own revision: tables can have been changed by hand, and rights can be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.findings import Finding, Level

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

_MISSING_RIGHTS = """
SELECT needed.what
FROM (VALUES
    ('INSERT into chat_log', has_table_privilege('chat_log', 'INSERT')),
    ('SELECT from chat_log', has_table_privilege('chat_log', 'SELECT')),
    ('INSERT into dead_letters', has_table_privilege('dead_letters', 'INSERT')),
    ('SELECT from dead_letters', has_table_privilege('dead_letters', 'SELECT')),
    ('DELETE from dead_letters', has_table_privilege('dead_letters', 'DELETE')),
    ('UPDATE dead_letters.replayed_at', has_column_privilege('dead_letters', 'replayed_at', 'UPDATE')),
    ('make partitions',
        has_function_privilege(to_regprocedure('chat_log_make_partitions(integer, integer)'), 'EXECUTE'))
) AS needed (what, has)
WHERE needed.has IS NOT TRUE -- null: the function is missing
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
    missing_rights = [row[0] for row in await connection.fetch(_MISSING_RIGHTS)]
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    return [
        *_column_findings(columns, key),
        *_partition_findings(has_default, months),
        _rights_finding(user, missing_rights),
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


def _rights_finding(user: str, missing: list[str]) -> Finding:
    if missing:
        what = f"the user {user} may not {', '.join(missing)}"
        return Finding("rights", Level.WRONG, what, f"GRANT chatlog_writer TO {user}")
    return Finding("rights", Level.OK, f"the user {user} has the rights it needs")
