"""Exports as those know them who asked for them: the rows of `export_status`.

Of each export `models.access.may` is asked. Statements that find many keep to the rule by themselves: those
that the caller asked for, of surveys with the names that the scope leaves. To make the file is the export
agent's, to have it or remove it `app.exports.files`, to send the job `app.outbox`: a row that is asked for
here is found there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.access import NotAllowed
from app.errors import NotFound, NotNow
from app.exports.rows import ExportRow, kept_options
from app.postgres.answers import answer_within, is_storable
from app.surveys.service import NoSuchSurvey
from models.access import Action, Thing, everybodys_list, export_thing, may, thread_thing
from models.exports import Source
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    import asyncpg

    from app.exports.messages import MessageExports
    from app.surveys.rows import SurveyKey
    from app.surveys.service import Surveys
    from app.web.paging import Place
    from models.access import Caller
    from models.exports import ExportOptions

#: The same asked for again so soon is a second click, not a second wish.
SECOND_CLICK = timedelta(seconds=10)

_SQL = statements("exports")


class NoSuchExport(NotFound):
    """There is no such export among those that the caller may see; whether there is one is not said."""

    def __init__(self) -> None:
        super().__init__("You have no export with this id.")


class NotFailed(NotNow):
    """Only an export that failed can be tried again."""


class ExportRows:
    """Asks for exports, and tells of them.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read and write export_status.
        surveys: what can be exported.
        messages: knows who may have a file of messages.
        on_request: called when a row waits for its job to be sent; returns at once.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        surveys: Surveys,
        messages: MessageExports,
        on_request: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._surveys = surveys
        self._messages = messages
        self._on_request = on_request

    async def request(
        self, caller: Caller, survey: SurveyKey, source: Source, options: ExportOptions
    ) -> ExportRow:
        """Ask for an export; return its row, which is committed. Its job follows, whatever happens.

        Raises:
            NoSuchSurvey: there is none that the caller may export.
        """
        await self._surveys.get(caller, survey, Action.EXPORT_SURVEY)
        asked = (caller.email, *survey, source.value, kept_options(options))
        record = await self._row(_SQL.insert_export, *asked, timedelta(0))
        if record is None:
            raise NoSuchSurvey
        self._on_request()
        return ExportRow.of(record)

    async def request_once(
        self, caller: Caller, survey: SurveyKey, source: Source, options: ExportOptions
    ) -> None:
        """Ask for an export as `request` does, unless this is a second click, whichever process it comes to.

        Raises:
            NoSuchSurvey: there is none that the caller may export.
        """
        await self._surveys.get(caller, survey, Action.EXPORT_SURVEY)
        asked = (caller.email, *survey, source.value, kept_options(options))
        async with answer_within(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SQL.queue_requests, caller.email, *survey)
            is_new = await connection.fetchrow(_SQL.insert_export, *asked, SECOND_CLICK)
        if is_new:
            self._on_request()

    async def get(self, caller: Caller, export_id: UUID, action: Action = Action.SEE_EXPORT) -> ExportRow:
        """Return an export with which the caller may do this.

        Raises:
            NoSuchExport: there is none with this id.
        """
        record = await self._row(_SQL.find_export, export_id)
        row = ExportRow.of(record) if record else None
        if row is None or not may(caller, action, row.thing):
            raise NoSuchExport
        return row

    async def of_user(
        self, caller: Caller, user: str, *, limit: int, after: Place | None = None
    ) -> list[ExportRow]:
        """Return so many that somebody asked for, the one that changed last first, or those after a place.

        Raises:
            NotAllowed: that is not the caller, who may not see what others asked for.
        """
        check_may_see(caller, Thing(user, caller.tenant, within=caller.scope))
        return await self._some(caller, user, None, limit, after)

    async def of_all(self, caller: Caller, *, limit: int, after: Place | None = None) -> list[ExportRow]:
        """Return so many that anybody asked for, in the order of `of_user`.

        Raises:
            NotAllowed: the caller may not see what others asked for.
        """
        check_may_see(caller, everybodys_list(caller))
        asked = (scope_of(caller), *_values_of(after), limit, caller.tenant)
        return await self._rows(_SQL.find_exports_of_all, *asked)

    async def of_survey(
        self, caller: Caller, survey: SurveyKey, *, limit: int, after: Place | None = None
    ) -> list[ExportRow]:
        """Return so many of a survey that the caller asked for, as `of_user` does; the survey may be gone.

        Raises:
            NoSuchSurvey: there is none that the caller may see, and no export of one.
        """
        rows = await self._some(caller, caller.email, survey, limit, after)
        if not rows and not await self.count(caller, survey):
            await self._surveys.get(caller, survey)
        return rows

    async def count(self, caller: Caller, survey: SurveyKey) -> int:
        """Return how many of a survey the caller asked for, also of one that is gone since."""
        if not _may_see_own(caller, survey):
            return 0
        record = await self._row(_SQL.count_exports, caller.email, *survey)
        return record["count"] if record else 0

    async def latest_of(self, caller: Caller, surveys: Sequence[SurveyKey]) -> dict[SurveyKey, ExportRow]:
        """Return the newest of each of these surveys that the caller asked for."""
        mine = [survey for survey in surveys if _may_see_own(caller, survey)]
        owners, names = [survey.owner for survey in mine], [survey.name for survey in mine]
        rows = await self._rows(_SQL.find_latest_exports, caller.email, owners, names)
        return {row.survey: row for row in rows}

    async def cancel(self, caller: Caller, export_id: UUID) -> ExportRow:
        """End an export that is not over; return it as it is then. One that is over stays as it is.

        Raises:
            NoSuchExport: the caller has none with this id.
        """
        return await self._change(_SQL.cancel_export, caller, export_id)

    async def retry(self, caller: Caller, export_id: UUID) -> ExportRow:
        """Begin a failed export again; return its row, which is committed. Its job follows.

        Raises:
            NoSuchExport: the caller has none with this id.
            NotFailed: it is finished, or under way.
            NotAllowed: the survey is shared with them no longer.
        """
        row = await self.get(caller, export_id, Action.USE_EXPORT)
        await self._check_still_may(caller, row)
        record = await self._row(_SQL.retry_export, caller.email, export_id)
        if record is None:
            row = await self.get(caller, export_id, Action.USE_EXPORT)
            raise NotFailed(f"Only a failed export can be tried again; this one is {row.status}.")
        self._on_request()
        return ExportRow.of(record)

    async def note_removed(self, caller: Caller, export_id: UUID) -> ExportRow:
        """Note that the file of a finished export is gone; return the export.

        Raises:
            NoSuchExport: the caller has none with this id.
        """
        return await self._change(_SQL.remove_export, caller, export_id)

    async def file_of(self, caller: Caller, export_id: UUID) -> ExportRow:
        """Return an export whose file the caller may have.

        Raises:
            NoSuchExport: they have none with this id.
            NotAllowed: the survey is shared with them no longer.
        """
        row = await self.get(caller, export_id, Action.USE_EXPORT)
        await self._check_still_may(caller, row)
        return row

    async def _check_still_may(self, caller: Caller, row: ExportRow) -> None:
        """Make sure that the caller may still have what they asked for: shares and roles are taken back."""
        if row.asked_as is None:
            await self._surveys.check_still_shared(caller, row.survey)
        elif row.source is Source.LEARNER:
            learner = row.options.learner if row.options else None
            if not may(caller, Action.EXPORT_LEARNER, thread_thing(row.asked_as.tenant, learner)):
                raise NotAllowed("It holds what you may no longer have: your role or your learners changed.")
        else:
            await self._messages.check_still_may(caller, row.user_id, row.asked_as)

    async def _change(self, query: str, caller: Caller, export_id: UUID) -> ExportRow:
        """Change an export of the caller's if it is as the statement wants it; return it as it is then."""
        await self.get(caller, export_id, Action.USE_EXPORT)
        record = await self._row(query, caller.email, export_id)
        return ExportRow.of(record) if record else await self.get(caller, export_id, Action.USE_EXPORT)

    async def _some(
        self, caller: Caller, user: str, survey: SurveyKey | None, limit: int, after: Place | None
    ) -> list[ExportRow]:
        theirs = Thing(user, caller.tenant, within=caller.scope)
        if not (may(caller, Action.SEE_EXPORT, theirs) and _is_storable(survey)):
            return []
        return await self._rows(
            _SQL.find_exports,
            user,
            *(survey or (None, None)),
            scope_of(caller),
            *_values_of(after),
            limit,
            caller.tenant,
        )

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        async with answer_within():
            return await self._pool.fetchrow(query, *arguments)

    async def _rows(self, query: str, *arguments: object) -> list[ExportRow]:
        async with answer_within():
            return [ExportRow.of(record) for record in await self._pool.fetch(query, *arguments)]


def _may_see_own(caller: Caller, survey: SurveyKey) -> bool:
    """Tell whether the caller may see what they asked for of this survey, if they did."""
    return _is_storable(survey) and may(caller, Action.SEE_EXPORT, export_thing(caller.email, survey.name))


def check_may_see(caller: Caller, exports: Thing) -> None:
    """Make sure that the caller may see these exports.

    Raises:
        NotAllowed: they may not.
    """
    if not may(caller, Action.SEE_EXPORT, exports):
        raise NotAllowed("None of your roles lets you see what others asked for.")


def scope_of(caller: Caller) -> list[str] | None:
    """Return what the caller is narrowed to, as statements take it."""
    return sorted(caller.scope) or None


def _is_storable(survey: SurveyKey | None) -> bool:
    return survey is None or is_storable("".join(survey))


def _values_of(place: Place | None) -> tuple[object, object]:
    return (place.moment, place.key) if place else (None, None)
