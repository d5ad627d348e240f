"""What a schema is made of, as text: two schemas with the same text are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

_PARTS = {
    "columns": """
        SELECT concat_ws(' ', attrelid::regclass, row_number() OVER (PARTITION BY attrelid ORDER BY attnum),
                         attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                         pg_get_expr(adbin, adrelid))
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p') AND attnum > 0
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = current_schema()::regnamespace AND NOT attisdropped
    """,
    "constraints": """
        SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
    """,
    "indexes": """
        SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
    """,
    "partitions": """
        SELECT concat_ws(' ', inhparent::regclass, relname, pg_get_expr(relpartbound, pg_class.oid))
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE relkind = 'r'
    """,
    "functions": """
        SELECT concat_ws(' ', pg_get_functiondef(oid), proacl)
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    """,
    "triggers": """
        SELECT pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid AND NOT tgisinternal
        WHERE relnamespace = current_schema()::regnamespace
    """,
    "rights": """
        SELECT concat_ws(' ', oid::regclass, granted) FROM pg_class
        CROSS JOIN unnest(coalesce(relacl, acldefault('r', relowner))) AS granted
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
        UNION ALL
        SELECT concat_ws(' ', attrelid::regclass, attname, granted) FROM pg_attribute
        CROSS JOIN unnest(attacl) AS granted
        WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
    """,
    "comments": """
        SELECT concat_ws(' ', objoid::regclass, attname, description) FROM pg_description
        LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
        WHERE classoid = 'pg_class'::regclass
            AND objoid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
    """,
}


async def describe(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[str]]:
    """Return what is in the current schema, by kind, sorted."""
    return {kind: sorted(row[0] for row in await connection.fetch(query)) for kind, query in _PARTS.items()}


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
