"""What the connected user may do: the rights that each part of this program needs, and which are missing.

A user of the database is for one part or for several, and having the rights of one is enough. It is meant for
a part if it is a member of its role (`migrations.rights`); then all of that part's rights have to be there.
Whether the tables are as they should be is `app.doctor.schema_checks`' matter: a right on what is missing
counts as there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from migrations.rights import RIGHTS, Right

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg


@dataclass(frozen=True, slots=True)
class Part:
    """A part of this program that connects to the database, or people who do.

    Attributes:
        name: of the command that starts it.
        role: the role that has the rights.
        functions: what it must be able to call: the signature, and what for.
        spared: tables without whose rights it works as well, but not fully.
        without: what is so if it has not those.
    """

    name: str
    role: str
    functions: dict[str, str] = field(default_factory=dict)
    spared: tuple[str, ...] = ()
    without: str = ""

    @property
    def rights(self) -> tuple[Right, ...]:
        """Without one of these it cannot work."""
        return tuple(right for right in RIGHTS[self.role] if right.table not in self.spared)

    @property
    def wanted(self) -> tuple[Right, ...]:
        """It works without these, but not fully."""
        return tuple(right for right in RIGHTS[self.role] if right.table in self.spared)


PARTS = (
    Part(
        "worker persist",
        "chatlog_writer",
        functions={"chat_log_make_partitions(integer, integer)": "make partitions"},
        spared=("surveys", "credentials"),
        without="rows are stored without a surveyid",
    ),
    Part("worker export", "chatlog_exporter"),
    Part("api", "chatlog_api"),
    Part("backfill", "chatlog_maintainer"),
    Part(
        "people who read",
        "chatlog_reader",
        spared=("dead_letters",),
        without="nobody sees why a message is not in chat_log",
    ),
)

# What is missing altogether is neither granted nor refused.
_MAY = "SELECT coalesce(has_table_privilege(to_regclass($2), $1), true)"
_REFUSED_COLUMNS = """
SELECT attname::text
FROM pg_attribute
WHERE attrelid = to_regclass($2) AND attname = ANY ($3::text[]) AND NOT attisdropped
    AND NOT has_column_privilege(attrelid, attnum, $1)
ORDER BY array_position($3::text[], attname::text)
"""
_MAY_CALL = "SELECT coalesce(has_function_privilege(to_regprocedure($1), 'EXECUTE'), false)"
_IS_MEMBER = "SELECT coalesce(pg_has_role(to_regrole($1), 'USAGE'), false)"


@dataclass(frozen=True, slots=True)
class _Found:
    """What the user may not do of a part."""

    part: Part
    is_member: bool
    missing: list[str]
    unfulfilled: list[str]

    @property
    def share(self) -> float:
        """How much of what the part needs is there, from 0 to 1."""
        return 1 - len(self.missing) / (len(self.part.rights) + len(self.part.functions))


async def check_rights(connection: asyncpg.Connection[asyncpg.Record]) -> list[Finding]:
    """Say for which parts the user has the rights, and what is missing of those it is meant for.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    found = [
        _Found(
            part,
            await connection.fetchval(_IS_MEMBER, part.role),
            await _missing_of(connection, part),
            await _not_granted(connection, part.wanted),
        )
        for part in PARTS
    ]
    return list(_findings(user, found))


async def _missing_of(connection: asyncpg.Connection[asyncpg.Record], part: Part) -> list[str]:
    missing = await _not_granted(connection, part.rights)
    for signature, purpose in part.functions.items():
        if not await connection.fetchval(_MAY_CALL, signature):
            missing.append(purpose)
    return missing


async def _not_granted(connection: asyncpg.Connection[asyncpg.Record], rights: Sequence[Right]) -> list[str]:
    refused = []
    for right in rights:
        if right.columns:
            rows = await connection.fetch(_REFUSED_COLUMNS, right.action, right.table, right.columns)
            if rows:
                refused.append(str(replace(right, columns=tuple(row[0] for row in rows))))
        elif not await connection.fetchval(_MAY, right.action, right.table):
            refused.append(str(right))
    return refused


def _not_contained(able: Sequence[_Found]) -> list[_Found]:
    """Leave out what the user may do anyhow, as a part of more."""
    return [one for one in able if not any(set(one.part.rights) < set(other.part.rights) for other in able)]


def _findings(user: str, found: Sequence[_Found]) -> Iterator[Finding]:
    able = _not_contained([one for one in found if not one.missing])
    broken = [one for one in found if one.missing and one.is_member]
    for one in broken:
        what = f"the user {user} may not {', '.join(one.missing)}: {one.part.name} needs it"
        yield Finding("rights", Level.WRONG, what, "as the owner of the tables: chatlog migrate up")
    if not able and not broken:
        nearest = max(found, key=lambda one: one.share)
        others = ", ".join(f"{part.role} for {part.name}" for part in PARTS if part is not nearest.part)
        what = f"the user {user} may not {', '.join(nearest.missing)}: {nearest.part.name} needs it"
        yield Finding("rights", Level.WRONG, what, f"GRANT {nearest.part.role} TO {user} (or {others})")
    if able:
        names = ", ".join(one.part.name for one in able)
        yield Finding("rights", Level.OK, f"the user {user} has the rights for {names}")
    for one in able:
        if one.unfulfilled:
            what = f"{one.part.without}: the user {user} may not {', '.join(one.unfulfilled)}"
            yield Finding("rights", Level.NOTE, what, "as the owner of the tables: chatlog migrate up")
