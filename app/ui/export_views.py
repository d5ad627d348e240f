"""What the Export tab says of exports: one page of them, newest first, and each in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.ui import words
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Source, Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from app.exports import ExportRow

EXPORTS_A_PAGE = 25
#: Screen readers are told of every quarter, not of every second.
_NEWS_EVERY_PERCENT = 25
_FORMATS = {Format.CSV: "CSV", Format.JSONL: "JSON Lines", Format.PARQUET: "Parquet"}


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export as the table shows it."""

    row: ExportRow

    @property
    def id(self) -> UUID:
        """Its own, in addresses and as part of ids in the page."""
        return self.row.id

    @property
    def source(self) -> Source:
        """What is exported."""
        return self.row.source

    @property
    def status(self) -> Status:
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
        return self.row.has_file

    @property
    def is_live(self) -> bool:
        """Whether something still happens by itself."""
        return not self.status.is_final and self.removed is None

    @property
    def earlier_reason(self) -> str | None:
        """Why an earlier attempt failed, while another one runs."""
        return self.reason if self.is_live else None

    @property
    def percent(self) -> int | None:
        """How far the writing is, 0 to 99; None while that is not known. An estimate may be exceeded."""
        if self.status is not Status.WRITING or not self.row.rows_estimate:
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
        gzip = ", gzip" if options.compression is Compression.GZIP else ""
        return _FORMATS[options.format] + gzip

    @property
    def options_in_words(self) -> str:
        """What of the survey is in it, and how it is written."""
        return " · ".join([self.format_in_words, *_contents(self.row.options)])

    @property
    def news(self) -> str:
        """What a screen reader says of it; changes seldom."""
        if self.percent is None:
            return f"{self.source.label}: {self.status}."
        return f"{self.source.label}: {self.status}, {self.percent // _NEWS_EVERY_PERCENT * 25} percent."

    def _result_in_words(self) -> str:
        # An export of the system before has no such figures.
        if self.row.finished is None:
            return ""
        rows = "1 row" if self.row.rows_done == 1 else f"{words.number(self.row.rows_done)} rows"
        return f"{rows}, after {words.duration(self.row.finished - self.row.created)}"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A part of a survey's exports.

    Attributes:
        exports: newest first.
        number: which part, from 1.
        last: the number of the last one.
        total: how many exports there are in all of them.
        is_live: whether any of the shown ones is not over.
    """

    exports: tuple[ExportView, ...]
    number: int
    last: int
    total: int

    @classmethod
    def of(cls, rows: Sequence[ExportRow], number: int) -> ExportPage:
        """Return one page of `rows`; the nearest there is, if there is none of that number."""
        newest_first = sorted(rows, key=lambda row: (row.created, row.id), reverse=True)
        last = max(1, -(-len(rows) // EXPORTS_A_PAGE))
        number = min(max(1, number), last)
        shown = newest_first[(number - 1) * EXPORTS_A_PAGE : number * EXPORTS_A_PAGE]
        return cls(tuple(map(ExportView, shown)), number, last, len(rows))

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
    if text.endswith("T00:00:00Z"):
        return f"through {_moment(until - timedelta(days=1))}"
    return f"until {text}"


def _moment(moment: datetime) -> str:
    """Say a bound of the dates: a day if it is midnight, in UTC as it is asked for."""
    text = words.machine_readable(moment)
    return text.removesuffix("T00:00:00Z")
