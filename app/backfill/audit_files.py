"""Audits and leads in files: `audits.jsonl` and `leads.jsonl` of a directory, or `.csv`, or with `.gz`.

A line of JSON has the keys of Prisma's JSON, a CSV file a header of its columns. Files are read as they
come, a line at a time, however large they are.
"""

from __future__ import annotations

import asyncio
import csv
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar, cast

import msgspec
from isal import igzip, igzip_lib

from app.backfill.audit_sources import CHUNK_ROWS, BadRow, SourceUnreadable
from models.audit_rows import audit_of, lead_of
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

_BROKEN: Any = (OSError, EOFError, igzip_lib.IsalError)
#: A line that is longer is no audit.
LINE_MAX_BYTES = 8 * 1024 * 1024
_ENDINGS = (".jsonl", ".csv", ".jsonl.gz", ".csv.gz")


class AuditFiles:
    """The files of one directory.

    Args:
        directory: where they are.
        columns: what their keys and columns are called.
        wanted: which audits.

    Raises:
        SourceUnreadable: there are no such files, or several of one kind.
    """

    def __init__(self, directory: Path, columns: AuditColumns, wanted: WantedAudits) -> None:
        self.name = str(directory)
        self._columns = columns
        self._wanted = wanted
        self._audits, self._leads = _file_in(directory, "audits"), _file_in(directory, "leads")

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


async def _in_chunks(items: Iterator[Item | BadRow]) -> AsyncIterator[list[Item | BadRow]]:
    chunk: list[Item | BadRow] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
            await asyncio.sleep(0)
    yield chunk


def _items(
    path: Path, columns: TableColumns, read: Callable[[Mapping[str, JSON]], Item]
) -> Iterator[Item | BadRow]:
    rows = _csv_rows if ".csv" in path.suffixes else _json_rows
    with _told(path):
        for line, values in rows(path, columns):
            if isinstance(values, str):
                yield BadRow(f"{path.name}, line {line}", values)
                continue
            try:
                yield read(values)
            except BadRecord as error:
                yield BadRow(f"{path.name}, line {line}", error.detail)


def _json_rows(path: Path, columns: TableColumns) -> Iterator[tuple[int, dict[str, JSON] | str]]:
    """Yield the values of each line by their fields, with its number; or why it has none."""
    decode = msgspec.json.Decoder(dict[str, object]).decode
    # Where there is a second name for a field, rows have either.
    names = [(field, found[0], found[-1]) for field, found in columns.names.items()]
    with _opened(path, "rb") as file:
        for number, line in _lines(cast("IO[bytes]", file)):
            if line is None:
                yield number, f"longer than {LINE_MAX_BYTES:,} bytes"
                continue
            if line.isspace():
                continue
            try:
                row = cast("dict[str, JSON]", decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                yield number, "no object of JSON"
                continue
            values = {
                field: row[first] if first in row else row.get(second) for field, first, second in names
            }
            yield number, values


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines with their numbers; None for one that is too long."""
    number = 0
    while line := file.readline(LINE_MAX_BYTES):
        number += 1
        if len(line) < LINE_MAX_BYTES or line.endswith(b"\n"):
            yield number, line
            continue
        while (rest := file.readline(LINE_MAX_BYTES)) and not rest.endswith(b"\n"):
            continue
        yield number, None


def _csv_rows(path: Path, columns: TableColumns) -> Iterator[tuple[int, dict[str, JSON] | str]]:
    """Yield the values of each row by their fields, with the line it ends in; or why it has none."""
    csv.field_size_limit(LINE_MAX_BYTES)
    with _opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(cast("IO[str]", file), strict=True)
        header = next(rows, [])
        places = [(field, header.index(name)) for field, name in columns.among(header, path.name).items()]
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield rows.line_num, f"no row of CSV: {error}"
                continue
            if len(row) == len(header):
                yield rows.line_num, {field: row[place] for field, place in places}
            elif row:
                yield rows.line_num, f"{len(row)} values for {len(header)} columns"


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
