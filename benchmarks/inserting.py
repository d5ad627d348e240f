"""How fast batches go into a big table, and what each row of them costs: by the statement of the sink.

The batches are made before the clock starts. Into what they are written is not decided here.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psutil

from benchmarks.big_table import WRITERS
from benchmarks.tables import percentile
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from benchmarks.big_table import BigTable, Entries

_ENTRIES = statements("entries", "benchmarks.sql")
BATCH = 1_000
_INSERT = statements("chat_log").insert_entries


@dataclass(frozen=True, slots=True)
class Insertion:
    """What writing some batches came to.

    Attributes:
        rows: written, by two connections.
        cpu_ms_per_1000: of their two backends.
        batch_p50_ms: what one statement took, in the middle; and 99 of 100 at most.
        wal_bytes_per_row: of the write-ahead log, in all.
        page_images_per_row: of whole pages in it, as every page's first change after a checkpoint writes one.
    """

    rows: int
    rows_per_s: float
    cpu_ms_per_1000: float
    batch_p50_ms: float
    batch_p99_ms: float
    wal_bytes_per_row: float
    page_images_per_row: float


async def insert(table: BigTable, entries: Entries, first: int, rows: int) -> Insertion:
    """Write `rows` entries in batches, and measure it; a checkpoint is made before.

    Args:
        table: to write into.
        entries: a batch of them is spread over all of their time.
        first: the number of the first, none of which is in the table.
        rows: how many, in whole batches.
    """
    connections = [await table.connect() for _ in range(WRITERS)]
    try:
        batches = await _batches(connections[0], entries, first, rows)
        await connections[0].execute("CHECKPOINT")
        wal_before, images_before = await _wal(table)
        cpu_before = _cpu_s(connections)
        began = time.perf_counter()
        times_ms, written = await _write(connections, batches)
        took_s = time.perf_counter() - began
        cpu_s = _cpu_s(connections) - cpu_before
    finally:
        for connection in connections:
            await connection.close()
    wal, images = await _wal(table)
    # A few of millions may meet a row that is there; more would mean that something else was measured.
    if written < rows * 0.99:
        raise AssertionError(f"of {rows:,} entries that should be new, {written:,} were; mend the entries")
    return Insertion(
        written,
        round(written / took_s),
        round(cpu_s * 1e6 / written, 1),
        round(percentile(times_ms, 50), 1),
        round(percentile(times_ms, 99), 1),
        round((wal - wal_before) / written),
        round((images - images_before) / written, 3),
    )


async def _batches(
    connection: asyncpg.Connection[asyncpg.Record], entries: Entries, first: int, rows: int
) -> list[str]:
    """Make batches, each spread over the whole time of the entries, no two at the same milliseconds."""
    batches = []
    for start in range(first, first + rows, BATCH):
        shift_ms = start // BATCH % 1_000_000
        spread = replace(entries, begins_ms=entries.begins_ms + shift_ms - round(start * entries.step_ms))
        batches.append(str(await connection.fetchval(_ENTRIES.batch, *spread.numbered(start, BATCH))))
    return batches


async def _write(
    connections: list[asyncpg.Connection[asyncpg.Record]], batches: list[str]
) -> tuple[list[float], int]:
    """Write the batches, each connection one after the other; return the time of each in ms, and the rows."""
    waiting = iter(batches)
    times_ms: list[float] = []
    written: list[int] = []

    async def write(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        for batch in waiting:
            began = time.perf_counter()
            status = await connection.execute(_INSERT, batch)
            times_ms.append((time.perf_counter() - began) * 1000)
            written.append(int(status.rpartition(" ")[2]))

    async with asyncio.TaskGroup() as writers:
        for connection in connections:
            writers.create_task(write(connection))
    return times_ms, sum(written)


async def _wal(table: BigTable) -> tuple[int, int]:
    """Return the bytes of WAL that were ever written, and the whole pages in it."""
    # Backends report their figures at their end at the latest.
    found = await table.fetch("SELECT wal_bytes::bigint, wal_fpi FROM pg_stat_wal")
    return found[0]["wal_bytes"], found[0]["wal_fpi"]


def _cpu_s(connections: list[asyncpg.Connection[asyncpg.Record]]) -> float:
    times = [psutil.Process(connection.get_server_pid()).cpu_times() for connection in connections]
    return sum(one.user + one.system for one in times)
