"""What rows say of exports, as whoever asked for them knows them.

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

from app.surveys.rows import SurveyKey
from app.web.paging import Place
from models.access import Thing, export_thing, messages_export_thing
from models.exports import AskedAs, ExportOptions, Source, State, Status
from models.owners import owner_address

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

Known = TypeVar("Known", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export, as its row says; of what is not known here, the text or None.

    Attributes:
        id: its own, however often it is tried.
        user_id: the email address of whoever asked for it, and owns it.
        survey_owner: the email address of whose survey it is, where that is another, who shared it.
        survey_id: the survey's name, empty for messages. (The names of ids are those of the system before.)
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
        cancelled: when its owner ended it.
        asked_as: as whom messages were asked for.
    """

    id: UUID
    user_id: str
    survey_owner: str | None
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
    cancelled: datetime | None
    asked_as: AskedAs | None

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
                "asked_as": AskedAs.model_validate_json(record["asked_as"]) if record["asked_as"] else None,
                # Rows of the system before may lack it.
                "updated": record["updated"] or record["created"],
            }
        )

    @property
    def state(self) -> State | str:
        """What it has come to, as people know it."""
        if not isinstance(self.status, Status):
            return self.status
        return State.of(
            self.status,
            # An export of the system before has no such figures.
            is_empty=self.finished is not None and self.rows_done == 0,
            is_cancelled=self.cancelled is not None,
            is_removed=self.removed is not None,
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
    def survey(self) -> SurveyKey:
        """Of which survey it is."""
        return SurveyKey.of(self.survey_owner or self.user_id, self.survey_id)

    @property
    def thing(self) -> Thing:
        """What the right to it depends on."""
        if self.asked_as is not None:
            return messages_export_thing(self.user_id, self.asked_as.tenant, frozenset(self.asked_as.scope))
        return export_thing(self.user_id, self.survey_id)

    def is_of(self, email: str) -> bool:
        """Tell whether whoever has this address asked for it, however that is written."""
        return owner_address(self.user_id) == owner_address(email)

    @property
    def place(self) -> Place:
        """Where it is in a list of exports, in the order of the last change."""
        return Place(self.updated, str(self.id))


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
