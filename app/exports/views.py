"""What the Export tab says of exports: one page of them, newest first, and each in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.web import words
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Source, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from app.exports.rows import ExportRow
    from app.web.paging import Paging

EXPORTS_A_PAGE = 25
#: Screen readers are told of every quarter, not of every second.
_NEWS_EVERY_PERCENT = 25
_FORMATS = {Format.CSV: "CSV", Format.JSONL: "JSON Lines", Format.PARQUET: "Parquet"}


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export as the table shows it.

    Attributes:
        row: the export.
        is_gone: whether the storage no longer has its file.
    """

    row: ExportRow
    is_gone: bool = False

    @property
    def id(self) -> UUID:
        """Its own, in addresses and as part of ids in the page."""
        return self.row.id

    @property
    def source(self) -> str:
        """What is exported, as people call it; rows of other programs may have words of their own."""
        source = self.row.source
        return source.label if isinstance(source, Source) else source

    @property
    def status(self) -> str:
        """How far it is."""
        return self.row.status

    @property
    def created(self) -> datetime:
        """When it was asked for. Rows keep their place by it; by `updated` they would jump about."""
        return self.row.created

    @property
    def removed(self) -> datetime | None:
        """When its file was removed."""
        return self.row.removed

    @property
    def reason(self) -> str | None:
        """Why it failed."""
        return self.row.reason

    @property
    def bytes_done(self) -> int:
        """The size of the file, as far as it is stored."""
        return self.row.bytes_done

    @property
    def has_file(self) -> bool:
        """Whether there is a file to download."""
        return self.row.has_file and not self.is_gone

    @property
    def is_live(self) -> bool:
        """Whether something still happens by itself, of which we know how it goes on."""
        return self.is_open and isinstance(self.row.status, Status)

    @property
    def is_open(self) -> bool:
        """Whether it is not over, and can be cancelled."""
        return not self.row.is_final and self.removed is None

    @property
    def can_be_repeated(self) -> bool:
        """Whether the same can be asked for again: there was a file, and is none any more."""
        row = self.row
        is_known = isinstance(row.source, Source) and row.options is not None
        return is_known and row.status == Status.FINISHED and not self.has_file

    @property
    def earlier_reason(self) -> str | None:
        """Why an earlier attempt failed, while another one runs."""
        return self.reason if self.is_open else None

    @property
    def percent(self) -> int | None:
        """How far the writing is, 0 to 99; None while that is not known. An estimate may be exceeded."""
        if self.status != Status.WRITING or not self.row.rows_estimate:
            return None
        return min(99, self.row.rows_done * 100 // self.row.rows_estimate)

    @property
    def progress_in_words(self) -> str:
        """How far it is: `12,000 of about 250,000 rows, 3.4 MB`."""
        row = self.row
        match self.status:
            case Status.STARTED:
                return "waiting for its turn"
            case Status.QUERYING:
                return "looking for the rows"
            case Status.WRITING:
                estimate = f" of about {words.number(row.rows_estimate)}" if row.rows_estimate else ""
                return f"{words.number(row.rows_done)}{estimate} rows, {words.size(row.bytes_done)}"
            case Status.FINISHED:
                return self._result_in_words()
        return ""

    @property
    def format_in_words(self) -> str:
        """How the file is written: `CSV, gzip`."""
        options = self.row.options
        if options is None:
            return ""
        gzip = ", gzip" if options.compression is Compression.GZIP else ""
        return _FORMATS[options.format] + gzip

    @property
    def options_in_words(self) -> str:
        """What of the survey is in it, and how it is written."""
        options = self.row.options
        if options is None:
            return "with options that are not known here"
        return " · ".join([self.format_in_words, *_contents(options)])

    @property
    def news(self) -> str:
        """What a screen reader says of it; changes seldom."""
        if self.percent is None:
            return f"{self.source}: {self.status}."
        return f"{self.source}: {self.status}, {self.percent // _NEWS_EVERY_PERCENT * 25} percent."

    def _result_in_words(self) -> str:
        # An export of the system before has no such figures.
        if self.row.finished is None:
            return ""
        took_s = (self.row.finished - self.row.created).total_seconds()
        return f"{words.counted(self.row.rows_done, 'row')}, after {words.duration(took_s)}"

    @property
    def not_shown_in_words(self) -> str:
        """How many values are not in the file, as no file can hold them; nothing if all are."""
        many = self.row.cells_not_shown
        if not many:
            return ""
        if many == 1:
            return "1 value is not in it, as no file can hold it"
        return f"{words.number(many)} values are not in it, as no file can hold them"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A part of a survey's exports.

    Attributes:
        exports: newest first.
        paging: which part.
    """

    exports: tuple[ExportView, ...]
    paging: Paging

    @classmethod
    def of(cls, shown: Sequence[ExportRow], paging: Paging, gone: Collection[UUID] = ()) -> ExportPage:
        """Return the page that has the exports `shown`; the files of those `gone` are."""
        return cls(tuple(ExportView(row, row.id in gone) for row in shown), paging)

    @property
    def is_live(self) -> bool:
        """Whether to look again soon."""
        return any(export.is_live for export in self.exports)

    @property
    def news(self) -> str:
        """What a screen reader says: of what runs, and of the newest."""
        return " ".join(
            export.news for place, export in enumerate(self.exports) if export.is_live or place == 0
        )


def _contents(options: ExportOptions) -> list[str]:
    said = {Direction.USER: "what people wrote", Direction.BOT: "what the bot wrote"}
    parts = {
        "metadata": options.include_metadata,
        "raw payload": options.include_raw_payload,
        "unsent messages": options.include_unsent,
        said.get(options.direction, "") if options.direction else "": options.direction is not None,
        "wide": options.wide,
        _dates(options): options.since is not None or options.until is not None,
        "safe cells": options.safe_cells,
        "for spreadsheets": options.for_spreadsheets,
    }
    return [words for words, is_so in parts.items() if is_so]


def _dates(options: ExportOptions) -> str:
    since = f"from {_moment(options.since)}" if options.since else ""
    until = _end(options.until) if options.until else ""
    return f"{since} {until}".strip()


def _end(until: datetime) -> str:
    """Say the end of the dates: a whole day is in it, as people say it."""
    text = words.machine_readable(until)
    if text.endswith("T00:00:00Z") and not text.startswith("0001-01-01"):
        return f"through {_moment(until - timedelta(days=1))}"
    return f"until {text}"


def _moment(moment: datetime) -> str:
    """Say a bound of the dates: a day if it is midnight, in UTC as it is asked for."""
    text = words.machine_readable(moment)
    return text.removesuffix("T00:00:00Z")
