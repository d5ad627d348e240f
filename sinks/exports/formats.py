"""Rows as COPY gives them → the bytes of a file: a header and compression, Parquet, or a workbook.

An encoder is fed blocks of whole rows and may be run in a thread: it knows nothing of the event loop. What
the rows are is `sinks.exports.query`'s matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from isal import isal_zlib

from models.exports import Compression, Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.exports import ExportOptions
    from sinks.exports.columns import Column

_CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSONL: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}
_BYTE_ORDER_MARK = "\ufeff".encode()
#: isal's first level: half a percent larger than zlib's first, and three times as fast.
_GZIP_LEVEL, _GZIP_WBITS = 1, 31
#: Characters that JSON always writes as `\u0001`, so that COPY quotes nothing and divides nothing.
_NEVER_IN_JSON = ("\x01", "\x02")


class Encoder(Protocol):
    """Makes a file of blocks of rows.

    Attributes:
        is_plain: it takes no time, so that no thread is needed.
    """

    is_plain: bool

    def begin(self) -> bytes:
        """Return what the file begins with."""

    def feed(self, block: bytes) -> bytes:
        """Return what is to be written next, perhaps nothing yet; `block` holds whole rows."""

    def finish(self) -> Iterator[bytes]:
        """Yield the end of the file, piece by piece."""

    def close(self) -> None:
        """Let go of what it holds, finished or not. Idempotent."""


def content_type_of(options: ExportOptions) -> str:
    """Return the file's type, for storage and browsers."""
    return "application/gzip" if options.compression is Compression.GZIP else _CONTENT_TYPES[options.format]


def copy_quotes(options: ExportOptions) -> tuple[str, str]:
    """Return the quote and the delimiter with which COPY, in its CSV format, writes a row as it is to be."""
    return _NEVER_IN_JSON if options.format is Format.JSONL else ('"', ",")


def encoder_of(columns: Sequence[Column], options: ExportOptions, header: bytes) -> Encoder:
    """Return what makes the file.

    Args:
        columns: of the rows.
        options: the format.
        header: the first line, for CSV; written as the rows are.
    """
    if options.format is Format.PARQUET:
        # It takes 60 MB of memory, which no other format needs.
        from sinks.exports.parquet import ParquetEncoder  # noqa: PLC0415

        return ParquetEncoder(columns)
    if options.format is Format.XLSX:
        from sinks.exports.xlsx import XlsxEncoder  # noqa: PLC0415  needed as seldom

        return XlsxEncoder(columns)
    if options.for_spreadsheets:
        header = _BYTE_ORDER_MARK + header
    return GzipEncoder(header) if options.compression is Compression.GZIP else PlainEncoder(header)


class PlainEncoder:
    """Rows as they come."""

    is_plain = True

    def __init__(self, header: bytes) -> None:
        self._header = header

    def begin(self) -> bytes:
        """Return the header."""
        return self._header

    def feed(self, block: bytes) -> bytes:
        """Return the block."""
        return block

    def finish(self) -> Iterator[bytes]:
        """Yield nothing."""
        yield from ()

    def close(self) -> None:
        """Let go of nothing."""


class GzipEncoder:
    """Rows, compressed."""

    is_plain = False

    def __init__(self, header: bytes) -> None:
        self._header = header
        self._compressor = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WBITS)

    def begin(self) -> bytes:
        """Return the header as far as it is compressed."""
        return self.feed(self._header)

    def feed(self, block: bytes) -> bytes:
        """Return what is compressed by now."""
        data: bytes = self._compressor.compress(block)
        return data

    def finish(self) -> Iterator[bytes]:
        """Yield what was held back, and the checksum."""
        yield self._compressor.flush()

    def close(self) -> None:
        """Let go of nothing but memory."""
