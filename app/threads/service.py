"""Threads: made, read, changed, deleted. Whoever asks has to be let in by `models.access.may`.

What somebody may not reach looks as if it did not exist. Every change is told (`thread_events`), in the
transaction that makes it.
"""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import orjson

from app.access import NotAllowed
from app.postgres.answers import answer_within
from app.postgres.tenants import ask_for_tenant
from app.threads.rows import Changed, KnownThread, NoSuchLearner, NoSuchThread, ThreadHead
from app.web.paging import Place
from models.access import THREADS, Action, may, may_at_all, thread_thing
from models.ids import conversation_key
from models.threads import is_matched
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import asyncpg

    from app.threads.heads import ThreadHeads
    from app.threads.keys import AskedOnce
    from app.threads.telling import Telling
    from models.access import Caller

_SQL = statements("threads")


class LearnerThreads:
    """The threads of tenants.

    Args:
        pool: connections as the role of the API.
        heads: what never changes of them.
        telling: has told what was written.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], heads: ThreadHeads, telling: Telling) -> None:
        self._pool = pool
        self._heads = heads
        self._telling = telling

    async def head(self, caller: Caller, action: Action, thread: UUID) -> ThreadHead:
        """Return what never changes of a thread with which the caller may do this.

        Raises:
            NoSuchThread: there is none, or they may not see it.
            NotAllowed: they may see it, and not do this with it.
        """
        async with answer_within():
            head = await self._heads.find(caller.tenant, thread)
        if head is None:
            raise NoSuchThread
        _let_in(caller, action, head)
        return head

    async def make(
        self,
        caller: Caller,
        learner: str,
        *,
        title: str | None,
        metadata: Mapping[str, Any],
        once: AskedOnce | None,
    ) -> KnownThread:
        """Make a thread with a learner; asked for again under the same key, return the one that was made.

        Raises:
            NoSuchLearner: the learner is none of theirs.
            KeyUsed: the key stands for something else.
        """
        if not may(caller, Action.WRITE_THREADS, thread_thing(caller.tenant, learner)):
            raise NoSuchLearner
        external_id = str(uuid.uuid4())
        thread = UUID(conversation_key(THREADS, caller.tenant, external_id))
        async with answer_within(), self.changing(caller.tenant) as connection:
            if once is not None and (made := await once.keep(connection, thread)) is not None:
                return await self._known(connection, caller.tenant, made)
            row = await connection.fetchrow(
                _SQL.insert_thread,
                caller.tenant,
                thread,
                external_id,
                learner,
                title,
                orjson.dumps(metadata).decode(),
                _now(),
                caller.id,
            )
        if row is None:
            raise AssertionError("a thread with an id of its own was there already")
        known = KnownThread.of(row)
        self._heads.keep(known.head)
        return known

    async def read(self, caller: Caller, thread: UUID) -> KnownThread:
        """Return a thread.

        Raises:
            NoSuchThread: there is none, or they may not see it.
        """
        async with answer_within():
            row = await self._pool.fetchrow(_SQL.find_thread, caller.tenant, thread)
        if row is None:
            raise NoSuchThread
        known = KnownThread.of(row)
        _let_in(caller, Action.READ_THREADS, known.head)
        return known

    async def find(
        self,
        caller: Caller,
        *,
        learner: str | None,
        updated_since: datetime | None,
        archived: bool | None,
        after: Place | None,
        limit: int,
    ) -> tuple[list[KnownThread], Place | None]:
        """Return threads that the caller may see, the last written first, and the place of what follows."""
        learners = learners_of(caller, learner)
        if learners == []:
            return [], None
        place = (None, None) if after is None else (after.moment, UUID(after.key))
        asked = (caller.tenant, *place, updated_since, archived, limit + 1)
        async with answer_within():
            if learners is None:
                rows = await self._pool.fetch(_SQL.find_threads, *asked)
            else:
                rows = await self._pool.fetch(_SQL.find_threads_of_learners, *asked, learners)
        found = [KnownThread.of(row) for row in rows[:limit]]
        following = Place(found[-1].updated, str(found[-1].head.id)) if len(rows) > limit else None
        return found, following

    async def change(
        self, caller: Caller, thread: UUID, changes: Mapping[str, Any], *, if_match: str | None
    ) -> KnownThread:
        """Change of a thread what is given: `title`, `metadata`, `archived`.

        Raises:
            NoSuchThread: there is none, or they may not see it.
            NotAllowed: they may see it, and not do this with it.
            Changed: it is not what they saw.
        """
        async with answer_within(), self.changing(caller.tenant) as connection:
            known = await self.hold(connection, caller, Action.READ_THREADS, thread)
            for action in _actions_of(changes):
                _let_in(caller, action, known.head)
            if not is_matched(if_match, known.tag):
                raise Changed
            row = await connection.fetchrow(
                _SQL.change_thread,
                caller.tenant,
                thread,
                changes.get("title", known.title),
                orjson.dumps(changes.get("metadata", known.metadata)).decode(),
                changes.get("archived", known.archived is not None),
                caller.id,
            )
        return KnownThread.of(row)  # type: ignore[arg-type]  # it is held

    async def delete(self, caller: Caller, thread: UUID, *, if_match: str | None, reason: str | None) -> None:
        """Delete a thread with its messages; the log of it stays.

        Raises:
            NoSuchThread: there is none, or they may not see it.
            NotAllowed: they may see it, and not do this with it.
            Changed: it is not what they saw.
        """
        async with answer_within(), self.changing(caller.tenant) as connection:
            known = await self.hold(connection, caller, Action.MODERATE_THREADS, thread)
            if not is_matched(if_match, known.tag):
                raise Changed
            await connection.execute(
                _SQL.delete_thread, caller.tenant, thread, known.head.started, caller.id, reason
            )
        await self.forget(caller.tenant, thread)

    async def forget(self, tenant: str, thread: UUID) -> None:
        """Remember nothing of a thread that was deleted."""
        await self._heads.forget(tenant, thread)

    @asynccontextmanager
    async def transaction(
        self, tenant: str, *, isolation: Literal["repeatable_read"] | None = None
    ) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Begin a transaction in which PostgreSQL shows the rows of a tenant alone.

        Args:
            tenant: whose.
            isolation: for one that sees a single moment.
        """
        ask_for_tenant(tenant)
        async with self._pool.acquire() as connection, connection.transaction(isolation=isolation):
            yield connection  # type: ignore[misc]  # a proxy of one

    @asynccontextmanager
    async def changing(self, tenant: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Begin such a transaction that changes something, which is told once it is for good."""
        async with self.transaction(tenant) as connection:
            yield connection
        self._telling.now()

    async def hold(
        self, connection: asyncpg.Connection[asyncpg.Record], caller: Caller, action: Action, thread: UUID
    ) -> KnownThread:
        """Return a thread with which the caller may do this, and let nobody else write into it meanwhile.

        Raises:
            NoSuchThread: there is none, or they may not see it.
            NotAllowed: they may see it, and not do this with it.
        """
        row = await connection.fetchrow(_SQL.hold_thread, caller.tenant, thread)
        if row is None:
            raise NoSuchThread
        known = KnownThread.of(row)
        _let_in(caller, action, known.head)
        return known

    async def _known(
        self, connection: asyncpg.Connection[asyncpg.Record], tenant: str, thread: UUID
    ) -> KnownThread:
        row = await connection.fetchrow(_SQL.find_thread, tenant, thread)
        if row is None:
            raise NoSuchThread
        return KnownThread.of(row)


def learners_of(
    caller: Caller, learner: str | None, action: Action = Action.READ_THREADS
) -> list[str] | None:
    """Return of which learners a list is that the caller asks for; None for all of the tenant.

    Args:
        caller: who asks.
        learner: whom they ask for; None for whomever they may see.
        action: what they do with what is listed.
    """
    if learner is not None:
        return [learner] if may(caller, action, thread_thing(caller.tenant, learner)) else []
    # Narrowed to the platform or the tenant, somebody sees all that their roles let them; `may` says whether.
    if may(caller, action, thread_thing(caller.tenant, None)):
        return None
    return sorted(
        one for one in caller.within("learner") or () if may(caller, action, thread_thing(caller.tenant, one))
    )


def _now() -> datetime:
    """Return this moment in whole milliseconds, as messages have theirs: none is from before its thread."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _actions_of(changes: Mapping[str, Any]) -> list[Action]:
    """Return what somebody does who changes this of a thread; who gives nothing does as who names it."""
    moderates = [Action.MODERATE_THREADS] if "archived" in changes else []
    return moderates if changes.keys() == {"archived"} else [Action.WRITE_THREADS, *moderates]


def _let_in(caller: Caller, action: Action, head: ThreadHead) -> None:
    thing = thread_thing(head.tenant, head.learner)
    if may(caller, action, thing):
        return
    if may(caller, Action.READ_THREADS, thing) and may_at_all(caller, Action.READ_THREADS):
        raise NotAllowed(f"None of your roles lets you do this with this thread ({action}).")
    raise NoSuchThread
