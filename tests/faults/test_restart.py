"""A capture worker that stops or dies in the middle, with its table in memory or in RocksDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from app.kafka import client_settings
from app.settings import Role, Settings
from app.topics import topics_of
from models.entries import decode_entry
from tests.conversations import Conversations, conversations
from tests.services import eventually
from tests.sinks.topics import records_in
from tests.workers import Workers, count, produce, rows_of

if TYPE_CHECKING:
    from typing import Literal

    import asyncpg


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_after_a_restart_every_message_finds_its_own_state(
    system: Settings, workers: Workers, store: Literal["memory", "rocksdb"], how: str
) -> None:
    said = conversations(users=300, turns=20)
    keeping = system.model_copy(update={"table_store": store})
    half = len(said.events) // 2
    workers.start(Role.PERSIST)
    first = workers.start(Role.CAPTURE, keeping)
    await play(system, said, 0, half)
    await eventually(lambda: rows_are_at_least(system, half // 3), 60, "the first worker is at work")

    if how == "killed":
        first.kill()
    else:
        assert first.stop() == 0
    await play(system, said, half, len(said.events))
    workers.start(Role.CAPTURE, keeping, like=first)

    await eventually(lambda: all_there(system, said), 60, "every message is a row")
    assert_as_expected(await rows_of(system), said)
    # What was read twice was joined twice in the same way, or it would be chance which one is the row.
    assert await contradictions(system) == []


async def test_a_worker_killed_while_it_catches_up_joins_what_it_reads_again_as_before(
    system: Settings, workers: Workers
) -> None:
    """States are read far ahead of the events, and more was joined than committed when it dies."""
    said = conversations(users=20, turns=150)
    await play(system, said, 0, len(said.events))
    hasty = system.model_copy(update={"chunk_max_records": 50, "commit_interval_s": 5.0})
    first = workers.start(Role.CAPTURE, hasty)
    await eventually(lambda: entries_are_at_least(system, 2_000), 60, "the first worker is at work")
    first.kill()
    workers.start(Role.CAPTURE, hasty, like=first)
    workers.start(Role.PERSIST)

    await eventually(lambda: all_there(system, said), 60, "every message is a row")
    assert_as_expected(await rows_of(system), said)
    assert await entries_in(system) > len(said.events), "nothing was read again"
    assert await contradictions(system) == []


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_table_whose_changelog_was_trimmed_recovers_what_is_left(
    system: Settings, workers: Workers, store: Literal["memory", "rocksdb"]
) -> None:
    keeping = system.model_copy(update={"table_store": store})
    said = conversations(users=100, turns=10)
    half = len(said.events) // 2
    workers.start(Role.PERSIST)
    first = workers.start(Role.CAPTURE, keeping)
    await play(system, said, 0, half)
    await eventually(lambda: rows_are_at_least(system, half), 60)
    assert first.stop() == 0
    # Another machine goes on, so that what the first one has on its disk is older than all that is left.
    second = workers.start(Role.CAPTURE, keeping)
    await play(system, said, half, len(said.events))
    await eventually(lambda: all_there(system, said), 60)
    assert second.stop() == 0

    await trim(system, topics_of(system).state_changelog.name)
    third = workers.start(Role.CAPTURE, keeping, like=first)

    await eventually(third.is_ready, 30, "recovery does not wait for records that are gone")
    last_word = conversations(users=1, turns=1, tag="last")
    await play(system, last_word, 0, len(last_word.events))
    await eventually(lambda: all_there(system, last_word), 30)


async def test_persist_stops_and_says_so_when_its_table_is_missing(
    system: Settings, workers: Workers, second_database_url: str
) -> None:
    empty = system.model_copy(update={"database_url": SecretStr(second_database_url)})
    worker = workers.start(Role.PERSIST, empty)
    entry = b'{"userid":"1","timestamp":1,"direction":"user","content":"x"}'
    await produce(system, topics_of(system).chat_log.name, [(b"1", entry)])

    assert worker.wait(40) != 0
    assert "chatlog migrate up" in worker.log.read_text()


async def play(system: Settings, said: Conversations, start: int, end: int) -> None:
    """Produce a stretch of a conversation: as many states as events, the states first."""
    topics = topics_of(system)
    await produce(system, topics.state.name, said.states[start:end])
    await produce(system, topics.events.name, said.events[start:end])


async def contradictions(system: Settings) -> list[tuple[bytes, bytes]]:
    """Return entries of the chat-log topic that are of one message and not equal."""
    seen: dict[tuple[str, int, str], bytes] = {}
    found = []
    for partition in range(system.topic_partitions):
        for record in await records_in(system.require_kafka()[0], topics_of(system).chat_log.name, partition):
            entry = decode_entry(record.value)
            first = seen.setdefault(entry.key, record.value)
            if first != record.value:
                found.append((first, record.value))
    return found


async def trim(system: Settings, topic: str) -> None:
    """Delete what the log holds, as retention would; the offsets go on."""
    admin = AIOKafkaAdminClient(**client_settings(system))
    await admin.start()
    try:
        # Brokers refuse to delete from a topic that is only compacted.
        policy = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": "compact,delete"})
        await admin.alter_configs([policy])
        everything = {
            TopicPartition(topic, partition): RecordsToDelete(before_offset=-1)
            for partition in range(system.topic_partitions)
        }
        await admin.delete_records(everything)
    finally:
        await admin.close()


async def entries_in(system: Settings) -> int:
    """Ask how many records the chat-log topic has had."""
    consumer = AIOKafkaConsumer(**client_settings(system))
    await consumer.start()
    try:
        topic = topics_of(system).chat_log.name
        ends = await consumer.end_offsets([TopicPartition(topic, p) for p in range(system.topic_partitions)])
    finally:
        await consumer.stop()
    return sum(ends.values())


async def entries_are_at_least(system: Settings, number: int) -> bool:
    return await entries_in(system) >= number


async def rows_are_at_least(system: Settings, number: int) -> bool:
    return await count(system) >= number


async def all_there(system: Settings, said: Conversations) -> bool:
    missing = said.expected.keys() - (await rows_of(system)).keys()
    assert not missing, f"{len(missing)} rows are missing"
    return True


def assert_as_expected(rows: dict[tuple[str, int, str], asyncpg.Record], said: Conversations) -> None:
    found = {
        key: (row["content"], row["question_ref"], row["shortcode"], row["pageid"])
        for key, row in rows.items()
    }
    assert found == {
        key: (e.content, e.question_ref, e.shortcode, e.pageid) for key, e in said.expected.items()
    }
