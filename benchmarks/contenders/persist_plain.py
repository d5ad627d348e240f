"""No framework: aiokafka and asyncpg in a loop, with our statement and our validation.

Each connection has partitions of its own, reads them, writes, and notes how far it is; offsets are committed
once a second, after the writes. It promises less: no dead letters, no splitting, no retries, no rebalance.
"""

from __future__ import annotations

import asyncio
import sys
from operator import attrgetter
from typing import TYPE_CHECKING

import asyncpg
import uvloop

from app.kafka.topics import topics_of
from app.settings import load_settings
from benchmarks.contenders.reading import Reader
from models.entries import decode_entry, encode_entries
from sinks.sql import statements

if TYPE_CHECKING:
    from aiokafka import TopicPartition

BATCH = 1_000
INSERT = statements("chat_log").insert_entries
settings = load_settings()


async def main(connections: int) -> None:
    """Persist until killed.

    Args:
        connections: batches that are written at the same time.
    """
    topic = topics_of(settings.topology).chat_log.name
    async with Reader(settings, topic) as reader, asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(_persist(reader, reader.partitions[number::connections]))
        group.create_task(reader.commit_now_and_again())


async def _persist(reader: Reader, partitions: list[TopicPartition]) -> None:
    connection = await asyncpg.connect(settings.database.require_url())
    while True:
        records, read_to = await reader.read(partitions, BATCH)
        entries = [decode_entry(record.value) for record in records]
        entries.sort(key=attrgetter("key"))
        await connection.execute(INSERT, encode_entries(entries).decode())
        reader.done_to.update(read_to)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
