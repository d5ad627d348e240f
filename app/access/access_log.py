"""Who read what people said: noted before it is shown, so that nothing is shown that is not noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request  # noqa: TC002  routes get the log by what its signature says

from app.access.client_address import client_address
from app.gathering import Gathering
from app.postgres.answers import answer_within
from app.postgres.tenants import ask_for_tenant
from models.text import clean_json
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import asyncpg

    from models.access import Action, Caller

#: Somebody waits for what is read.
NOTED_WITHIN_S = 5.0
#: How many are noted at once.
NOTES_MAX = 200
#: How many wait to be noted: five seconds of reads, and as many kilobytes.
WAITING_MAX = 5000
#: What a program calls itself may be as long as it likes.
_USER_AGENT_MAX = 400

_INSERT = statements("reading").insert_access


class AccessLog:
    """Notes who reads what; it is only ever added to.

    Args:
        pool: connections that may add to access_log, or one.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]) -> None:
        self._pool = pool
        # A list is read faster than a commit is done.
        self._notes: Gathering[dict[str, Any], None] = Gathering(
            "notes", self._write, at_most=NOTES_MAX, at_once=1, waiting_max=WAITING_MAX
        )

    async def note(self, caller: Caller, action: Action, request: Request, subject: dict[str, Any]) -> None:
        """Note that a request reads something; what it reads is not to be shown before this returns.

        Args:
            caller: who.
            action: what they do.
            request: by which route, and from where.
            subject: what: `platform`, `channel`, `conversation`, `message`, `person`, `survey`, or `q` and
                the filter by which it was looked for; JSON, and nothing of what was said. What no column can
                hold of it becomes U+FFFD.

        Raises:
            ServiceDown: it cannot be noted now.
        """
        route = request.scope.get("route")
        path = getattr(route, "path", request.url.path)
        agent = request.headers.get("user-agent", "")[:_USER_AGENT_MAX]
        await self._insert(
            caller, action, f"{request.method} {path}", subject, client_address(request), agent or None
        )

    async def note_command(
        self, caller: Caller, action: Action, command: str, subject: dict[str, Any]
    ) -> None:
        """Note that a command reads something, as `note` does.

        Args:
            caller: who: whoever has the shell.
            action: what they do.
            command: its name, `chatlog conversation`.
            subject: as of `note`.
        """
        await self._insert(caller, action, command, subject, None, None)

    async def _insert(
        self,
        caller: Caller,
        action: Action,
        route: str,
        subject: dict[str, Any],
        address: str | None,
        agent: str | None,
    ) -> None:
        row = {
            "who": caller.email,
            "tenant": caller.tenant,
            "roles": sorted(caller.roles),
            "action": action.value,
            "route": route,
            "subject": clean_json(subject),
            "address": address,
            "user_agent": agent,
        }
        async with answer_within(NOTED_WITHIN_S):
            await self._notes.do(caller.tenant, row)

    async def _write(self, tenant: Hashable, rows: Sequence[dict[str, Any]]) -> list[Exception | None]:
        ask_for_tenant(str(tenant))
        await self._pool.execute(_INSERT, orjson.dumps(rows, default=str).decode())
        return [None] * len(rows)


def access_log_of(request: Request) -> AccessLog:
    """Return what `app.site` put there when the application started."""
    log: AccessLog = request.app.state.access_log
    return log
