"""Compares the tables, as the connected user sees them, with what the migrations make (`migrations.schema`).

More than the migrations' own revision: tables can have been changed by hand, and rights can be missing. All
is judged by the revision that the database is at, so that nothing is missed that a later one makes. More
columns than needed are welcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from app.doctor.index_checks import check_indexes
from app.doctor.partition_checks import check_partitions
from app.doctor.rights_checks import check_rights
from app.doctor.search_checks import check_search
from app.doctor.tenant_checks import check_tenants
from app.doctor.view_checks import check_views
from migrations.rights import columns_named
from migrations.schema import ADOPTED, OTHERS, Column, schema_at
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import asyncpg

_SQL = statements("doctor")
_MAY_SEE_REVISION = _SQL.may_see_revision
_REVISION = _SQL.find_revision
_COLUMNS = _SQL.find_columns


async def check_schema(connection: asyncpg.Connection[asyncpg.Record]) -> list[Finding]:
    """Compare the tables and the user's rights with what is needed. Nothing, if nothing was migrated.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    revision = await connection.fetchval(_REVISION) if await connection.fetchval(_MAY_SEE_REVISION) else None
    expected = schema_at(revision)
    found: dict[str, dict[str, Column]] = {table: {} for table in expected.tables}
    for row in await connection.fetch(_COLUMNS, expected.tables):
        found[row["table"]][row["name"]] = Column(*row)
    if revision is None and not found["chat_log"]:
        return []
    findings = [
        finding
        for table, columns in found.items()
        for finding in _column_findings(table, expected.columns_of(table), columns)
    ]
    which = f"the columns of revision {expected.revision}"
    there = {table: set(columns) for table, columns in found.items()}
    return [
        *(findings or [Finding("schema", Level.OK, f"the tables have {which}")]),
        *await check_partitions(connection, [table for table in there if there[table]], expected.revision),
        *await check_indexes(connection, expected, there),
        *await check_views(connection, expected.revision),
        *await check_tenants(connection, expected.revision),
        *await check_search(connection, expected.revision),
        *await check_rights(connection, expected.revision),
    ]


def _column_findings(
    table: str, expected: Sequence[Column], found: Mapping[str, Column]
) -> Iterator[Finding]:
    if not found:
        what, mend = f"the table {table} is missing", "let the search_path name its schema, or bring it back"
        yield Finding("schema", Level.WRONG, what, mend)
        return
    is_ours_alone = table not in (*OTHERS, *ADOPTED)
    mend = "someone changed it by hand: change it back" if is_ours_alone else "let the table's owner add it"
    needed = _read(table, expected) if table in OTHERS else expected
    if missing := [f"{column.name} ({column})" for column in needed if column.name not in found]:
        yield Finding("schema", Level.WRONG, f"{table} has no column {', '.join(missing)}", mend)
    for column in needed if is_ours_alone else ():
        if column.name in found and str(found[column.name]) != str(column):
            yield Finding("schema", Level.WRONG, f"{table}.{column.name} is not {column}", mend)
    for name in _required_in_vain(table, expected, found):
        what = f"{table}.{name} is required, and this version does not write it"
        yield Finding("schema", Level.WRONG, what, f"ALTER TABLE {table} ALTER {name} SET DEFAULT ...")


def _read(table: str, expected: Sequence[Column]) -> list[Column]:
    """Return the columns that some role reads."""
    names = columns_named("SELECT", table)
    return [column for column in expected if names is None or column.name in names]


def _required_in_vain(table: str, expected: Sequence[Column], found: Mapping[str, Column]) -> list[str]:
    """Return the columns without which no row can be added, and which none of our roles gives."""
    given = columns_named("INSERT", table)
    if given is None:
        given = frozenset(column.name for column in expected)
    required = [column.name for column in found.values() if column.is_required and not column.has_default]
    return [name for name in required if given and name not in given]
