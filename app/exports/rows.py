"""What rows say of exports and surveys, as their owners know them.

Pure; read and written by `app.exports.service`.

Others write rows, too, and other versions of this program: what is not known of one is kept as it is, so that
one odd row never hides the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self, TypeVar

import orjson
from pydantic import ValidationError

from models.exports import ExportOptions, Source, Status

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

#: Counts stop here: a page shows "1,000+" rather than wait for a number.
COUNT_UP_TO = 1000

Known = TypeVar("Known", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one is in a long list, the latest first: what follows it is the next part.

    Attributes:
        moment: by which the list is ordered.
        key: tells it from others of that moment: the id of an export, the name of a survey.
    """

    moment: datetime
    key: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export, as its row says; of what is not known here, the text or None.

    Attributes:
        id: its own, however often it is tried.
        user_id: the owner's email address.
        survey_id: the survey's name. (Both names are those of the system before.)
        status: how far it is.
        source: what is exported.
        options: what of it, and how it is written; None if they are another version's.
        export_link: a link that works for some hours, or `models.exports.NO_LINK`.
        reason: why it failed, for the owner; may be of an earlier attempt while it is tried again.
        rows_done: how many rows are written, of about `rows_estimate`.
        rows_estimate: None before it is known.
        bytes_done: how much is stored.
        cells_not_shown: how many values the file could not hold, and says so.
        object_key: where the file is kept; None before it is.
        created: when it was asked for.
        updated: when anything of it changed.
        finished: when the file was complete.
        removed: when its owner removed the file.
    """

    id: UUID
    user_id: str
    survey_id: str
    status: Status | str
    source: Source | str
    options: ExportOptions | None
    export_link: str
    reason: str | None
    rows_done: int
    rows_estimate: int | None
    bytes_done: int
    cells_not_shown: int
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
                "status": _known(Status, record["status"]),
                "source": _known(Source, record["source"]),
                "options": _options_of(record["options"]),
                # Rows of the system before may lack it.
                "updated": record["updated"] or record["created"],
            }
        )

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return isinstance(self.status, Status) and self.status.is_final

    @property
    def has_file(self) -> bool:
        """Whether there was a file to download, and its owner has not removed it."""
        return self.status == Status.FINISHED and self.removed is None

    @property
    def place(self) -> Place:
        """Where it is among its owner's exports, in the order of the last change."""
        return Place(self.updated, str(self.id))


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

    @classmethod
    def of(cls, record: asyncpg.Record) -> Self:
        """Read what `find_surveys` says of one."""
        codes = tuple(code for code in record["shortcodes"] if code is not None)
        return cls(record["survey_name"], record["title"], codes, record["created"], record["versions"])

    @property
    def place(self) -> Place:
        """Where it is among its owner's surveys."""
        return Place(self.created, self.name)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of a survey: exact below `COUNT_UP_TO`, which stands for "as many or more"."""

    chat_log: int
    responses: int


def kept_options(options: ExportOptions) -> str:
    """Return options as a row keeps them: what differs from the defaults, so that the same are equal."""
    return orjson.dumps(options.model_dump(mode="json", exclude_defaults=True)).decode()


def _options_of(kept: str) -> ExportOptions | None:
    """Read options; what a newer version may have written beside ours is left out."""
    values = orjson.loads(kept)
    if not isinstance(values, dict):
        return None
    known = {name: value for name, value in values.items() if name in ExportOptions.model_fields}
    try:
        return ExportOptions.model_validate(known)
    except ValidationError:
        return None


def _known(kind: type[Known], text: str) -> Known | str:
    """Return the member of `kind` that a text stands for, or else the text."""
    try:
        return kind(text)
    except ValueError:
        return text
