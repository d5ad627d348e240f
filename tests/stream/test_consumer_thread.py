"""Faust's consumer thread as we changed it: what it makes of a coordinator that is not there yet."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from app.kafka.clients import client_settings
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import groups_of
from tests.services import LIMIT_S, eventually, settings_for_tests
from tests.stream.readers import STOP_S, Reader, has_committed, numbered, running, said, with_partitions
from tests.workers import produce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import pytest

    from app.local.embedded import EmbeddedKafka
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
    await ensure_topics(settings.kafka, settings.topology)
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


#: Joins the group with a protocol that is not Faust's, and says so.
ANOTHER_KIND = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer

async def main(servers, topic, group):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, client_id="the-sink-of-before", group_id=group,
        enable_auto_commit=False, session_timeout_ms=6_000, heartbeat_interval_ms=500,
    )
    await consumer.start()
    while not consumer.assignment():
        await asyncio.sleep(0.05)
    print("joined", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def another_kind_of_consumer(settings: Settings, topic: str) -> AsyncIterator[None]:
    """A member of the group that is another kind of consumer, and in the end dies without leaving it."""
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ANOTHER_KIND,
        ",".join(settings.kafka.bootstrap_servers),
        topic,
        groups_of(settings.topology).persist,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert other.stdout is not None
        assert await asyncio.wait_for(other.stdout.readline(), LIMIT_S) == b"joined\n"
        yield
    finally:
        other.kill()
        await other.wait()


async def test_a_worker_says_who_keeps_it_out_of_its_group_and_joins_when_that_is_gone(
    settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.stream.joining")
    made = await with_partitions(settings, 1)
    reader = Reader(made)
    await produce(made, reader.topic, numbered(3))
    async with another_kind_of_consumer(made, reader.topic):
        reader.app.finalize()
        # A Faust app has started when it has been given its partitions.
        starting = asyncio.create_task(reader.app.start())
        await eventually(reader.consumer.joining_trouble, 30)
        assert reader.consumer.joining_trouble() == "a member of another kind of consumer is in the group"
        assert reader.values() == []
    try:
        await starting
        await eventually(lambda: reader.values() == said(3), 30)
        assert reader.consumer.joining_trouble() is None
        await eventually(lambda: has_committed(made, 3))
    finally:
        await asyncio.wait_for(reader.app.stop(), STOP_S)

    refused, let_in = (record for record in caplog.records if record.name == "app.stream.joining")
    assert refused.levelname == "WARNING"
    assert refused.__dict__["members"] == ["the-sink-of-before at 127.0.0.1"]
    assert "stop it" in refused.__dict__["error"]
    assert "has let the worker in" in let_in.message


async def test_the_end_of_every_task_that_nobody_else_looks_at_is_noticed(
    settings: Callable[..., Settings],
) -> None:
    """Ended for good, the coordinator's leaves a consumer that cannot be stopped: so it is only looked at."""
    async with running(Reader(await with_partitions(settings, 1))) as reader:
        await eventually(reader.is_at_work, 30)
        consumer = reader.consumer._thread._consumer
        for task in (
            consumer._fetcher._fetch_task,
            consumer._client._sync_task,
            consumer._coordinator._coordination_task,
        ):
            noticed_by = [callback.__qualname__ for callback, _ in task._callbacks or ()]
            assert any("_end_with" in name for name in noticed_by), task


async def test_a_worker_ends_when_its_metadata_is_kept_up_to_date_no_more(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await with_partitions(settings, 1)
    reader = Reader(made)
    crashed: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashed.append(error)

    async with running(reader):
        await eventually(reader.is_at_work, 30)
        monkeypatch.setattr(reader.app, "crash", crash)
        thread = reader.consumer._thread

        def unforeseen(*_: object) -> None:
            raise RuntimeError("unforeseen")

        client = thread._consumer._client
        monkeypatch.setattr(client, "_metadata_update", unforeseen)
        thread.thread_loop.call_soon_threadsafe(client.force_metadata_update)

        await eventually(lambda: crashed)
        assert "unforeseen" in str(crashed[0])
        client._sync_task = None  # aiokafka would raise its error again when it stops


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
        **client_settings(settings.kafka),
        group_id=groups_of(settings.topology).persist,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign(tps)
        for offset in range(COMMITS + 1):
            await consumer.commit(dict.fromkeys(tps, OffsetAndMetadata(offset, METADATA)))
    finally:
        await consumer.stop()
