"""Erases learners, in every process: place by place, in short transactions, until nothing is left anywhere.

Each transaction holds the request, so one process at a time works on it; one that is killed lets go of it,
and whoever looks next goes on where it was. What was deleted, and how much that was, is committed together. A
request is done once all places were seen empty at one moment: what was made before is gone; what a client
makes after that is new.

All of it is done as who sees every tenant: of what is left of a thread that is gone, PostgreSQL cannot tell
whose it was. Each statement names the tenant.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import asyncpg
import orjson

from app.looking import Looker
from app.postgres.answers import answer_within
from app.postgres.tenants import EVERY_TENANT
from app.privacy.rows import OpenDeletion, OverdueErasures
from models.errors import BadRecord, ChatlogError, MustAct
from sinks.errors import CannotGoOn, ServiceDown, SinkError
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from app.privacy.places import Connection, Delete, Deleted, ErasedPlace
    from app.threads.service import LearnerThreads

log = logging.getLogger(__name__)

_SQL = statements("privacy")
#: For what processes that died left, and what waits for Kafka; what is asked for here wakes it.
EVERY_S = 5.0
#: A thread of 300,000 messages takes a second, from memory; it has a minute, and other statements 15 s each.
STEP_WITHIN_S = 120.0
#: What is said of a request that the database refuses to carry out.
REFUSED = "The database refuses to delete something: tell whoever runs this system, whose log says what."
#: What is said of one that took too long, or that waited for somebody for too long.
HELD_UP = "Something of it is held, or the database is slow: it is tried again."
#: So often places are emptied anew, as somebody goes on to write, before others have their turn.
ROUNDS = 10


class ErasedElsewhere(ChatlogError):
    """Another process works on the request, or has ended it."""

    must_act = MustAct.SERVICE


class Erasures(Looker):
    """Erases whoever is to be erased; an async context manager.

    Args:
        threads: in whose transactions rows are seen.
        places: where something of learners is kept, in the order in which it is deleted.
    """

    def __init__(self, threads: LearnerThreads, places: tuple[ErasedPlace, ...]) -> None:
        super().__init__("erasures", EVERY_S)
        self._threads = threads
        self._places = places
        self._trouble = Trouble(log, over="Learners are erased again")
        self._refused = Trouble(log)
        self._held_up = Trouble(log)
        self._overdue = Trouble(log, over="No learner waits any more to be erased")

    async def look(self) -> None:
        """Erase whoever is to be erased; what cannot be now is tried again."""
        try:
            async with answer_within(), self._threads.transaction(EVERY_TENANT) as connection:
                rows = await connection.fetch(_SQL.find_open_deletions)
                overdue = await overdue_in(connection, None)
            self._tell_overdue(overdue)
            for row in rows:
                await self._carry_out(OpenDeletion.of(row))
        except SinkError as error:
            self._trouble.note("Learners cannot be erased", {"error": str(error)})
        else:
            self._trouble.end()

    async def _carry_out(self, request: OpenDeletion) -> None:
        """Erase a learner.

        Raises:
            ServiceDown: the database is down, so that nobody can be erased.
        """
        try:
            for _ in range(ROUNDS):
                deletions = [place.delete for place in self._places if place.delete is not None]
                was_any = [await self._empty(request, delete) for delete in deletions]
                if await self._end(request):
                    self._refused.end()
                    self._held_up.end()
                    log.info("A learner is erased", extra={"request": str(request.id)})
                    return
                if not any(was_any):
                    # What is left waits for Kafka.
                    return
        except ErasedElsewhere:
            return
        # One that cannot be erased keeps no other from it.
        except (CannotGoOn, BadRecord) as error:
            self._refused.note(
                "PostgreSQL refuses to erase a learner; it is tried again",
                {"request": str(request.id), "error": str(error)},
                level=logging.ERROR,
            )
            await self._note_trouble(request, REFUSED)
        except ServiceDown as error:
            self._held_up.note(
                "A learner cannot be erased now; it is tried again",
                {"request": str(request.id), "error": str(error)},
            )
            await self._note_trouble(request, HELD_UP)

    async def _empty(self, request: OpenDeletion, delete: Delete) -> bool:
        """Delete all that is in a place, some at a time; tell whether there was anything.

        Raises:
            ErasedElsewhere: another process does it.
        """
        was_any = False
        while (deleted := await self._delete_some(request, delete)).counts:
            was_any = True
            for thread in deleted.threads:
                await self._threads.forget(request.tenant, thread)
        return was_any

    async def _delete_some(self, request: OpenDeletion, delete: Delete) -> Deleted:
        async with answer_within(STEP_WITHIN_S), self._threads.changing(EVERY_TENANT) as connection:
            await connection.execute(_SQL.begin_step)
            before = await _hold(connection, request)
            deleted = await delete(connection, request)
            if deleted.counts:
                counts = Counter(before) + Counter(deleted.counts)
                progress = orjson.dumps(counts).decode()
                await connection.execute(_SQL.note_progress, request.tenant, request.id, progress)
        return deleted

    async def _end(self, request: OpenDeletion) -> bool:
        """End a request if nothing is left anywhere, at one moment; tell whether that is so.

        Raises:
            ErasedElsewhere: another process works on it.
        """
        async with (
            answer_within(STEP_WITHIN_S),
            self._threads.transaction(EVERY_TENANT, isolation="repeatable_read") as connection,
        ):
            await _hold(connection, request)
            for place in self._places:
                if await place.count(connection, request):
                    return False
            await connection.execute(_SQL.finish_deletion, request.tenant, request.id)
        return True

    async def _note_trouble(self, request: OpenDeletion, trouble: str) -> None:
        async with answer_within(), self._threads.transaction(EVERY_TENANT) as connection:
            await connection.execute(_SQL.note_trouble, request.tenant, request.id, trouble)

    def _tell_overdue(self, overdue: OverdueErasures | None) -> None:
        if overdue is None:
            self._overdue.end()
            return
        self._overdue.note(
            "Learners wait for over an hour to be erased: see `trouble` in chat_deletion_logs",
            {"requests": overdue.many, "since": overdue.since.isoformat()},
        )


async def overdue_in(connection: Connection, tenant: str | None) -> OverdueErasures | None:
    """Return who of a tenant, or of all, waits for over an hour to be erased; None if nobody does."""
    row = await connection.fetchrow(_SQL.find_overdue_deletions, tenant)
    return OverdueErasures(row["many"], row["since"]) if row is not None and row["many"] else None


async def _hold(connection: Connection, request: OpenDeletion) -> dict[str, int]:
    """Let nobody else work on a request until the transaction ends; return how much was deleted so far.

    Raises:
        ErasedElsewhere: somebody does, or it is done.
    """
    try:
        counts = await connection.fetchval(_SQL.hold_deletion, request.tenant, request.id)
    except asyncpg.SerializationError:
        raise ErasedElsewhere from None
    if counts is None:
        raise ErasedElsewhere
    known: dict[str, int] = orjson.loads(counts)
    return known
