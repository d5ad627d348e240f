"""Export jobs: what can be asked for, how a job is written down, and how far it is.

Pure. Who may ask is the API's matter, how the file is made the export agent's, what it is called
`models.export_names`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime  # noqa: TC003  pydantic looks at what methods say
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from models.access import DEFAULT_TENANT, Caller, CallerRole
from models.days import begin_of, is_day, zone_named
from models.decoding import decode_object
from models.entries import Direction
from models.errors import BadRecord, Reason
from models.reading import MessageFilter
from models.search import QUERY_MAX, WordQuery, parse

#: What `export_link` holds while there is no file.
NO_LINK = "Not Found"
#: How long a text may be by which messages are looked for.
_WORD_MAX = 1000


class Source(StrEnum):
    """What is exported; stored in `export_status.source`."""

    RESPONSES = "responses"
    CHAT_LOG = "chat_log"
    CODEBOOK = "codebook"
    MESSAGES = "messages"
    #: All that is kept of a learner; asked for as a request of privacy, and nowhere else.
    LEARNER = "learner"

    @property
    def label(self) -> str:
        """What people call it."""
        return self.value.replace("_", " ").capitalize()

    @property
    def is_of_a_survey(self) -> bool:
        """Whether it is a survey's, and not of whatever a filter finds."""
        return self not in {Source.MESSAGES, Source.LEARNER}


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


class State(StrEnum):
    """What an export has come to, as people know it: `Status`, and what that does not tell apart."""

    STARTED = "Started"
    QUERYING = "Querying"
    WRITING = "Writing"
    FINISHED = "Finished"
    EMPTY = "Empty"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    REMOVED = "Removed"

    @classmethod
    def of(cls, status: Status, *, is_empty: bool, is_cancelled: bool, is_removed: bool) -> Self:
        """Return the state of an export.

        Args:
            status: how far it is.
            is_empty: whether its file has no row.
            is_cancelled: whether whoever asked for it ended it.
            is_removed: whether they removed its file.
        """
        if is_removed:
            return cls("Removed")
        if status is Status.FINISHED and is_empty:
            return cls("Empty")
        if status is Status.FAILED and is_cancelled:
            return cls("Cancelled")
        return cls(status.value)


class Format(StrEnum):
    """How the file is written."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Compression(StrEnum):
    """How the file is compressed as a whole."""

    NONE = "none"
    GZIP = "gzip"


class Rows(StrEnum):
    """What one row of a file of messages is."""

    MESSAGE = "message"
    CONVERSATION = "conversation"


#: A day of the zone `tz`, or a time with an offset, so that nobody has to guess a zone.
Instant = Annotated[AwareDatetime, Field(examples=["2026-11-24", "2026-11-24T00:00:00+01:00"])]
Word = Annotated[str, Field(min_length=1, max_length=_WORD_MAX, pattern=r"^[^\x00]+$")]
Typed = Annotated[str, Field(min_length=1, max_length=QUERY_MAX, pattern=r"^[^\x00]+$")]


class WantedMessages(BaseModel):
    """Which messages a file is of: those to which all that is given applies. Nothing given is all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: Typed | None = Field(
        default=None,
        description='What is said in them, as search has it: words of which all must be there, "words in a '
        'row", or, -not, the beginning of a word*.',
        examples=['refund -"no refund"'],
    )
    platform: Word | None = Field(default=None, description="Where they were said.", examples=["twitch"])
    channel: Word | None = Field(default=None, description="The place on it: a room, a page.")
    survey: Word | None = Field(default=None, description="The name of the survey they are of.")
    survey_owner: Word | None = Field(default=None, description="The address of whose survey it is.")
    person: Word | None = Field(default=None, description="The platform's id of who they are from, or with.")
    learner: Word | None = Field(default=None, description="In whose threads they were written.")
    question: Word | None = Field(default=None, description="The question that was asked or answered.")
    message_type: Word | None = Field(default=None, description="In the platform's words.")
    role: Word | None = Field(default=None, description="Who spoke: user, assistant, bot, system, tool.")
    conversation: UUID | None = Field(default=None, description="Only in this conversation, whoever spoke.")


class AskedAs(BaseModel):
    """As whom messages were asked for: what they might read then is the most that their file may hold.

    Attributes:
        tenant: among whose people they are.
        roles: what they may.
        scope: what they are narrowed to.
        shared: owner and name of the surveys that others share with them, as far as the file may hold them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant: str = DEFAULT_TENANT
    roles: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, caller: Caller, shared: frozenset[tuple[str, str]] = frozenset()) -> Self:
        """Return how a caller asks."""
        roles, scope = tuple(sorted(caller.roles)), tuple(sorted(caller.scope))
        return cls(tenant=caller.tenant, roles=roles, scope=scope, shared=tuple(sorted(shared)))

    def caller(self, email: str) -> Caller:
        """Return who asked; a role that is not known here any more counts for nothing."""
        known = {role.value for role in CallerRole}
        roles = frozenset(CallerRole(role) for role in self.roles if role in known)
        return Caller(email, tenant=self.tenant, roles=roles, scope=frozenset(self.scope))


class ExportOptions(BaseModel):
    """What is wanted, and how it is written. Without any: all of it, as plain CSV."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    include_metadata: bool = Field(
        default=False,
        description="What the bot knew at each message or response, as JSON; not in wide files.",
    )
    include_raw_payload: bool = Field(
        default=False, description="Chat log and messages: the platform's whole event of each, as JSON."
    )
    include_unsent: bool = Field(
        default=False, description="Chat log only: messages too that people took back afterwards."
    )
    since: Instant | None = Field(
        default=None, description="Nothing from before this time, or before this day of the zone `tz`."
    )
    until: Instant | None = Field(
        default=None, description="Nothing from this time on, or from the beginning of this day on."
    )
    direction: Direction | None = Field(
        default=None, description="Chat log only: what the bot said, or what the users said."
    )
    tz: str = Field(
        default="UTC",
        max_length=64,
        description="The zone in which days of `since` and `until` begin.",
        examples=["Africa/Lagos"],
    )
    wide: bool = Field(
        default=False,
        description="Responses only: one row per user, one column per question, form by form.",
    )
    filter: WantedMessages | None = Field(default=None, description="Messages only: which.")
    rows: Rows = Field(
        default=Rows.MESSAGE, description="Messages only: one row per message, or one per conversation."
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

    @model_validator(mode="before")
    @classmethod
    def _days_are_of_a_zone(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        days = {name: values[name] for name in ("since", "until") if is_day(values.get(name))}
        if not days:
            return values
        zone = zone_named(str(values.get("tz", "UTC")))
        return {**values, **{name: begin_of(day, zone) for name, day in days.items()}}

    @field_validator("tz")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        zone_named(name)
        return name

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since must be before until")
        if self.format in _COMPRESSED and self.compression is not Compression.NONE:
            raise ValueError(f"{self.format} is compressed by itself: leave compression out")
        if self.format is not Format.CSV and (self.safe_cells or self.for_spreadsheets):
            raise ValueError("safe_cells and for_spreadsheets are for csv")
        return self

    def check_fits(self, source: Source) -> None:
        """Make sure that the options mean something for what is exported.

        Raises:
            ValueError: one of them is for another source; it names it.
        """
        defaults = type(self).model_fields
        if odd := [name for name in _ODD[source] if getattr(self, name) != defaults[name].default]:
            raise ValueError(f"{', '.join(odd)}: not for {source.value}")
        if self.wide and self.include_metadata:
            raise ValueError("include_metadata: not for wide, which has one row for many responses")
        if source is Source.LEARNER and self.filter != WantedMessages(learner=self.learner or "?"):
            raise ValueError("filter: a learner, and nothing else")
        if self.rows is Rows.CONVERSATION and (self.include_metadata or self.include_raw_payload):
            raise ValueError("include_metadata, include_raw_payload: not for one row per conversation")

    @classmethod
    def of_learner(cls, learner: str) -> Self:
        """Return what is wanted where all of a learner is: a line a record, as programs read it."""
        return cls(filter=WantedMessages(learner=learner), format=Format.JSONL)

    @property
    def learner(self) -> str | None:
        """Of whom messages are, if they are to be of one learner."""
        return self.filter.learner if self.filter else None

    @property
    def wanted(self) -> MessageFilter:
        """Which messages a file of messages is of: those of `conversation` alone, where one is given."""
        given = self.filter.model_dump(exclude={"q", "conversation"}) if self.filter else {}
        return MessageFilter(**given, since=self.since, until=self.until)

    @property
    def conversation(self) -> UUID | None:
        """In which conversation messages were said, if they are to be of one."""
        return self.filter.conversation if self.filter else None

    def parse_words(self) -> WordQuery | None:
        """Return what has to be said in the messages that are wanted; None for anything.

        Raises:
            CannotSearch: nobody can look for that.
        """
        return parse(self.filter.q) if self.filter and self.filter.q else None

    def within(self, moment: datetime) -> datetime:
        """Return a moment in the zone of the days."""
        return moment.astimezone(zone_named(self.tz))


#: Formats that compress by themselves.
_COMPRESSED = frozenset({Format.PARQUET, Format.XLSX})
_OF_MESSAGES = ("filter", "rows")
#: Which options mean nothing for a source.
_ODD = {
    Source.RESPONSES: ("include_raw_payload", "include_unsent", "direction", *_OF_MESSAGES),
    Source.CHAT_LOG: ("wide", *_OF_MESSAGES),
    Source.MESSAGES: ("wide", "direction", "include_unsent"),
    Source.LEARNER: ("include_raw_payload", "include_unsent", "since", "until", "direction", "wide", "rows"),
    Source.CODEBOOK: (
        *("include_metadata", "include_raw_payload", "include_unsent", "since", "until", "direction", "wide"),
        *_OF_MESSAGES,
    ),
}


class ExportJob(BaseModel):
    """A record of the exports topic: which row of `export_status` is to be worked on.

    `chat_log_options` is the contract with other producers and consumers of the topic; `options` and
    `survey_owner` are ours.

    Attributes:
        export_id: of the row.
        user: the address of whoever asked.
        survey_owner: the address of whose survey it is, where that is not whoever asked.
        survey: its name; empty where messages are exported.
        source: what is exported.
        options: which rows, and how they are written.
        asked_as: as whom messages were asked for; None for what is of a survey.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    export_id: UUID
    user: str = Field(min_length=1)
    survey_owner: str | None = Field(default=None, min_length=1)
    survey: str
    source: Source = Source.RESPONSES
    options: ExportOptions
    asked_as: AskedAs | None = None

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if self.source.is_of_a_survey == (self.survey == ""):
            raise ValueError("survey: for what is of one, and for nothing else")
        if self.source.is_of_a_survey == (self.asked_as is not None):
            raise ValueError("asked_as: for messages, and for nothing else")
        return self

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
            **({"asked_as": self.asked_as.model_dump(mode="json")} if self.asked_as else {}),
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
