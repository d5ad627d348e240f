"""Moves a partition's records to far higher offsets, in the files of a broker that is stopped.

Retention and compaction make such gaps in months; there is no call that makes one. A batch of records names
its first offset in its first 8 bytes, which its checksum leaves out; an index that is missing is built anew.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: First offset, and the length of what follows these two.
_BATCH_HEADER = struct.Struct(">qi")


def move_records(partition_directory: Path, *, first_moved: int, by: int) -> None:
    """Add `by` to the offsets of the batches from `first_moved` on; a log that has all moved begins there.

    Args:
        partition_directory: where the broker keeps the partition; it must have one segment.
        first_moved: batches that begin before this offset stay.
        by: how far.
    """
    (segment,) = partition_directory.glob("*.log")
    content = bytearray(segment.read_bytes())
    place = 0
    while place < len(content):
        first_offset, length = _BATCH_HEADER.unpack_from(content, place)
        if first_offset >= first_moved:
            _BATCH_HEADER.pack_into(content, place, first_offset + by, length)
        place += _BATCH_HEADER.size + length
    segment.write_bytes(content)
    first_offset, _ = _BATCH_HEADER.unpack_from(content, 0)
    for derived in ("*index", "*.snapshot"):
        for file in partition_directory.glob(derived):
            file.unlink()
    segment.rename(partition_directory / f"{first_offset:020}.log")
