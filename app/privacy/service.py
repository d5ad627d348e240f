"""Requests for learners' data, and for its erasure: made, and found. Whoever asks has to be let in by `may`.

A file is made as any other export is (`agents.exports`); what is to be erased, `app.privacy.erasing` erases.
What is asked for is noted in the log of it, and told (`thread_events`), in the same transaction.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app.exports.files import NotFinished
from app.exports.rows import ExportRow, kept_options
from app.postgres.answers import answer_within
from app.privacy.erasing import overdue_in
from app.privacy.rows import NoSuchRequest, PrivacyRequest, RequestKind
from app.threads.rows import NoSuchLearner
from app.threads.service import learners_of
from models.access import Action, may, thread_thing
from models.exports import AskedAs, ExportOptions, Source
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.exports.files import ExportFiles
    from app.privacy.erasing import Erasures
    from app.privacy.rows import OverdueErasures
    from app.threads.keys import AskedOnce
    from app.threads.service import LearnerThreads
    from app.web.paging import Place
    from models.access import Caller

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("privacy")
_EXPORTS = statements("exports")
_ACTIONS = {RequestKind.EXPORT: Action.EXPORT_LEARNER, RequestKind.DELETION: Action.ERASE_LEARNER}
_OPEN = {RequestKind.EXPORT: _SQL.find_open_export, RequestKind.DELETION: _SQL.find_open_deletion}


class PrivacyRequests:
    """What is asked for of learners.

    Args:
        threads: in whose transactions a tenant's rows are seen.
        files: where the files of exports are.
        erasures: erases whoever is to be erased.
    """

    def __init__(self, threads: LearnerThreads, files: ExportFiles, erasures: Erasures) -> None:
        self._threads = threads
        self._files = files
        self._erasures = erasures

    async def ask(
        self, caller: Caller, kind: RequestKind, learner: str, reason: str | None, once: AskedOnce | None
    ) -> PrivacyRequest:
        """Ask for a learner's data or erasure; where that is under way already, return the request of it.

        Returns:
            The request, which is committed; what it asks for follows, whatever happens.

        Raises:
            NoSuchLearner: the learner is none of theirs.
            KeyUsed: the key stands for something else.
        """
        if not may(caller, _ACTIONS[kind], thread_thing(caller.tenant, learner)):
            raise NoSuchLearner
        async with answer_within(), self._threads.changing(caller.tenant) as connection:
            await connection.execute(_SQL.queue_requests, caller.tenant, learner, kind.value)
            under_way = await connection.fetchval(_OPEN[kind], caller.tenant, learner)
            request = under_way or uuid.uuid4()
            if once is not None and (made := await once.keep(connection, request)) is not None:
                return await self._known(connection, caller, made)
            if under_way is None:
                await self._insert(connection, caller, kind, request, learner, reason)
            known = await self._known(connection, caller, request)
        if kind is RequestKind.DELETION:
            self._erasures.wake()
        return known

    async def read(self, caller: Caller, request: UUID) -> PrivacyRequest:
        """Return a request.

        Raises:
            NoSuchRequest: there is none, or they may not see it.
        """
        async with answer_within(), self._threads.transaction(caller.tenant) as connection:
            return await self._known(connection, caller, request)

    async def find(
        self, caller: Caller, *, learner: str | None, after: Place | None, limit: int
    ) -> tuple[list[PrivacyRequest], Place | None]:
        """Return requests that the caller may see, the latest first, and the place of what follows."""
        learners = learners_of(caller, learner, Action.EXPORT_LEARNER)
        if learners == []:
            return [], None
        place = (None, None) if after is None else (after.moment, UUID(after.key))
        async with answer_within(), self._threads.transaction(caller.tenant) as connection:
            rows = await connection.fetch(_SQL.find_requests, caller.tenant, learners, *place, limit + 1)
        found = [PrivacyRequest.of(row) for row in rows[:limit]]
        return found, found[-1].place if len(rows) > limit else None

    async def overdue(self, caller: Caller) -> OverdueErasures | None:
        """Return who waits for over an hour to be erased, for whoever may erase all of their tenant."""
        if not may(caller, Action.ERASE_LEARNER, thread_thing(caller.tenant, None)):
            return None
        async with answer_within(), self._threads.transaction(caller.tenant) as connection:
            return await overdue_in(connection, caller.tenant)

    async def link(self, request: PrivacyRequest) -> str:
        """Return a link to the file of a request that the caller may see, signed now.

        Raises:
            NotFinished: there is none, yet or at all.
            FileGone: there is none any more.
            StorageUnusable, ServiceDown: the storage is not to be had.
        """
        if request.export is None or not request.has_file:
            raise NotFinished(f"There is no file: this {request.kind} is {request.status}.")
        async with answer_within(), self._threads.transaction(request.tenant) as connection:
            record = await connection.fetchrow(_EXPORTS.find_export, request.export)
        if record is None:
            raise NoSuchRequest
        return await self._files.link_of(ExportRow.of(record))

    async def _insert(
        self,
        connection: Connection,
        caller: Caller,
        kind: RequestKind,
        request: UUID,
        learner: str,
        reason: str | None,
    ) -> None:
        noted = (caller.tenant, request, learner, caller.id, reason)
        if kind is RequestKind.DELETION:
            await connection.execute(_SQL.insert_deletion, *noted)
            return
        export = await connection.fetchrow(
            _EXPORTS.insert_messages_export,
            caller.email,
            Source.LEARNER.value,
            kept_options(ExportOptions.of_learner(learner)),
            AskedAs.of(caller).model_dump_json(),
            timedelta(0),
        )
        if export is None:
            raise AssertionError("only what is asked for again so soon is left out")
        await connection.execute(_SQL.insert_export, *noted, export["id"])

    async def _known(self, connection: Connection, caller: Caller, request: UUID) -> PrivacyRequest:
        row = await connection.fetchrow(_SQL.find_request, caller.tenant, request)
        known = None if row is None else PrivacyRequest.of(row)
        if known is None or not may(caller, Action.EXPORT_LEARNER, known.thing):
            raise NoSuchRequest
        return known
