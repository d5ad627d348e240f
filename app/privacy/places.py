"""Where something of a learner is kept: how much, and how it is deleted. Data; a new place is a line here.

A place is emptied in short transactions, each of which can be the last, and all of them may be repeated. The
log of what was asked for stays, and what tells that threads were deleted: `docs/privacy.md` says what else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    import asyncpg

    from app.privacy.rows import OpenDeletion

    Connection = asyncpg.Connection[asyncpg.Record]
    Count = Callable[[Connection, OpenDeletion], Awaitable[int]]
    Delete = Callable[[Connection, OpenDeletion], Awaitable["Deleted"]]

_SQL = statements("privacy")
_DELETE_THREAD = statements("threads").delete_thread
#: How many rows of a table one transaction deletes: a second, of the 15 that a statement may take.
ROWS_A_STEP = 10_000


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one transaction deleted; nothing, where nothing was left.

    Attributes:
        counts: how much, by where it was.
        threads: which threads, so that nobody remembers them.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    threads: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class ErasedPlace:
    """A place that a learner is erased from.

    Attributes:
        name: what it is called in the log.
        count: how much is there.
        delete: deletes some, as much as a short transaction should; None for what goes with another place.
    """

    name: str
    count: Count
    delete: Delete | None = None


def places_of(*topics: str) -> tuple[ErasedPlace, ...]:
    """Return all places, in the order in which they are emptied.

    Args:
        topics: those whose records are of learners, of threads, or of what is asked for of them.
    """
    return (
        # Of a message, any number; those of threads that were deleted before, too.
        _place("message_versions", _SQL.count_message_versions, _SQL.delete_message_versions),
        # A thread takes its messages along, what is left of these, and the keys they came under.
        ErasedPlace("conversations", _counting(_SQL.count_conversations), _delete_a_thread),
        ErasedPlace("messages", _counting(_SQL.count_messages)),
        ErasedPlace("message_feedback", _counting(_SQL.count_message_feedback)),
        _place("idempotency_keys", _SQL.count_keys, _SQL.delete_keys),
        _place("thread_events", _SQL.count_events, _SQL.delete_events),
        _place("person_weeks", _SQL.count_weeks, _SQL.delete_weeks),
        _place("dead_letters", _SQL.count_dead_letters, _SQL.delete_dead_letters, list(topics)),
    )


def _place(name: str, count: str, delete: str, *more: object) -> ErasedPlace:
    """Return a place of which two statements tell, each of a tenant, a learner, and what else they take."""

    async def delete_some(connection: Connection, of: OpenDeletion) -> Deleted:
        done = await connection.execute(delete, of.tenant, of.learner, ROWS_A_STEP, *more)
        many = int(done.rpartition(" ")[2])
        return Deleted({name: many} if many else {})

    return ErasedPlace(name, _counting(count, *more), delete_some)


def _counting(count: str, *more: object) -> Count:
    async def counted(connection: Connection, of: OpenDeletion) -> int:
        many: int = await connection.fetchval(count, of.tenant, of.learner, *more)
        return many

    return counted


async def _delete_a_thread(connection: Connection, of: OpenDeletion) -> Deleted:
    """Delete one thread, as whoever deletes one does; that it was deleted is logged and told."""
    held = await connection.fetchrow(_SQL.take_thread, of.tenant, of.learner)
    if held is None:
        return Deleted()
    await connection.execute(_SQL.allow_for_long_thread)
    places = await connection.fetchval(
        _DELETE_THREAD, of.tenant, held["id"], held["started"], of.requested_by, of.reason
    )
    return Deleted(orjson.loads(places), (held["id"],))
