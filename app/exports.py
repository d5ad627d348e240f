"""Exports as their owners know them: the rows of `export_status`, and the surveys they can be of.

Every statement is scoped to the owner who asks. To make the file is the export agent's, to have it or remove
it `app.export_files`, to send the job `app.outbox`: a row that is asked for here is found there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import orjson

from app.sql import statement
from models.exports import ExportOptions, Source, Status
from sinks.sqlstate import DRIVER_ERRORS, verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

#: Counts stop here: a page shows "1,000+" rather than wait for a number.
COUNT_UP_TO = 1000
#: And here, if even that takes long: then there is no count.
COUNT_WITHIN_MS = 1500
#: A person waits; so it includes the wait for a free connection.
ANSWER_WITHIN_S = 15.0

_INSERT = statement("insert_export")
_FIND = statement("find_export")
_FIND_ALL = statement("find_exports")
_CANCEL = statement("cancel_export")
_RETRY = statement("retry_export")
_REMOVE = statement("remove_export")
_SURVEYS = statement("find_surveys")
_COUNT = statement("count_survey_rows")


class NoSuchSurvey(Exception):
    """There is no survey of this name among the owner's; whether another owner has one is not said."""


class NoSuchExport(Exception):
    """There is no export with this id among the owner's; whether another owner has it is not said."""


class NotFailed(Exception):
    """Only an export that failed can be tried again."""


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export, as its row says.

    Attributes:
        id: its own, however often it is tried.
        user_id: the owner's email address.
        survey_id: the survey's name. (Both names are those of the system before.)
        status: how far it is.
        source: what is exported.
        options: what of it, and how it is written.
        export_link: a link that works for some hours, or `models.exports.NO_LINK`.
        reason: why it failed, for the owner; may be of an earlier attempt while it is tried again.
        rows_done: how many rows are written, of about `rows_estimate`.
        rows_estimate: None before it is known.
        bytes_done: how much is stored.
        object_key: where the file is kept; None before it is.
        created: when it was asked for.
        updated: when anything of it changed.
        finished: when the file was complete.
        removed: when its owner removed the file.
    """

    id: UUID
    user_id: str
    survey_id: str
    status: Status
    source: Source
    options: ExportOptions
    export_link: str
    reason: str | None
    rows_done: int
    rows_estimate: int | None
    bytes_done: int
    object_key: str | None
    created: datetime
    updated: datetime
    finished: datetime | None
    removed: datetime | None

    @classmethod
    def of(cls, record: asyncpg.Record) -> Self:
        """Read a row; of its other columns none is an owner's business."""
        values = {name: record[name] for name in cls.__dataclass_fields__}
        return cls(
            **values
            | {
                "status": Status(record["status"]),
                "source": Source(record["source"]),
                "options": _options_of(record["options"]),
                # Rows of the system before may lack it.
                "updated": record["updated"] or record["created"],
            }
        )

    @property
    def has_file(self) -> bool:
        """Whether there was a file to download, and its owner has not removed it."""
        return self.status is Status.FINISHED and self.removed is None


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey of an owner: its versions and translations are one, by its name.

    Attributes:
        name: what it is asked for by.
        title: of its newest version.
        shortcodes: of all versions.
        created: when its first version was made.
        versions: how many there are.
    """

    name: str
    title: str | None
    shortcodes: tuple[str, ...]
    created: datetime
    versions: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of a survey: exact below `COUNT_UP_TO`, which stands for "as many or more"."""

    chat_log: int
    responses: int


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
        kept = orjson.dumps(options.model_dump(mode="json", exclude_defaults=True)).decode()
        record = _storable(survey) and await self._row(_INSERT, owner, survey, source.value, kept)
        if not record:
            raise NoSuchSurvey
        self._on_request()
        return ExportRow.of(record)

    async def get(self, owner: str, export_id: UUID) -> ExportRow:
        """Return one export.

        Raises:
            NoSuchExport: the owner has none with this id.
        """
        record = await self._row(_FIND, owner, export_id)
        if record is None:
            raise NoSuchExport
        return ExportRow.of(record)

    async def of_owner(self, owner: str) -> list[ExportRow]:
        """Return all exports, the one that changed last first."""
        return [ExportRow.of(record) for record in await self._rows(_FIND_ALL, owner, None)]

    async def of_survey(self, owner: str, survey: str) -> list[ExportRow]:
        """Return the exports of a survey, the one that changed last first; also of one that is gone since.

        Raises:
            NoSuchSurvey: the owner has none of this name, and no export of one.
        """
        records = _storable(survey) and await self._rows(_FIND_ALL, owner, survey)
        if not records:
            await self.survey(owner, survey)
        return [ExportRow.of(record) for record in records or ()]

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
            raise NotFailed(f"Only a failed export can be tried again; this one is {row.status.value}.")
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
        record = _storable(name) and await self._row(_SURVEYS, owner, name)
        if not record:
            raise NoSuchSurvey
        return _survey_of(record)

    async def surveys_of(self, owner: str) -> list[Survey]:
        """Return the owner's surveys, newest first."""
        return [_survey_of(record) for record in await self._rows(_SURVEYS, owner, None)]

    async def counts_of(self, owner: str) -> dict[str, Counts]:
        """Return how much there is of each survey, by name; nothing if that cannot be said soon."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                records = await self._count(owner)
        except asyncpg.QueryCanceledError:
            return {}
        except DRIVER_ERRORS as error:
            raise verdict(error) from error
        return {record["survey_name"]: Counts(record["chat_log"], record["responses"]) for record in records}

    async def _count(self, owner: str) -> list[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = {COUNT_WITHIN_MS}")
            return await connection.fetch(_COUNT, owner, COUNT_UP_TO)

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        return next(iter(await self._rows(query, *arguments)), None)

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement; what the database does not answer is a SinkError, as for every other service."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._pool.fetch(query, *arguments)
        except DRIVER_ERRORS as error:
            raise verdict(error) from error


def _survey_of(record: asyncpg.Record) -> Survey:
    codes = tuple(code for code in record["shortcodes"] if code is not None)
    return Survey(record["survey_name"], record["title"], codes, record["created"], record["versions"])


def _options_of(kept: str) -> ExportOptions:
    """Read options; what a newer version may have written beside ours is left out."""
    values: dict[str, Any] = orjson.loads(kept)
    known = {name: value for name, value in values.items() if name in ExportOptions.model_fields}
    return ExportOptions.model_validate(known)


def _storable(name: str) -> bool:
    """Tell whether PostgreSQL could hold it at all; else no survey has this name."""
    return "\0" not in name
