"""Export jobs: what can be asked for, how a job is written down, and where its file is kept.

Pure. Who may ask is the API's matter, how the file is made the export agent's.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from models.decoding import decode_object
from models.entries import Direction
from models.errors import BadRecord, Reason
from models.owners import owner_address

#: What `export_link` holds while there is no file.
NO_LINK = "Not Found"
#: The most a key or a file's name may take of the survey's name, in bytes. What keeps objects as files allows
#: 255 between two slashes.
_NAME_MAX_BYTES = 200


class Source(StrEnum):
    """What is exported; stored in `export_status.source`."""

    RESPONSES = "responses"
    CHAT_LOG = "chat_log"

    @property
    def label(self) -> str:
        """What people call it."""
        return {"responses": "Responses", "chat_log": "Chat Log"}[self.value]


class Status(StrEnum):
    """How far a job is; stored in `export_status.status`, in the words of the system before."""

    STARTED = "Started"
    QUERYING = "Querying"
    WRITING = "Writing"
    FINISHED = "Finished"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {Status.FINISHED, Status.FAILED}


class Format(StrEnum):
    """How the file is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Compression(StrEnum):
    """How the file is compressed as a whole."""

    NONE = "none"
    GZIP = "gzip"


#: With an offset, so that nobody has to guess a time zone.
Instant = Annotated[AwareDatetime, Field(examples=["2026-11-01T00:00:00Z"])]


class ExportOptions(BaseModel):
    """What of a survey is wanted, and how it is written. Without any: all of it, as plain CSV."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    include_metadata: bool = Field(
        default=False,
        description="What the bot knew at each message or response, as JSON; not in wide files.",
    )
    include_raw_payload: bool = Field(
        default=False, description="Chat log only: the platform's whole event of each message, as JSON."
    )
    include_unsent: bool = Field(
        default=False, description="Chat log only: messages too that people took back afterwards."
    )
    since: Instant | None = Field(default=None, description="Nothing from before this time.")
    until: Instant | None = Field(default=None, description="Nothing from this time on.")
    direction: Direction | None = Field(
        default=None, description="Chat log only: what the bot said, or what the users said."
    )
    wide: bool = Field(
        default=False, description="Responses only: one row per user, one column per question."
    )
    format: Format = Format.CSV
    compression: Compression = Compression.NONE
    safe_cells: bool = Field(
        default=False,
        description="CSV only: put a ' before what a spreadsheet would run as a formula, whatever space is "
        "before it. It alters values such as -5.",
    )
    for_spreadsheets: bool = Field(
        default=False,
        description="CSV only: begin with a byte-order mark, and write what a spreadsheet would take for a "
        'number, a date or a formula so that it stays text (="007").',
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since must be before until")
        if self.format is Format.PARQUET and self.compression is not Compression.NONE:
            raise ValueError("parquet is compressed by itself: leave compression out")
        if self.format is not Format.CSV and (self.safe_cells or self.for_spreadsheets):
            raise ValueError("safe_cells and for_spreadsheets are for csv")
        return self

    def check_fits(self, source: Source) -> None:
        """Make sure that the options mean something for what is exported.

        Raises:
            ValueError: one of them is for the other source; it names it.
        """
        others = {
            Source.RESPONSES: ("include_raw_payload", "include_unsent", "direction"),
            Source.CHAT_LOG: ("wide",),
        }[source]
        if odd := [name for name in others if getattr(self, name)]:
            raise ValueError(f"{', '.join(odd)}: not for {source.value}")
        if self.wide and self.include_metadata:
            raise ValueError("include_metadata: not for wide, which has one row for many responses")


class ExportJob(BaseModel):
    """A record of the exports topic: which row of `export_status` is to be worked on.

    `chat_log_options` is the contract with other producers and consumers of the topic; `options` and
    `survey_owner` are ours.

    Attributes:
        export_id: of the row.
        user: the address of whoever asked.
        survey_owner: the address of whose survey it is, where that is not whoever asked.
        survey: its name.
        source: what of it is exported.
        options: which rows, and how they are written.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    export_id: UUID
    user: str = Field(min_length=1)
    survey_owner: str | None = Field(default=None, min_length=1)
    survey: str = Field(min_length=1)
    source: Source = Source.RESPONSES
    options: ExportOptions

    @classmethod
    def of(cls, raw: bytes | None) -> Self:
        """Read a job, ours or another producer's.

        Raises:
            BadRecord: it is none; names the field, never what it holds.
        """
        values = decode_object(raw)
        ours, theirs = values.get("options"), values.get("chat_log_options")
        options = dict(ours) if isinstance(ours, dict) else {}
        if isinstance(theirs, dict) and values.get("source") == Source.CHAT_LOG:
            for name in ("include_metadata", "include_raw_payload"):
                options.setdefault(name, theirs.get(name) or False)
        try:
            return cls.model_validate(values | {"options": options})
        except ValidationError as error:
            raise BadRecord(*_explain(error)) from None

    @property
    def owner(self) -> str:
        """The address of whose survey it is."""
        return self.survey_owner or self.user

    def encode(self) -> dict[str, Any]:
        """Return the record's value, to be written as JSON."""
        options = self.options.model_dump(mode="json", exclude_defaults=True)
        return {
            "export_id": str(self.export_id),
            "user": self.user,
            **({"survey_owner": self.survey_owner} if self.survey_owner else {}),
            "survey": self.survey,
            "source": self.source.value,
            "chat_log_options": {
                "include_metadata": self.options.include_metadata,
                "include_raw_payload": self.options.include_raw_payload,
            },
            "options": options,
        }


def _explain(error: ValidationError) -> tuple[Reason, str]:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in problem["loc"]) or "options"
    if problem["type"] == "missing":
        return Reason.MISSING_FIELD, f"{field}: missing"
    if problem["type"].startswith("uuid"):
        return Reason.BAD_UUID, f"{field}: not a UUID"
    if problem["type"] in {"enum", "extra_forbidden", "value_error"}:
        return Reason.UNKNOWN_VALUE, f"{field}: {problem['msg'].removeprefix('Value error, ')}"
    return Reason.WRONG_TYPE, f"{field}: {problem['msg']}"


def file_name(survey: str, source: Source, options: ExportOptions) -> str:
    """Name the file as the person who downloads it sees it: the survey's name, and what is in it.

    What no file system takes (slashes, control characters) becomes `_`; anything else stays, emoji too.
    """
    name = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_" for char in survey)
    return _cut(name.strip(". ") or "survey", _NAME_MAX_BYTES) + _ending(source, options)


def object_key(owner: str, export_id: UUID, survey: str, source: Source, options: ExportOptions) -> str:
    """Return where the file is kept: below the owner and the export, so that no two share a key."""
    name = _cut(_safe(survey), _NAME_MAX_BYTES)
    return f"exports/{owner_hash(owner)}/{export_id}/{name}{_ending(source, options)}"


def flat_key(survey: str, source: Source, options: ExportOptions) -> str:
    """Return where the system before kept it: by the survey's name alone, whoever the owner is."""
    name = _safe(survey)
    if len(name) > _NAME_MAX_BYTES:
        # Two long names may begin alike.
        name = _cut(name, _NAME_MAX_BYTES - 40) + "-" + hashlib.sha256(survey.encode()).hexdigest()[:32]
    return f"exports/{name}{_ending(source, options)}"


def owner_hash(owner: str) -> str:
    """Return what stands for an owner in keys, so that no listing or link shows an email address."""
    return hashlib.sha256(owner_address(owner).encode()).hexdigest()[:32]


def _ending(source: Source, options: ExportOptions) -> str:
    of_source = "_chat_log" if source is Source.CHAT_LOG else ""
    compressed = ".gz" if options.compression is Compression.GZIP else ""
    return f"{of_source}.{options.format.value}{compressed}"


def _safe(name: str) -> str:
    """Return a name in characters that every storage, URL and shell takes; different names stay different.

    Letters, digits, `-`, `_`, spaces and dots (but for a leading one) stay; any other byte becomes `=` and
    its two hex digits (a `%` would be decoded by some clients, and encoded once more by others).
    """
    return "".join(
        char
        if char.isascii() and (char.isalnum() or char in "-_ " or (char == "." and position))
        else _hexadecimal(char)
        for position, char in enumerate(name)
    )


def _hexadecimal(char: str) -> str:
    return "".join(f"={byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _cut(name: str, max_bytes: int) -> str:
    return name.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
