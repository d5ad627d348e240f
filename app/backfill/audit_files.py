"""Audits and leads in files: `audits.jsonl` and `leads.jsonl` of a directory, or `.csv`, or with `.gz`.

The audits may be in a file of another name, beside the leads.

A line of JSON has the keys of Prisma's JSON, a CSV file a header of its columns. Files are read as they
come, a line at a time, however large they are.
"""

from __future__ import annotations

import asyncio
import csv
from codecs import BOM_UTF8
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeAlias, TypeVar, cast

from isal import igzip, igzip_lib

from app.backfill.audit_sources import CHUNK_BYTES, CHUNK_ROWS, BadRow, SourceUnreadable
from models.audit_rows import audit_of, lead_of
from models.decoding import decode_value
from models.errors import BadRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from app.backfill.audit_sources import WantedAudits
    from models import JSON
    from models.audit_columns import AuditColumns, TableColumns
    from models.audits import Audit, AuditLead

Item = TypeVar("Item", "Audit", "AuditLead")

#: The line that a row ends in, about its size in bytes, and its values by their fields; or why it has none.
_Row: TypeAlias = "tuple[int, int, Mapping[str, JSON] | str]"

_BROKEN: Any = (OSError, EOFError, igzip_lib.IsalError)
#: A line that is longer is no audit.
LINE_MAX_BYTES = 8 * 1024 * 1024
_ENDINGS = (".jsonl", ".csv", ".jsonl.gz", ".csv.gz")


class AuditFiles:
    """The files of one directory.

    Args:
        place: where they are; or the file of audits, beside that of leads.
        columns: what their keys and columns are called.
        wanted: which audits.

    Raises:
        SourceUnreadable: there are no such files, or several of one kind.
    """

    def __init__(self, place: Path, columns: AuditColumns, wanted: WantedAudits) -> None:
        self.name = str(place)
        self._columns = columns
        self._wanted = wanted
        self._audits = _file_in(place, "audits") if place.is_dir() else _readable(place)
        self._leads = _file_in(place if place.is_dir() else place.parent, "leads")

    async def leads(self) -> AsyncIterator[list[AuditLead | BadRow]]:
        """Yield the leads, some at a time.

        Raises:
            SourceUnreadable: the file cannot be read to its end. UnfitColumns: a column is missing.
        """
        only = self._wanted.lead
        async for chunk in _in_chunks(_items(self._leads, self._columns.lead, lead_of)):
            yield [each for each in chunk if only is None or isinstance(each, BadRow) or each.id == only]

    async def audits(self) -> AsyncIterator[list[Audit | BadRow]]:
        """Yield the audits, some at a time.

        Raises:
            SourceUnreadable: the file cannot be read to its end. UnfitColumns: a column is missing.
        """
        only, since_ms = self._wanted.lead, self._wanted.since_ms
        async for chunk in _in_chunks(_items(self._audits, self._columns.audit, audit_of)):
            yield [
                each
                for each in chunk
                if isinstance(each, BadRow)
                or ((only is None or each.lead_id == only) and (since_ms is None or each.at_ms >= since_ms))
            ]


def _file_in(directory: Path, kind: str) -> Path:
    found = [path for ending in _ENDINGS if (path := directory / f"{kind}{ending}").is_file()]
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none of them"
        names = ", ".join(f"{kind}{ending}" for ending in _ENDINGS)
        raise SourceUnreadable(f"{directory} has {there}; it needs one of {names}")
    return found[0]


def _readable(file: Path) -> Path:
    if not file.name.endswith(_ENDINGS):
        raise SourceUnreadable(f"{file} is none of {', '.join(_ENDINGS)}: rename it by what it is")
    return file


async def _in_chunks(items: Iterator[tuple[int, Item | BadRow]]) -> AsyncIterator[list[Item | BadRow]]:
    """Yield items, which come with their size in bytes, some at a time."""
    chunk: list[Item | BadRow] = []
    size_bytes = 0
    for item_bytes, item in items:
        chunk.append(item)
        size_bytes += item_bytes
        if len(chunk) == CHUNK_ROWS or size_bytes >= CHUNK_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
            await asyncio.sleep(0)
    yield chunk


def _items(
    path: Path, columns: TableColumns, read: Callable[[Mapping[str, JSON]], Item]
) -> Iterator[tuple[int, Item | BadRow]]:
    """Yield what each row is, with about its size in bytes."""
    rows = _csv_rows if ".csv" in path.suffixes else _json_rows
    with _told(path):
        for line, size_bytes, values in rows(path, columns):
            if isinstance(values, str):
                yield 0, BadRow(f"{path.name}, line {line}", values)
                continue
            try:
                yield size_bytes, read(values)
            except BadRecord as error:
                yield 0, BadRow(f"{path.name}, line {line}", error.detail)


def _json_rows(path: Path, columns: TableColumns) -> Iterator[_Row]:
    # Where there is a second name for a field, rows have either.
    names = [(field, found[0], found[-1]) for field, found in columns.names.items()]
    is_first = True
    with _opened(path, "rb") as file:
        for number, line in _lines(cast("IO[bytes]", file)):
            if line is None:
                yield number, 0, f"longer than {LINE_MAX_BYTES:,} bytes"
                continue
            if line.isspace():
                continue
            try:
                row = decode_value(line)
            except BadRecord:
                row = None
            if not isinstance(row, dict):
                yield number, 0, "no object of JSON"
                continue
            if is_first:
                columns.require_mapped(row, path.name)
                is_first = False
            values = {
                field: row[first] if first in row else row.get(second) for field, first, second in names
            }
            yield number, len(line), values


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines with their numbers; None for one that is too long."""
    number = 0
    while line := file.readline(LINE_MAX_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        if len(line) < LINE_MAX_BYTES or line.endswith(b"\n"):
            yield number, line
            continue
        while (rest := file.readline(LINE_MAX_BYTES)) and not rest.endswith(b"\n"):
            continue
        yield number, None


def _csv_rows(path: Path, columns: TableColumns) -> Iterator[_Row]:
    csv.field_size_limit(LINE_MAX_BYTES)
    with _opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(cast("IO[str]", file), strict=True)
        try:
            header = next(rows, [])
        except csv.Error as error:
            raise SourceUnreadable(f"{path} has no header of CSV: {error}") from None
        places = [(field, header.index(name)) for field, name in columns.among(header, path.name).items()]
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield rows.line_num, 0, f"no row of CSV: {error}"
                continue
            if len(row) == len(header):
                size_bytes = sum(len(cell) for cell in row)
                yield rows.line_num, size_bytes, {field: row[place] for field, place in places}
            elif row:
                yield rows.line_num, 0, f"{len(row)} values for {len(header)} columns"


@contextmanager
def _opened(path: Path, mode: str, **text: Any) -> Iterator[object]:
    opener: Any = igzip.open if path.suffix == ".gz" else open
    with opener(path, mode, **text) as file:
        yield file


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise SourceUnreadable(f"{path} cannot be read to its end: {error}") from None
