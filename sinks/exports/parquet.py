"""Rows as CSV → a Parquet file: times as such, everything else as text or whole numbers.

Run in a thread; it knows nothing of the event loop.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sinks.exports.cells import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _typeshed import ReadableBuffer

    from sinks.exports.columns import Column

#: Analytics read such a group well; while it is written it is in memory, compressed.
ROW_GROUP_ROWS = 100_000
_TYPES = {
    Kind.MOMENT: pa.timestamp("ms", tz="UTC"),
    Kind.NUMBER: pa.int64(),
    Kind.FRACTION: pa.float64(),
}


class ParquetEncoder:
    """Rows as COPY writes them in CSV → Parquet; see `sinks.exports.formats.Encoder`."""

    is_plain = False

    def __init__(self, columns: Sequence[Column]) -> None:
        types = {column.name: _TYPES.get(column.kind, pa.string()) for column in columns}
        self._names = list(types)
        self._parse = pa.csv.ParseOptions(newlines_in_values=True)
        # What is empty is NULL, and what is "" is a text.
        self._convert = pa.csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            timestamp_parsers=[pa.csv.ISO8601],
        )
        self._file = _Outgoing()
        self._writer = pa.parquet.ParquetWriter(self._file, pa.schema(list(types.items())))

    def begin(self) -> bytes:
        """Return the mark that Parquet begins with."""
        return self._file.taken()

    def feed(self, block: bytes) -> bytes:
        """Return the group of rows that is full by now, if one is."""
        # The block in one piece: a row is never divided, however long it is.
        read = pa.csv.ReadOptions(column_names=self._names, use_threads=False, block_size=len(block) + 1)
        table = pa.csv.read_csv(pa.BufferReader(block), read, self._parse, self._convert)
        for batch in table.to_batches():
            self._writer.write_batch(batch, row_group_size=ROW_GROUP_ROWS)
        return self._file.taken()

    def finish(self) -> Iterator[bytes]:
        """Yield the last group and the footer."""
        self._writer.close()
        yield self._file.taken()

    def close(self) -> None:
        """Let go of what it holds: memory alone, which nobody has to ask for."""


class _Outgoing(io.RawIOBase):
    """A file that only grows, and forgets what was taken from it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: ReadableBuffer) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data
