"""Requests that are made once, however often they are sent: by their Idempotency-Key.

As draft-ietf-httpapi-idempotency-key-header has it: the same request under the same key has the same result,
for a day; another request under it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import orjson

from app.threads.rows import KeyUsed
from sinks.sql import statements

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from models.access import Caller

    Database = asyncpg.Pool[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]

_SQL = statements("threads")


@dataclass(frozen=True, slots=True)
class AskedOnce:
    """A request under a key.

    Attributes:
        tenant: of who asks.
        caller: who asks; others may use the same key.
        key: theirs.
        digest: of what they ask for.
    """

    tenant: str
    caller: str
    key: str
    digest: bytes

    @classmethod
    def of(cls, caller: Caller, key: str | None, *asked: Any) -> Self | None:
        """Return the request, if it has a key.

        Args:
            caller: who asks.
            key: the header Idempotency-Key.
            asked: what for, as JSON.
        """
        if key is None:
            return None
        digest = sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
        return cls(caller.tenant, caller.id, key, digest)

    async def find(self, database: Database) -> UUID | None:
        """Return what came of the request, if it was made before.

        Raises:
            KeyUsed: the key stands for another one.
        """
        row = await database.fetchrow(_SQL.find_key, self.tenant, self.caller, self.key)
        if row is None:
            return None
        if row["digest"] != self.digest:
            raise KeyUsed
        result: UUID = row["result"]
        return result

    async def keep(self, connection: asyncpg.Connection[asyncpg.Record], result: UUID) -> UUID | None:
        """Note what comes of it, in the transaction that does it; or return what came of it before.

        Another that is just doing it is waited for.

        Raises:
            KeyUsed: the key stands for another one.
        """
        kept = await connection.fetchval(
            _SQL.keep_key, self.tenant, self.caller, self.key, self.digest, result
        )
        return None if kept is not None else await self.find(connection)
