"""What pages say of exports: a part of them, in an order, and each in words. Pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app.web import words
from models.days import zone_named
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Rows, Source, State, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from app.exports.looking import LookedFor
    from app.exports.rows import ExportRow
    from app.web.paging import Paging

EXPORTS_A_PAGE = 50
#: Screen readers are told of every quarter, not of every second.
_NEWS_EVERY_PERCENT = 25
_FORMATS = {
    Format.CSV: "CSV",
    Format.XLSX: "Excel",
    Format.JSONL: "JSON Lines",
    Format.PARQUET: "Parquet",
}


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export as the table shows it.

    Attributes:
        row: the export.
        is_gone: whether the storage no longer has its file.
        is_mine: whether whoever looks asked for it; else they see a record, and cannot do anything with it.
    """

    row: ExportRow
    is_gone: bool = False
    is_mine: bool = True

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
    def can_be_tried_again(self) -> bool:
        """Whether it failed, or was cancelled."""
        return self.row.status == Status.FAILED

    @property
    def state(self) -> str:
        """What it has come to: of a file that the storage has removed, the same as if its owner had."""
        return State.REMOVED if self.is_gone else self.row.state

    @property
    def is_of_a_survey(self) -> bool:
        """Whether it is a survey's, and not of messages."""
        return self.row.asked_as is None

    @property
    def of(self) -> str:
        """Of which survey it is, or of which messages."""
        if self.is_of_a_survey:
            return self.row.survey_id
        wanted = self.row.options.filter if self.row.options else None
        given = wanted.model_dump(exclude_none=True, exclude={"survey_owner"}) if wanted else {}
        if "conversation" in given:
            given["conversation"] = f"conversation {given['conversation']}"
        return " · ".join(given.values()) or "all messages"

    @property
    def has_rows(self) -> bool:
        """Whether it is known how many rows the file has."""
        return self.row.finished is not None

    @property
    def created(self) -> datetime:
        """When it was asked for. Rows keep their place by it; by `updated` they would jump about."""
        return self.row.created

    def asked_in(self, zone: str) -> str:
        """Say when it was asked for, in a zone: `24 Nov 2026, 14:04`."""
        moment = self.created.astimezone(zone_named(zone))
        return f"{moment.day} {moment:%b %Y, %H:%M}"

    @property
    def state_in_words(self) -> str:
        """What is to be said of the state besides it: how far it is."""
        return self.progress_in_words if self.is_open else ""

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
        if row.source is Source.LEARNER:
            # Asked for as a request of privacy, and by nobody here.
            return False
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
    """A part of the exports that are looked for.

    Attributes:
        exports: in their order.
        paging: which part.
        looked_for: which, and in which order.
        path: of the page, with what says whose exports these are.
        query: what says which exports are looked for, and in which order, in addresses.
    """

    exports: tuple[ExportView, ...]
    paging: Paging
    looked_for: LookedFor
    path: str
    query: Mapping[str, str]

    @property
    def is_live(self) -> bool:
        """Whether to look again soon."""
        return any(export.is_live for export in self.exports)

    @property
    def news(self) -> str:
        """What a screen reader says: of what runs, and of the first."""
        return " ".join(
            export.news for place, export in enumerate(self.exports) if export.is_live or place == 0
        )

    @property
    def here(self) -> str:
        """The address of this part."""
        return self.at(self.paging.number)

    def at(self, number: int) -> str:
        """Return the address of a part."""
        return self._address({"page": str(number)} if number > 1 else {})

    def sorted_by(self, name: str) -> str:
        """Return the address of all in the order of a column; again, the other way round."""
        turned = name == self.looked_for.by and self.looked_for.descending
        return self._address({"sort": name, "order": "up" if turned else "down"})

    def order_of(self, name: str) -> str | None:
        """Return how a column is in order, as a table says it."""
        if name != self.looked_for.by:
            return None
        return "descending" if self.looked_for.descending else "ascending"

    def _address(self, changed: Mapping[str, str]) -> str:
        query = urlencode({**self.query, **changed})
        return f"{self.path}{'&' if '?' in self.path else '?'}{query}" if query else self.path


def _contents(options: ExportOptions) -> list[str]:
    said = {Direction.USER: "what people wrote", Direction.BOT: "what the bot wrote"}
    parts = {
        "metadata": options.include_metadata,
        "raw payload": options.include_raw_payload,
        "unsent messages": options.include_unsent,
        said.get(options.direction, "") if options.direction else "": options.direction is not None,
        "wide": options.wide,
        "a row a conversation": options.rows is Rows.CONVERSATION,
        _dates(options): options.since is not None or options.until is not None,
        "safe cells": options.safe_cells,
        "for spreadsheets": options.for_spreadsheets,
    }
    return [words for words, is_so in parts.items() if is_so]


def _dates(options: ExportOptions) -> str:
    since = f"from {_moment(options.since, options)}" if options.since else ""
    until = _end(options.until, options) if options.until else ""
    zone = f" ({options.tz})" if options.tz != "UTC" else ""
    return f"{since} {until}".strip() + zone


def _end(until: datetime, options: ExportOptions) -> str:
    """Say the end of the dates: a whole day is in it, as people say it."""
    text = _moment(until, options)
    if "T" in text or text.startswith("0001-01-01"):
        return f"until {text}"
    return f"through {_moment(until - timedelta(days=1), options)}"


def _moment(moment: datetime, options: ExportOptions) -> str:
    """Say a bound of the dates: a day if it is midnight, in the zone in which it is asked for."""
    with suppress(OverflowError):
        moment = moment.astimezone(zone_named(options.tz))
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return moment.date().isoformat()
    return words.machine_readable(moment)
