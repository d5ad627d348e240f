"""The files of exports: a link to download one, and taking one away. What an export is, is `app.exports`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.exports import NO_LINK, Status, file_name

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from app.exports import ExportRow, ExportRows
    from sinks.object_storage import ObjectStorage


class NotFinished(Exception):
    """The export has no file, yet or at all; the message says which."""


class FileGone(Exception):
    """There was a file; its owner removed it, or the storage no longer has it."""


class ExportFiles:
    """Gives and removes the files of exports.

    Args:
        rows: the exports, scoped to their owners.
        storage: where the files are.
        link_good_for: how long a link works.
    """

    def __init__(self, rows: ExportRows, storage: ObjectStorage, link_good_for: timedelta) -> None:
        self._rows = rows
        self._storage = storage
        self._link_good_for = link_good_for

    async def link(self, owner: str, export_id: UUID) -> str:
        """Return a link to the file, signed now.

        Raises:
            NoSuchExport: the owner has none with this id.
            NotFinished: there is no file.
            FileGone: there is none any more.
            ServiceDown: the storage does not answer.
        """
        row = await self._rows.get(owner, export_id)
        if row.removed is not None:
            raise FileGone("The file was removed by its owner: export again.")
        if row.status is not Status.FINISHED:
            raise NotFinished(f"There is no file: the export is {row.status.value}.")
        if row.object_key is None:
            return _link_of_others(row)
        if await self._storage.size(row.object_key) is None:
            raise FileGone("The storage no longer has the file: export again.")
        name = file_name(row.survey_id, row.source, row.options)
        return await self._storage.link(row.object_key, file_name=name, expires=self._link_good_for)

    async def remove(self, owner: str, export_id: UUID) -> ExportRow:
        """End the export if it is under way, remove its file if it has one; return it as it is then.

        Raises:
            NoSuchExport: the owner has none with this id.
            ServiceDown: the storage does not answer: the file is still there, remove it again.
        """
        row = await self._rows.cancel(owner, export_id)
        if row.removed is None and row.object_key is not None:
            await self._storage.delete(row.object_key)
        return await self._rows.note_removed(owner, export_id) if row.has_file else row


def _link_of_others(row: ExportRow) -> str:
    """Return the link of an export that another system made, which we cannot sign."""
    if row.export_link == NO_LINK or not row.export_link.startswith(("https://", "http://")):
        raise FileGone("The export has no file: export again.")
    return row.export_link
