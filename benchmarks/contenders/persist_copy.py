"""The limit of one connection: COPY straight into the table, without a check for what is there already.

Read twice, a record stops it: no sink that has to survive a restart can do this. The next batch is read and
decoded while one is written.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import asyncpg
import uvloop

from app.kafka.topics import topics_of
from app.settings import load_settings
from benchmarks.contenders.reading import Reader
from benchmarks.contenders.rows import COLUMNS, row_of
from models.entries import decode_entry

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    Batch = tuple[list[tuple[object, ...]], dict[TopicPartition, int]]

settings = load_settings()


async def main(batch: int) -> None:
    """Persist until killed, `batch` rows at a time."""
    ready: asyncio.Queue[Batch] = asyncio.Queue(maxsize=2)
    topic = topics_of(settings.topology).chat_log.name
    async with Reader(settings, topic) as reader, asyncio.TaskGroup() as group:
        group.create_task(_decode(reader, batch, ready))
        group.create_task(_copy(reader, ready))
        group.create_task(reader.commit_now_and_again())


async def _decode(reader: Reader, batch: int, ready: asyncio.Queue[Batch]) -> None:
    while True:
        records, read_to = await reader.read(reader.partitions, batch)
        await ready.put(([row_of(decode_entry(record.value)) for record in records], read_to))


async def _copy(reader: Reader, ready: asyncio.Queue[Batch]) -> None:
    connection = await asyncpg.connect(settings.database.require_url())
    while True:
        rows, read_to = await ready.get()
        await connection.copy_records_to_table("chat_log", records=rows, columns=COLUMNS)
        reader.done_to.update(read_to)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
