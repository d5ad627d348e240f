"""A connection that works behind a pooler of sessions, such as PgBouncer in transaction mode.

There, a session of the server is ours for one transaction and somebody else's in the next. So nothing may
outlive a transaction: every statement runs in one (asyncpg has it parsed in one round trip and executed in
another), is bounded by a setting of that transaction, and has no name that another session could give.

When it is used is `app.postgres.connections`'s matter: without a pooler, connections are asyncpg's own.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from app.postgres.tenants import TenantConnection

if TYPE_CHECKING:
    import asyncpg

_WHICH_SESSION = "SELECT pg_backend_pid()"


class PooledConnection(TenantConnection):
    """An asyncpg connection whose statements each run in a transaction; to be made without a statement cache.

    Attributes:
        statement_timeout_ms: how long a statement may take; 0 for no limit.
    """

    statement_timeout_ms = 0

    @property
    def is_transaction_needed(self) -> bool:
        """Whether a statement cannot run by itself: none can."""
        return True

    @property
    def first_words(self) -> str:
        """What a transaction begins with."""
        return f" SET LOCAL statement_timeout = {self.statement_timeout_ms};{super().first_words}"

    async def prepare(self, query: str, *, name: str | None = None, **how: Any) -> Any:
        """Prepare a statement, for use within the present transaction; see asyncpg."""
        # asyncpg counts its names from 1 in each process, so two of them would meet in one session.
        return await super().prepare(query, name=name or f"chatlog_{uuid.uuid4().hex}", **how)


async def has_its_own_session(connection: asyncpg.Connection[asyncpg.Record], timeout_s: float) -> bool:
    """Tell whether the server process that answers is the one that took the connection.

    A pooler cannot pass on the number of a process that it has yet to choose, so it makes one up.
    """
    async with connection.transaction():
        # Unnamed, so that nothing stays behind in a session that is not ours.
        question = await connection.prepare(_WHICH_SESSION, name="", timeout=timeout_s)
        answered_by: int = await question.fetchval(timeout=timeout_s)
    return answered_by == connection.get_server_pid()
