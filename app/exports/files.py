"""The files of exports: a link to download one, whether it is still there, and taking one away.

What an export is, is `app.exports.rows`; whether a file is there, only the storage knows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from app.errors import ANSWERS, AppError, ErrorAnswer, NotNow
from models.errors import MustAct
from models.export_names import file_name
from models.exports import NO_LINK, Source, Status
from sinks.errors import CannotGoOn, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from app.exports.rows import ExportRow
    from app.exports.service import ExportRows
    from models.access import Caller
    from sinks.storage.bucket import ObjectStorage

log = logging.getLogger(__name__)

#: A page waits so long for the storage to say which files it has; what it has not said may be there.
LOOK_WITHIN_S = 1.0
#: What the storage said is taken for true so long, as pages are looked at once a second.
REMEMBER_S = 60.0
_REMEMBER_MAX = 10_000


class NotFinished(NotNow):
    """The export has no file, yet or at all; the message says which."""


class FileGone(AppError):
    """There was a file; its owner removed it, or the storage no longer has it.

    Attributes:
        row: the export.
    """

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.GONE)

    def __init__(self, message: str, row: ExportRow) -> None:
        super().__init__(message)
        self.row = row


class StorageUnusable(AppError):
    """The storage of exports is not set up as it should be: files may well be there, but cannot be reached.

    What to mend is in the log, for its operator; the message is for the owner.
    """

    must_act = MustAct.OPERATOR
    answer = replace(ANSWERS[MustAct.OPERATOR], says=None)

    def __init__(self) -> None:
        super().__init__(
            "The storage of exports is missing, or lets this system no longer in. Whoever runs the system "
            "has to mend that: its log says what. The export is kept as it is."
        )


class ExportFiles:
    """Gives and removes the files of exports.

    Args:
        rows: the exports, and whether the caller may have them.
        storage: where the files are.
        link_good_for: how long a link works.
        kept_for: how long the storage keeps a file at least, by its lifecycle rule.
    """

    def __init__(
        self, rows: ExportRows, storage: ObjectStorage, link_good_for: timedelta, kept_for: timedelta
    ) -> None:
        self._rows = rows
        self._storage = storage
        self._link_good_for = link_good_for
        self._kept_for = kept_for
        #: Whether the storage has the object of a key, and until when (monotonic) we take that for true.
        self._seen: dict[str, tuple[bool, float]] = {}

    async def link(self, caller: Caller, export_id: UUID) -> str:
        """Return a link to the file, signed now.

        Raises:
            NoSuchExport: the caller has none with this id.
            NotAllowed: it is of a survey that is shared with them no longer.
            NotFinished: there is no file.
            FileGone: there is none any more.
            StorageUnusable: the storage refuses, or has not even the bucket.
            ServiceDown: the storage does not answer.
        """
        return await self.link_of(await self._rows.file_of(caller, export_id))

    async def link_of(self, row: ExportRow) -> str:
        """Return a link to the file of an export, for somebody who is known to be let at it.

        Raises:
            NotFinished, FileGone, StorageUnusable, ServiceDown: as of `link`.
        """
        if row.removed is not None:
            raise FileGone("The file was removed by its owner: export again.", row)
        if row.status != Status.FINISHED:
            raise NotFinished(f"There is no file: the export is {row.status}.")
        if row.object_key is None:
            return _link_of_others(row)
        with _set_up():
            if not await self._has(row.object_key):
                raise FileGone("The storage no longer has the file: export again.", row)
            return await self._storage.link(
                row.object_key,
                file_name=_file_name(row, row.object_key),
                expires_s=self._link_good_for.total_seconds(),
            )

    async def gone_of(self, rows: Iterable[ExportRow]) -> set[UUID]:
        """Return which of the exports had a file that is not there any more, as far as that is known soon.

        The storage is asked for files that are old enough for its rule to have removed them, and not again
        for a while. A file that someone else removed before is missed at its download.
        """
        now = datetime.now(UTC)
        with_file = [row for row in rows if row.has_file]
        gone = {row.id for row in with_file if row.object_key is None and _is_over(row.export_link, now)}
        old = {
            row.id: row.object_key
            for row in with_file
            if row.object_key is not None and row.finished is not None and now - row.finished > self._kept_for
        }
        are_there = await asyncio.gather(*map(self._seems_there, old.values()))
        return gone | {export for export, is_there in zip(old, are_there, strict=True) if not is_there}

    async def remove(self, caller: Caller, export_id: UUID) -> ExportRow:
        """End the export if it is under way, remove its file if it has one; return it as it is then.

        Raises:
            NoSuchExport: the caller has none with this id.
            StorageUnusable: the storage refuses, or has not even the bucket; the file is not noted as gone.
            ServiceDown: the storage does not answer: the file is still there, remove it again.
        """
        row = await self._rows.cancel(caller, export_id)
        if row.removed is None and row.object_key is not None:
            with _set_up():
                await self._storage.delete(row.object_key)
        return await self._rows.note_removed(caller, export_id) if row.has_file else row

    async def _has(self, key: str) -> bool:
        """Ask the storage, and remember what it said."""
        is_there = await self._storage.size(key) is not None
        self._note(key, is_there=is_there)
        return is_there

    async def _seems_there(self, key: str) -> bool:
        """Tell whether a file is there, as far as is known, or known soon; what is not known may be."""
        was_there, until = self._seen.get(key, (True, 0.0))
        if time.monotonic() < until:
            return was_there
        # Who asks meanwhile need not ask the storage, too; nor does the next one, if it does not answer.
        self._note(key, is_there=was_there)
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                return await self._has(key)
        except (SinkError, TimeoutError) as error:
            log.warning("The storage does not say whether a file is there", extra={"error": repr(error)})
            return was_there

    def _note(self, key: str, *, is_there: bool) -> None:
        if len(self._seen) >= _REMEMBER_MAX:
            self._seen.clear()
        self._seen[key] = is_there, time.monotonic() + REMEMBER_S


@contextmanager
def _set_up() -> Iterator[None]:
    """Tell the operator what to mend where the storage is not set up, and the owner that they must."""
    try:
        yield
    except CannotGoOn as error:
        log.error(  # noqa: TRY400  where it happened is no help to who mends it
            "The storage of exports cannot be used, so their files cannot be had: mend it, then run "
            "`chatlog storage check`",
            extra={"error": str(error)},
        )
        raise StorageUnusable from error


def _file_name(row: ExportRow, key: str) -> str:
    if row.options is None or not isinstance(row.source, Source):
        # Another version made it, and named the object alike.
        return key.rpartition("/")[2]
    return file_name(row.survey_id, row.source, row.options, row.created)


def _link_of_others(row: ExportRow) -> str:
    """Return the link of an export that another system made, which we cannot sign."""
    if row.export_link == NO_LINK or not row.export_link.startswith(("https://", "http://")):
        raise FileGone("The export has no file: export again.", row)
    if _is_over(row.export_link, datetime.now(UTC)):
        raise FileGone("The link to the file has expired: export again.", row)
    return row.export_link


def _is_over(link: str, now: datetime) -> bool:
    """Tell whether a signed link says of itself that it has expired, in the ways of Amazon and Google."""
    try:
        query = dict(parse_qsl(urlsplit(link).query))
        for vendor in ("X-Amz", "X-Goog"):
            if f"{vendor}-Expires" in query:
                signed = datetime.strptime(query[f"{vendor}-Date"], "%Y%m%dT%H%M%S%z")
                return signed + timedelta(seconds=int(query[f"{vendor}-Expires"])) < now
        return int(query["Expires"]) < now.timestamp()
    except (KeyError, ValueError, OverflowError):
        return False
