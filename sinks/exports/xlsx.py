"""Rows as CSV → a workbook for Excel: text as text, whatever it looks like, times as such, and numbers.

Run in a thread; it knows nothing of the event loop. Row by row goes into a file of its own, and the workbook
is put together of that at the end: so memory is bounded, and the disk has to hold the whole.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from xlsxwriter import Workbook

from sinks.exports.cells import CELL_MAX_BYTES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from sinks.exports.columns import Column

    Write = Callable[[Worksheet, int, int, str], object]

#: As many rows has a sheet; the header is one of them, on each.
SHEET_ROWS = 1_048_576
#: What is read of the finished workbook at once.
BLOCK_BYTES = 1024 * 1024
#: A number in a workbook is a double: what has more digits than it holds stays text.
_EXACT_UP_TO = 10**15
#: Excel counts days from here. It knows of a 29 February 1900 that never was: before the day after that, its
#: count and the calendar's do not agree.
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_FIRST_MOMENT = datetime(1900, 3, 1, tzinfo=UTC)
_DAY_S = 86_400
_WIDTHS = {Kind.TEXT: 18, Kind.MOMENT: 23, Kind.JSON: 40, Kind.UUID: 38, Kind.NUMBER: 12, Kind.FRACTION: 10}
_WIDE = {"content": 60, "response": 40, "question_text": 50, "text": 50, "meaning": 60, "choices": 40}


class XlsxEncoder:
    """Rows as COPY writes them in CSV → a workbook; see `sinks.exports.formats.Encoder`.

    Args:
        columns: of the rows.
        sheet_rows: how many rows a sheet has at most, with its header.
    """

    is_plain = False

    def __init__(self, columns: Sequence[Column], sheet_rows: int = SHEET_ROWS) -> None:
        self._columns = columns
        self._sheet_rows = sheet_rows
        self._directory = TemporaryDirectory(prefix="chatlog-xlsx-", ignore_cleanup_errors=True)
        self._path = Path(self._directory.name) / "book.xlsx"
        self._book = Workbook(
            str(self._path),
            {"constant_memory": True, "tmpdir": self._directory.name, "use_zip64": True},
        )
        self._bold = self._book.add_format({"bold": True})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._writers = [_writer_of(column.kind, self._moment) for column in columns]
        self._sheet, self._row = self._new_sheet(), 1
        csv.field_size_limit(max(csv.field_size_limit(), CELL_MAX_BYTES))

    def begin(self) -> bytes:
        """Return nothing: a workbook is put together at its end."""
        return b""

    def feed(self, block: bytes) -> bytes:
        """Take the rows of a block; return nothing."""
        writers = list(enumerate(self._writers))
        for cells in csv.reader(io.StringIO(block.decode(), newline="")):
            if self._row == self._sheet_rows:
                self._sheet, self._row = self._new_sheet(), 1
            sheet, row = self._sheet, self._row
            for number, write in writers:
                if text := cells[number]:
                    write(sheet, row, number, text)
            self._row += 1
        return b""

    def finish(self) -> Iterator[bytes]:
        """Yield the workbook, piece by piece."""
        self._book.close()
        with self._path.open("rb") as file:
            while piece := file.read(BLOCK_BYTES):
                yield piece

    def close(self) -> None:
        """Remove what is on the disk."""
        for sheet in self._book.worksheets():
            sheet._opt_close()  # noqa: SLF001  what an unfinished workbook leaves open
        self._directory.cleanup()

    def _new_sheet(self) -> Worksheet:
        sheet = self._book.add_worksheet()
        for number, column in enumerate(self._columns):
            sheet.set_column(number, number, _WIDE.get(column.name, _WIDTHS[column.kind]))
            sheet.write_string(0, number, column.name, self._bold)
        sheet.freeze_panes(1, 0)
        return sheet


def _writer_of(kind: Kind, moment: Format) -> Write:
    """Return what writes a text of this kind into a cell."""
    if kind is Kind.MOMENT:
        return lambda sheet, row, column, text: _write_moment(sheet, row, column, text, moment)
    return _write_number if kind in {Kind.NUMBER, Kind.FRACTION} else _write_text


def _write_text(sheet: Worksheet, row: int, column: int, text: str) -> None:
    sheet.write_string(row, column, text)


def _write_number(sheet: Worksheet, row: int, column: int, text: str) -> None:
    try:
        number = float(text)
    except ValueError:  # a note in its place
        sheet.write_string(row, column, text)
        return
    if abs(number) < _EXACT_UP_TO:
        sheet.write_number(row, column, number)
    else:
        sheet.write_string(row, column, text)


def _write_moment(sheet: Worksheet, row: int, column: int, text: str, form: Format) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        sheet.write_string(row, column, text)
        return
    if moment < _FIRST_MOMENT:
        sheet.write_string(row, column, text)
    else:
        sheet.write_number(row, column, (moment - _EPOCH).total_seconds() / _DAY_S, form)
