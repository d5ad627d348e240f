"""For which tenant the database is asked: known to the task that answers a request, told to each transaction.

The database keeps whoever has the API's role to the tenant that a transaction names (migration 0027); where
it names none, to the default one. So for that, nothing is done here, and it costs nothing. For any other,
every statement runs in a transaction, which begins by naming it: nothing of it is left in the session, which
may be another's next.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import asyncpg

from models.access import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

#: As whom the API does what it does for all tenants; none is called so.
EVERY_TENANT = "*"
#: How asyncpg begins a transaction.
_BEGIN = "BEGIN"
_asked_for: ContextVar[str] = ContextVar("tenant that the database is asked for", default=DEFAULT_TENANT)


def ask_for_tenant(tenant: str) -> None:
    """Have this task, and those that it begins from now on, ask the database for a tenant's rows alone."""
    _asked_for.set(tenant)


class TenantConnection(_Connection):
    """An asyncpg connection whose transactions name their tenant, unless it is the default one."""

    @property
    def is_transaction_needed(self) -> bool:
        """Whether a statement cannot run by itself."""
        return _asked_for.get() != DEFAULT_TENANT

    @property
    def first_words(self) -> str:
        """What a transaction begins with."""
        tenant = _asked_for.get()
        if tenant == DEFAULT_TENANT:
            return ""
        # In hexadecimal: of a statement that goes with BEGIN, no parameter can be told apart.
        return (
            f" SELECT set_config('chatlog.tenant', convert_from('\\x{tenant.encode().hex()}', 'UTF8'), true);"
        )

    def get_reset_query(self) -> str:
        """Return what makes a session as new: nothing, as nothing here may outlive a transaction."""
        return ""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Run statements; see asyncpg."""
        if self._runs_alone:
            return await super().execute(query, *args, timeout=timeout)
        if query.startswith(_BEGIN):
            return await super().execute(f"{query}{self.first_words}", timeout=timeout)
        async with self.transaction():
            return await super().execute(query, *args, timeout=timeout)

    async def executemany(
        self, command: str, args: Iterable[Sequence[Any]], *, timeout: float | None = None
    ) -> None:
        """Run a statement for each of `args`; see asyncpg."""
        if self._runs_alone:
            return await super().executemany(command, args, timeout=timeout)
        async with self.transaction():
            return await super().executemany(command, args, timeout=timeout)

    async def fetch(self, query: str, *args: Any, **how: Any) -> Any:
        """Return the rows of a query; see asyncpg."""
        if self._runs_alone:
            return await super().fetch(query, *args, **how)
        async with self.transaction():
            return await super().fetch(query, *args, **how)

    async def fetchrow(self, query: str, *args: Any, **how: Any) -> Any:
        """Return the first row of a query; see asyncpg."""
        if self._runs_alone:
            return await super().fetchrow(query, *args, **how)
        async with self.transaction():
            return await super().fetchrow(query, *args, **how)

    async def fetchval(self, query: str, *args: Any, **how: Any) -> Any:
        """Return a value of the first row of a query; see asyncpg."""
        if self._runs_alone:
            return await super().fetchval(query, *args, **how)
        async with self.transaction():
            return await super().fetchval(query, *args, **how)

    @property
    def _runs_alone(self) -> bool:
        return self.is_in_transaction() or not self.is_transaction_needed
