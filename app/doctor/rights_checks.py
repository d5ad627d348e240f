"""What the connected user may do: the rights that each part of this program needs, and which are missing.

A user of the database is for one part or for several, and having the rights of one is enough. It is meant for
a part if it is a member of its role (`migrations.rights`); then all of that part's rights have to be there.
Whether the tables are as they should be is `app.doctor.schema_checks`' matter: a right on what is missing
counts as there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from migrations.rights import OF_EVERYBODY, RIGHTS
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg

    from migrations.rights import Right

_SQL = statements("doctor")
_USER = _SQL.find_user
_IS_MEMBER = _SQL.is_member
_REFUSED = _SQL.find_refused


@dataclass(frozen=True, slots=True)
class Part:
    """A part of this program that connects to the database, or people who do.

    Attributes:
        name: of the command that starts it.
        role: the role that has the rights.
        spared: tables without whose rights it works as well, but not fully.
        without: what is so if it has not those.
    """

    name: str
    role: str
    spared: tuple[str, ...] = ()
    without: str = ""

    @property
    def wanted(self) -> list[Right]:
        """Without one of these it cannot work, or not fully; what the revision is, is asked elsewhere."""
        return [right for right in RIGHTS[self.role] if right != OF_EVERYBODY]

    def wanted_at(self, revision: str) -> list[Right]:
        """Return those of what is there at a revision; tables that are missing are told elsewhere."""
        return [right for right in self.wanted if right.since <= revision]

    @property
    def rights(self) -> set[Right]:
        """Without one of these it cannot work."""
        return {right for right in self.wanted if right.thing not in self.spared}


PARTS = (
    Part(
        "worker persist", "chatlog_writer", ("surveys", "credentials"), "rows are stored without a surveyid"
    ),
    Part("worker export", "chatlog_exporter"),
    Part("api", "chatlog_api"),
    Part("backfill", "chatlog_maintainer"),
    Part(
        "people who read",
        "chatlog_reader",
        ("dead_letters",),
        "nobody sees why a message is not in chat_log",
    ),
    Part("programs that log their assistant by SQL", "chatlog_assistant"),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the user may not do of a part, by whether that can be spared."""

    part: Part
    is_member: bool
    missing: list[str]
    unfulfilled: list[str]

    @property
    def share(self) -> float:
        """How much of what the part needs is there, from 0 to 1."""
        return 1 - len(self.missing) / len(self.part.rights)


async def check_rights(connection: asyncpg.Connection[asyncpg.Record], revision: str) -> list[Finding]:
    """Say for which parts the user has the rights, and what is missing of those it is meant for.

    Args:
        connection: to the database.
        revision: that the tables are at.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    found = [await _look(connection, part, revision) for part in PARTS]
    return list(_findings(await connection.fetchval(_USER), found))


async def _look(connection: asyncpg.Connection[asyncpg.Record], part: Part, revision: str) -> _Found:
    wanted = part.wanted_at(revision)
    asked = json.dumps([{**asdict(right), "columns": right.columns or None} for right in wanted])
    missing: list[str] = []
    unfulfilled: list[str] = []
    for number, columns in await connection.fetch(_REFUSED, asked):
        right = wanted[number]
        which = unfulfilled if right.thing in part.spared else missing
        which.append(str(replace(right, columns=columns or ())))
    return _Found(part, await connection.fetchval(_IS_MEMBER, part.role), missing, unfulfilled)


def _not_contained(able: Sequence[_Found]) -> list[_Found]:
    """Leave out what the user may do anyhow, as a part of more."""
    return [one for one in able if not any(one.part.rights < other.part.rights for other in able)]


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
