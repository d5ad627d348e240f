"""What there is to search by, and how much of it: looked up now and again, not for each search."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from models.search_windows import BEGINNING
from sinks.postgres.word_indexes import find_indexes
from sinks.sql import statements

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from sinks.postgres.word_indexes import Indexes

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("search")
#: What is older is looked up again. Whoever goes by what was before finds the same, more slowly.
GOOD_FOR_S = 30.0
#: From so many messages on, the planner would rather list all of a survey, were it let.
WIDE_FROM = 50_000
#: So much is kept at most of what people may make up: platforms, and sets of surveys.
_KEPT_MAX = 100


class IndexLookup:
    """Looks at the indexes, and at when the newest message was said, at most every `GOOD_FOR_S`."""

    def __init__(self) -> None:
        self._indexes: Indexes | None = None
        self._newest: dict[tuple[str, str | None], datetime] = {}
        self._wide: dict[frozenset[str], bool] = {}
        self._looked_at = float("-inf")

    async def indexes(self, connection: Connection) -> Indexes:
        """Return what there is to search by."""
        if self._indexes is None or time.monotonic() - self._looked_at > GOOD_FOR_S:
            self._indexes, self._newest, self._wide = await find_indexes(connection), {}, {}
            self._looked_at = time.monotonic()
        return self._indexes

    async def is_wide(self, connection: Connection, surveyids: frozenset[str]) -> bool:
        """Tell whether there is so much of some surveys that listing it takes longer than looking at it."""
        if surveyids not in self._wide:
            if len(self._wide) > _KEPT_MAX:
                self._wide = {}
            self._wide[surveyids] = await connection.fetchval(_SQL.has_many, sorted(surveyids), WIDE_FROM)
        return self._wide[surveyids]

    async def newest(self, connection: Connection, tenant: str, platform: str | None) -> datetime:
        """Return about when the last message was said, of a platform or of any, as far as a tenant knows.

        The database itself keeps what is another's from whoever asks for a tenant.
        """
        key = (tenant, platform)
        if key not in self._newest:
            found: datetime | None = await connection.fetchval(_SQL.find_newest, platform)
            if len(self._newest) > _KEPT_MAX:
                self._newest = {}
            self._newest[key] = found or BEGINNING
        return self._newest[key]
