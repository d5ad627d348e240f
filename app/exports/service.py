"""Exports as their owners know them: the rows of `export_status`, and the surveys they can be of.

Every statement is scoped to the owner who asks. To make the file is the export agent's, to have it or remove
it `app.exports.files`, to send the job `app.outbox`: a row that is asked for here is found there.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from app.errors import NotFound, NotNow
from app.exports.rows import COUNT_UP_TO, Counts, ExportRow, Survey, kept_options
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from app.exports.rows import Place
    from models.exports import ExportOptions, Source

#: If counting takes longer, there is no count.
COUNT_WITHIN_MS = 1500
#: A person waits; so it includes the wait for a free connection.
ANSWER_WITHIN_S = 15.0
#: The same asked for again so soon is a second click, not a second wish.
SECOND_CLICK = timedelta(seconds=10)

_EXPORTS, _OF_SURVEYS = statements("exports"), statements("surveys")
_INSERT = _EXPORTS.insert_export
_QUEUE = _EXPORTS.queue_requests
_FIND = _EXPORTS.find_export
_FIND_SOME = _EXPORTS.find_exports
_FIND_PAGE = _EXPORTS.find_export_page
_FIND_LATEST = _EXPORTS.find_latest_exports
_COUNT_EXPORTS = _EXPORTS.count_exports
_CANCEL = _EXPORTS.cancel_export
_RETRY = _EXPORTS.retry_export
_REMOVE = _EXPORTS.remove_export
_SURVEYS = _OF_SURVEYS.find_surveys
_COUNT_SURVEYS = _OF_SURVEYS.count_surveys
_COUNT_ROWS = _OF_SURVEYS.count_survey_rows


class NoSuchSurvey(NotFound):
    """There is no survey of this name among the owner's; whether another owner has one is not said."""

    def __init__(self) -> None:
        super().__init__("You have no survey of this name.")


class NoSuchExport(NotFound):
    """There is no export with this id among the owner's; whether another owner has it is not said."""

    def __init__(self) -> None:
        super().__init__("You have no export with this id.")


class NotFailed(NotNow):
    """Only an export that failed can be tried again."""


class ExportRows:
    """Asks for exports, and tells of them.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read surveys, and read and write export_status.
        on_request: called when a row waits for its job to be sent; returns at once.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], on_request: Callable[[], None]) -> None:
        self._pool = pool
        self._on_request = on_request

    async def request(self, owner: str, survey: str, source: Source, options: ExportOptions) -> ExportRow:
        """Ask for an export; return its row, which is committed. Its job follows, whatever happens.

        Raises:
            NoSuchSurvey: the owner has none of this name.
        """
        values = (owner, survey, source.value, kept_options(options))
        record = _storable(survey) and await self._row(_INSERT, *values, timedelta(0))
        if not record:
            raise NoSuchSurvey
        self._on_request()
        return ExportRow.of(record)

    async def request_once(self, owner: str, survey: str, source: Source, options: ExportOptions) -> None:
        """Ask for an export as `request` does, unless this is a second click, whichever process it comes to.

        Raises:
            NoSuchSurvey: the owner has none of this name.
        """
        if not _storable(survey):
            raise NoSuchSurvey
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                record = await self._insert_in_turn(owner, survey, source.value, kept_options(options))
        except DRIVER_ERRORS as error:
            raise classify(error) from error
        if record is None:
            await self.survey(owner, survey)
        else:
            self._on_request()

    async def get(self, owner: str, export_id: UUID) -> ExportRow:
        """Return one export.

        Raises:
            NoSuchExport: the owner has none with this id.
        """
        record = await self._row(_FIND, owner, export_id)
        if record is None:
            raise NoSuchExport
        return ExportRow.of(record)

    async def of_owner(self, owner: str, *, limit: int, after: Place | None = None) -> list[ExportRow]:
        """Return so many exports, the one that changed last first, or those after a place in that order."""
        return await self._some(owner, None, limit, after)

    async def of_survey(
        self, owner: str, survey: str, *, limit: int, after: Place | None = None
    ) -> list[ExportRow]:
        """Return the same of one survey; also of one that is gone since.

        Raises:
            NoSuchSurvey: the owner has none of this name, and no export of one.
        """
        rows = await self._some(owner, survey, limit, after) if _storable(survey) else []
        if not rows and not await self.count_of(owner, survey):
            await self.survey(owner, survey)
        return rows

    async def page_of(self, owner: str, survey: str, *, size: int, number: int) -> list[ExportRow]:
        """Return a page of a survey's exports, the newest first; the first page is 1."""
        records = await self._rows(_FIND_PAGE, owner, survey, size, (number - 1) * size)
        return [ExportRow.of(record) for record in records]

    async def count_of(self, owner: str, survey: str) -> int:
        """Return how many exports of a survey there are, also of one that is gone since."""
        record = await self._row(_COUNT_EXPORTS, owner, survey) if _storable(survey) else None
        return record["count"] if record else 0

    async def latest_of(self, owner: str, surveys: Sequence[str]) -> dict[str, ExportRow]:
        """Return the newest export of each of these surveys, by the survey's name."""
        rows = [ExportRow.of(record) for record in await self._rows(_FIND_LATEST, owner, surveys)]
        return {row.survey_id: row for row in rows}

    async def cancel(self, owner: str, export_id: UUID) -> ExportRow:
        """End an export that is not over; return it as it is then. One that is over stays as it is.

        Raises:
            NoSuchExport: the owner has none with this id.
        """
        record = await self._row(_CANCEL, owner, export_id)
        return ExportRow.of(record) if record else await self.get(owner, export_id)

    async def retry(self, owner: str, export_id: UUID) -> ExportRow:
        """Begin a failed export again; return its row, which is committed. Its job follows.

        Raises:
            NoSuchExport: the owner has none with this id.
            NotFailed: it is finished, or under way.
        """
        record = await self._row(_RETRY, owner, export_id)
        if record is None:
            row = await self.get(owner, export_id)
            raise NotFailed(f"Only a failed export can be tried again; this one is {row.status}.")
        self._on_request()
        return ExportRow.of(record)

    async def note_removed(self, owner: str, export_id: UUID) -> ExportRow:
        """Note that the file of a finished export is gone; return the export.

        Raises:
            NoSuchExport: the owner has none with this id.
        """
        record = await self._row(_REMOVE, owner, export_id)
        return ExportRow.of(record) if record else await self.get(owner, export_id)

    async def survey(self, owner: str, name: str) -> Survey:
        """Return one survey.

        Raises:
            NoSuchSurvey: the owner has none of this name.
        """
        found = await self._surveys(owner, name=name, limit=1)
        if not found:
            raise NoSuchSurvey
        return found[0]

    async def surveys_of(self, owner: str, *, limit: int, after: Place | None = None) -> list[Survey]:
        """Return so many surveys, the newest first, or those after a place in that order."""
        return await self._surveys(owner, after=after, limit=limit)

    async def survey_page_of(self, owner: str, search: str, *, size: int, number: int) -> list[Survey]:
        """Return a page of the surveys with `search` in their name or a shortcode, the newest first."""
        return await self._surveys(owner, search=search, limit=size, skip=(number - 1) * size)

    async def count_of_surveys(self, owner: str, search: str = "") -> int:
        """Return how many surveys have `search` in their name or a shortcode; all have the empty text."""
        record = await self._row(_COUNT_SURVEYS, owner, search) if _storable(search) else None
        return record["count"] if record else 0

    async def counts_of(self, owner: str, surveys: Sequence[str]) -> dict[str, Counts]:
        """Return how much there is of each of these, by name; nothing if that cannot be said soon."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                records = await self._count(owner, surveys)
        except asyncpg.QueryCanceledError:
            return {}
        except DRIVER_ERRORS as error:
            raise classify(error) from error
        return {record["survey_name"]: Counts(record["chat_log"], record["responses"]) for record in records}

    async def _insert_in_turn(self, owner: str, survey: str, *values: str) -> asyncpg.Record | None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_QUEUE, owner, survey)
            return await connection.fetchrow(_INSERT, owner, survey, *values, SECOND_CLICK)

    async def _count(self, owner: str, surveys: Sequence[str]) -> list[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = {COUNT_WITHIN_MS}")
            return await connection.fetch(_COUNT_ROWS, owner, surveys, COUNT_UP_TO)

    async def _surveys(
        self,
        owner: str,
        *,
        name: str | None = None,
        search: str = "",
        after: Place | None = None,
        limit: int,
        skip: int = 0,
    ) -> list[Survey]:
        if not _storable(f"{name}{search}"):
            return []
        place = (after.moment, after.key) if after else (None, None)
        records = await self._rows(_SURVEYS, owner, name, search, *place, limit, skip)
        return [Survey.of(record) for record in records]

    async def _some(self, owner: str, survey: str | None, limit: int, after: Place | None) -> list[ExportRow]:
        place = (after.moment, after.key) if after else (None, None)
        return [ExportRow.of(record) for record in await self._rows(_FIND_SOME, owner, survey, *place, limit)]

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        return next(iter(await self._rows(query, *arguments)), None)

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement; what the database does not answer is a SinkError, as for every other service."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._pool.fetch(query, *arguments)
        except DRIVER_ERRORS as error:
            raise classify(error) from error


def _storable(name: str) -> bool:
    """Tell whether PostgreSQL could hold it at all; else no survey has this name."""
    return "\0" not in name
