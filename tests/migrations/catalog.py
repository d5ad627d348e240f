"""What a schema is made of, as text: two schemas with the same text are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

#: The schema that the tables are in, and those of the views.
_OURS = """
    WITH ours AS (SELECT * FROM pg_namespace WHERE nspname IN (current_schema(), 'live', 'assistant'))
"""
_PARTS = {
    "schemas": "SELECT concat_ws(' ', nspname, nspacl) FROM ours",
    "views": """
        SELECT concat_ws(' ', oid::regclass, pg_get_viewdef(oid))
        FROM pg_class WHERE relkind = 'v' AND relnamespace IN (SELECT oid FROM ours)
    """,
    "columns": """
        SELECT concat_ws(' ', attrelid::regclass, row_number() OVER (PARTITION BY attrelid ORDER BY attnum),
                         attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                         pg_get_expr(adbin, adrelid))
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p', 'v') AND attnum > 0
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace IN (SELECT oid FROM ours) AND NOT attisdropped
    """,
    "constraints": """
        SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace IN (SELECT oid FROM ours)
    """,
    "indexes": """
        SELECT indexdef FROM pg_indexes WHERE schemaname IN (SELECT nspname FROM ours)
    """,
    "partitions": """
        SELECT concat_ws(' ', inhparent::regclass, relname, pg_get_expr(relpartbound, pg_class.oid))
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE relkind = 'r'
    """,
    "functions": """
        SELECT concat_ws(' ', pg_get_functiondef(oid), proacl)
        FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
    """,
    "triggers": """
        SELECT pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid AND NOT tgisinternal
        WHERE relnamespace IN (SELECT oid FROM ours)
    """,
    "policies": """
        SELECT concat_ws(' ', oid::regclass, relforcerowsecurity, policyname, permissive, roles, cmd, qual,
                         with_check)
        FROM pg_class
        LEFT JOIN pg_policies ON tablename = relname AND schemaname = relnamespace::regnamespace::text
        WHERE relnamespace IN (SELECT oid FROM ours) AND relrowsecurity
    """,
    "rights": """
        SELECT concat_ws(' ', oid::regclass, granted) FROM pg_class
        CROSS JOIN unnest(coalesce(relacl, acldefault('r', relowner))) AS granted
        WHERE relnamespace IN (SELECT oid FROM ours) AND relkind IN ('r', 'p', 'v')
        UNION ALL
        SELECT concat_ws(' ', attrelid::regclass, attname, granted) FROM pg_attribute
        CROSS JOIN unnest(attacl) AS granted
        WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours))
    """,
    "comments": """
        SELECT concat_ws(' ', objoid::regclass, attname, description) FROM pg_description
        LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
        WHERE classoid = 'pg_class'::regclass
            AND objoid IN (SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours))
    """,
}


async def describe(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[str]]:
    """Return what is in the current schema, by kind, sorted."""
    return {
        kind: sorted(row[0] for row in await connection.fetch(f"{_OURS} {query}"))
        for kind, query in _PARTS.items()
    }


async def shape_of_theirs(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[str]]:
    """Return the same without what is ours alone, and without rights: granting and taking back leaves written
    out in the catalogue what was implied before.
    """
    described = await describe(connection)
    del described["rights"]
    return {
        kind: [line for line in lines if "chatlog_schema_version" not in line]
        for kind, lines in described.items()
    }


async def contents(connection: asyncpg.Connection[asyncpg.Record], table: str) -> list[tuple[object, ...]]:
    """Return all rows of a table, in a fixed order."""
    return sorted((tuple(row) for row in await connection.fetch(f"SELECT * FROM {table}")), key=repr)
