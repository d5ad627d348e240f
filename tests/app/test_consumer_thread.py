"""Faust's consumer thread as we changed it: what it makes of a coordinator that is not there yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from app.kafka import client_settings
from app.topic_admin import ensure_topics
from app.topics import groups_of
from tests.app.readers import Reader, running
from tests.services import eventually, settings_for_tests

if TYPE_CHECKING:
    from pathlib import Path

    from app.embedded import EmbeddedKafka
    from app.settings import Settings

PARTITIONS = 12
#: So much has to be loaded by the coordinator after a restart, which takes it a good part of a second.
COMMITS, METADATA = 500, "x" * 4_000


async def test_committed_offsets_are_waited_for_while_the_coordinator_loads_them(
    dedicated_kafka: EmbeddedKafka, unique_env: str, tmp_path: Path
) -> None:
    """Taken for none, they would have all of the log read again, and committed anew from its beginning."""
    settings = settings_for_tests(
        unique_env,
        dedicated_kafka.bootstrap_servers,
        "postgresql://u:p@127.0.0.1:1/d",
        tmp_path,
        topic_partitions=PARTITIONS,
    )
    await ensure_topics(settings)
    reader = Reader(settings)
    tps = [TopicPartition(reader.topic, partition) for partition in range(PARTITIONS)]
    await commit_often(settings, tps)

    async with running(reader):
        await eventually(reader.is_at_work, 30)
        answers: set[int | None] = set()

        async def ask_again_and_again() -> None:
            while True:
                answers.update([await committed_as_known_to(reader, tp) for tp in tps])

        asking = asyncio.create_task(ask_again_and_again())
        try:
            await eventually(lambda: answers)
            for end in (dedicated_kafka.stop, dedicated_kafka.kill):
                await end()
                answers.clear()
                await dedicated_kafka.start()
                await eventually(lambda: COMMITS in answers, 30)
                assert answers == {COMMITS}
        finally:
            asking.cancel()
            await asyncio.wait([asking])


async def committed_as_known_to(reader: Reader, tp: TopicPartition) -> int | None:
    """Ask as aiokafka asks for itself, when partitions are assigned."""
    thread = reader.consumer._thread
    question = thread._consumer.committed(tp)
    answer: int | None = await asyncio.wrap_future(
        asyncio.run_coroutine_threadsafe(question, thread.thread_loop)
    )
    return answer


async def commit_often(settings: Settings, tps: list[TopicPartition]) -> None:
    consumer = AIOKafkaConsumer(
        **client_settings(settings), group_id=groups_of(settings).persist, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(tps)
        for offset in range(COMMITS + 1):
            await consumer.commit(dict.fromkeys(tps, OffsetAndMetadata(offset, METADATA)))
    finally:
        await consumer.stop()
