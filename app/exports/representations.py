"""What the API takes and gives, as OpenAPI describes it. A row's old names stay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.access import Action, Caller, may
from models.exports import NO_LINK, ExportOptions, Source, State, Status

if TYPE_CHECKING:
    from app.exports.rows import ExportRow


OfASurvey = Literal[Source.RESPONSES, Source.CHAT_LOG, Source.CODEBOOK]


class _Request(ExportOptions):
    """What is wanted, as programs say it."""

    @field_validator("since", "until", mode="before")
    @classmethod
    def _is_written_out(cls, value: object) -> object:
        if isinstance(value, int | float):
            raise ValueError("not a time; accepted: such as 2026-11-24")  # noqa: TRY004  for pydantic
        return value

    @field_validator("since", "until")
    @classmethod
    def _is_in_the_calendar(cls, value: datetime | None) -> datetime | None:
        if value is not None:
            try:
                value.astimezone(UTC)
            except OverflowError:
                raise ValueError("not within the years 1 to 9999 in UTC") from None
        return value


class ExportRequest(_Request):
    """What to export, and how to write it. Everything but `export_type` may be left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"export_type": "chat_log", "format": "xlsx", "since": "2026-11-24", "tz": "Africa/Lagos"}
            ]
        }
    )

    export_type: OfASurvey = Field(description="The survey's chat log, its responses, or its codebook.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.check_fits(self.export_type)
        return self

    @property
    def options(self) -> ExportOptions:
        """How to write the file, and what of the survey: the request without what is exported."""
        return ExportOptions.model_validate(self.model_dump(exclude={"export_type"}))


class MessagesRequest(_Request):
    """Which messages to export, of all that you may, and how to write them. Everything may be left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"filter": {"platform": "twitch", "channel": "918273645"}, "since": "2026-11-24"}]
        }
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.check_fits(Source.MESSAGES)
        return self

    @property
    def options(self) -> ExportOptions:
        """Which messages, and how to write them, as rows and jobs have it."""
        return ExportOptions.model_validate(self.model_dump())


class ExpectedFile(BaseModel):
    """What a file would be, if it were asked for now."""

    rows: int = Field(description="How many rows it would have.")
    is_exact: bool = Field(description="Whether they were counted; else it is about so many.")
    bytes: int = Field(description="About how large it would be.")


class Progress(BaseModel):
    """How far an export is; what its events carry."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    status: Status | str = Field(description="How far it is; text of their own in rows of other programs.")
    state: State | str = Field(
        description="The same, and what it does not tell apart: `Empty`, `Cancelled`, `Removed`."
    )
    rows_done: int = Field(description="Rows written so far.")
    rows_estimate: int | None = Field(description="Rows to expect; null before that is known.")
    bytes_done: int = Field(description="Bytes stored so far.")
    reason: str | None = Field(description="Why it failed; while it is tried again, why it failed before.")


class Export(Progress):
    """An export: one row of `export_status`."""

    updated: datetime = Field(description="When anything of it changed.")
    user_id: str = Field(description="The email address of whoever asked for it.")
    survey_owner: str | None = Field(
        description="The email address of the survey's owner, if that is another, who shared it."
    )
    survey_id: str = Field(description="The survey's name; empty for messages, which are of no one survey.")
    export_link: str = Field(
        description=f"A link to the file that works for some hours, or `{NO_LINK}`, as it is always where "
        "somebody else asked for it, or shared the survey. `/exports/{id}/download` makes a new one as long "
        "as there is a file."
    )
    source: Source | str = Field(description="What is exported; text of their own in rows of other programs.")
    created: datetime = Field(description="When it was asked for.")
    options: ExportOptions | None = Field(description="Null if it is another version's, and not known here.")
    finished: datetime | None = Field(description="When the file was complete.")
    cells_not_shown: int = Field(
        description="How many values the file has a note in place of, as no file can hold them; in Parquet, "
        "a time is null instead."
    )
    removed: datetime | None = Field(description="When its owner removed the file.")
    cancelled: datetime | None = Field(description="When its owner ended it.")

    @classmethod
    def of(cls, row: ExportRow, caller: Caller) -> Self:
        """Return how the API shows a row to the caller, who may see it."""
        shown = cls.model_validate(row)
        # A share may be withdrawn, which the link that the row has knows nothing of.
        if row.survey_owner is None and may(caller, Action.USE_EXPORT, row.thing):
            return shown
        return shown.model_copy(update={"export_link": NO_LINK})
