"""What the connected user may do: the rights that each part of this program needs, and which are missing.

A user of the database is for one part or for several, and having the rights of one is enough. It is meant for
a part if it is a member of its role (`migrations/roles.up.sql`); then all of that part's rights have to be
there. Whether the tables are as they should be is `app.schema_checks`' matter: a right on what is missing
counts as there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg


@dataclass(frozen=True, slots=True)
class Right:
    """An action on a table, or on some of its columns."""

    action: str
    table: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in the words of SQL."""
        if self.columns:
            return f"{self.action} ({', '.join(self.columns)}) of {self.table}"
        return f"{self.action} {'into' if self.action == 'INSERT' else 'from'} {self.table}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of this program that connects to the database.

    Attributes:
        name: of the command that starts it.
        role: the role that has the rights.
        rights: without one of these it cannot work.
        functions: what it must be able to call: the signature, and what for.
        wanted: it works without these, but not fully.
        without: what is so if it has not those.
    """

    name: str
    role: str
    rights: tuple[Right, ...]
    functions: dict[str, str] = field(default_factory=dict)
    wanted: tuple[Right, ...] = ()
    without: str = ""


_PAGES = Right("SELECT", "credentials", ("userid", "entity", "facebook_page_id"))
_LOOKUP = (Right("SELECT", "surveys", ("id", "userid", "shortcode", "created")), _PAGES)
_SURVEYS = (
    Right("SELECT", "users", ("id", "email")),
    Right("SELECT", "surveys", ("id", "userid", "shortcode", "title", "survey_name", "created")),
    _PAGES,
)
_WHICH_MESSAGE = ("userid", "pageid", "timestamp", "direction", "shortcode", "surveyid")
_PROGRESS = (
    *("status", "export_link", "reason", "attempt", "lease_token", "lease_until"),
    *("rows_done", "rows_estimate", "bytes_done", "object_key", "finished", "cells_not_shown"),
)

PARTS = (
    Part(
        "worker persist",
        "chatlog_writer",
        (
            Right("INSERT", "chat_log"),
            Right("SELECT", "chat_log"),
            Right("INSERT", "dead_letters"),
            Right("SELECT", "dead_letters"),
            Right("DELETE", "dead_letters"),
            Right("UPDATE", "dead_letters", ("replayed_at",)),
        ),
        functions={"chat_log_make_partitions(integer, integer)": "make partitions"},
        wanted=_LOOKUP,
        without="rows are stored without a surveyid",
    ),
    Part(
        "worker export",
        "chatlog_exporter",
        (
            Right("SELECT", "chat_log"),
            Right("SELECT", "responses"),
            *_SURVEYS,
            Right("SELECT", "export_status"),
            Right("UPDATE", "export_status", _PROGRESS),
        ),
    ),
    Part(
        "api",
        "chatlog_api",
        (
            Right("SELECT", "chat_log", _WHICH_MESSAGE),
            Right("SELECT", "responses", ("userid", "pageid", "timestamp", "shortcode", "surveyid")),
            *_SURVEYS,
            Right("SELECT", "export_status"),
            Right("INSERT", "export_status"),
            Right("UPDATE", "export_status", (*_PROGRESS, "options", "published", "removed")),
            Right("SELECT", "ended_sessions"),
            Right("INSERT", "ended_sessions"),
            Right("DELETE", "ended_sessions"),
        ),
    ),
    Part(
        "backfill",
        "chatlog_maintainer",
        (Right("SELECT", "chat_log", _WHICH_MESSAGE), Right("UPDATE", "chat_log", ("surveyid",)), *_LOOKUP),
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


def _findings(user: str, found: Sequence[_Found]) -> Iterator[Finding]:
    able = [one for one in found if not one.missing]
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
