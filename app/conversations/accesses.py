"""Who read what, for those who watch over that: `access_log`, which `app.access.AccessLog` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from app.access import NotAllowed
from app.postgres.answers import answer_within, is_storable
from app.web.paging import Place
from models.access import Action, everybodys_list, may
from sinks.sql import statements

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from models.access import Caller

_SQL = statements("reading")


@dataclass(frozen=True, slots=True)
class AccessRow:
    """That somebody read something.

    Attributes:
        id: which; later ones have larger ones.
        at: when.
        who: their address; `shell` for whoever had one.
        roles: what they might then.
        action: what they did.
        route: by which route or command.
        subject: whose messages, or by what they were looked for.
        address: from which address.
        user_agent: with what program, as that says of itself.
    """

    id: int
    at: datetime
    who: str
    roles: tuple[str, ...]
    action: str
    route: str
    subject: Any
    address: str | None
    user_agent: str | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read a row."""
        return cls(
            row["id"],
            row["at"],
            row["who"],
            tuple(row["roles"]),
            row["action"],
            row["route"],
            json.loads(row["subject"]),
            row["address"],
            row["user_agent"],
        )

    @property
    def place(self) -> Place:
        """Where it is in the list."""
        return Place(self.at, str(self.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFilter:
    """Which readings are looked for: those to which all that is given applies.

    Attributes:
        who: the address of who read.
        action: what they did.
        since: not before this.
        until: before this.
        platform: where what was read was said.
        person: whose messages were read, or who was looked up.
        conversation: the id of what was read, or shown in a list.
        message: the id of a message that was read by itself.
    """

    who: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    platform: str | None = None
    person: str | None = None
    conversation: str | None = None
    message: str | None = None


class Accesses:
    """Lists who read what.

    Args:
        pool: connections that may read access_log.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(
        self, caller: Caller, wanted: AccessFilter, *, limit: int, after: Place | None = None
    ) -> list[AccessRow]:
        """Return so many readings by people of the caller's tenant, the latest first.

        Whoever is narrowed sees those of what they are narrowed to, as far as a reading says of what it was.

        Raises:
            NotAllowed: the caller may not see any.
        """
        if not may(caller, Action.READ_ACCESS_LOG, everybodys_list(caller)):
            raise NotAllowed("What others read is not yours to see.")
        texts = (wanted.who, wanted.action, wanted.platform, wanted.person)
        if not all(is_storable(text) for text in texts if text is not None):
            return []
        within = [caller.within(kind) for kind in ("platform", "channel", "survey")]
        named = {"platform": wanted.platform, "person": wanted.person, "message": wanted.message}
        subject = {name: value for name, value in named.items() if value is not None}
        # Of a conversation: itself, or in a list.
        subjects = [subject | more for more in _of_conversation(wanted.conversation)]
        async with answer_within(), self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SQL.plan_accesses)
            rows = await connection.fetch(
                _SQL.find_accesses,
                caller.tenant,
                wanted.who,
                wanted.action,
                wanted.since,
                wanted.until,
                [json.dumps(one) for one in subjects] if subject or wanted.conversation else None,
                None if after is None else after.moment,
                None if after is None else int(after.key),
                *(None if part is None else sorted(part) for part in within),
                limit,
            )
        return [AccessRow.of(row) for row in rows]


def _of_conversation(conversation: str | None) -> list[dict[str, Any]]:
    if conversation is None:
        return [{}]
    return [{"conversation": conversation}, {"conversations": [conversation]}]
