"""The embedded Kafka: its life, its data, and what it says when it cannot start."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.local.embedded import (
    AlreadyRunningError,
    EmbeddedKafka,
    PortTakenError,
    StartError,
    scratch_directory,
)
from tests.local.embedded.processes import addresses_listened_on
from tests.services import in_own_loop


@pytest.fixture(scope="module")
def described() -> Iterator[EmbeddedKafka]:
    """A broker, running or not, on a directory whose name tries what paths may hold."""
    with scratch_directory() as directory:
        broker = EmbeddedKafka(directory / "dáta, of mine" / "kafka")
        yield broker
        in_own_loop(broker.stop())


@pytest.fixture
async def broker(described: EmbeddedKafka) -> EmbeddedKafka:
    """A running broker; the test may kill it, the next one finds it running."""
    await described.start()
    return described


async def test_only_loopback_is_listened_on(broker: EmbeddedKafka) -> None:
    assert addresses_listened_on(broker.pid) == {"127.0.0.1"}


async def test_using_a_topic_does_not_make_it(broker: EmbeddedKafka) -> None:
    consumer = AIOKafkaConsumer("unheard-of", bootstrap_servers=broker.bootstrap_servers)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(consumer.start(), timeout=1)
    await consumer.stop()

    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers) as other:
        assert "unheard-of" not in await other.topics()


async def test_a_second_start_on_the_directory_says_that_it_runs_already(broker: EmbeddedKafka) -> None:
    with pytest.raises(AlreadyRunningError, match=f"already runs on .*process {os.getpid()}: stop that one"):
        await EmbeddedKafka(broker.directory).start()

    assert broker.running


async def test_records_and_offsets_outlive_a_kill_9_and_a_stop(broker: EmbeddedKafka) -> None:
    port = broker.port
    await _make_topic(broker, "kept")
    await _produce(broker, "kept", [b"1", b"2"])
    await _commit(broker, "kept", 1)

    await broker.kill()
    assert not broker.running
    await broker.start()
    assert broker.port == port
    await _produce(broker, "kept", [b"3"])
    await broker.stop()

    # Another object, so other ports, as in the next run of a program.
    async with EmbeddedKafka(broker.directory) as other:
        assert await _consume(other, "kept") == [b"1", b"2", b"3"]
        assert await _committed(other, "kept") == 1


async def test_a_taken_port_is_named(service_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}, the port is in use: stop what uses it"):
            await EmbeddedKafka(service_directory, port=port).start()


async def test_when_it_cannot_start_the_message_shows_its_own_words(service_directory: Path) -> None:
    (service_directory / "data").mkdir()
    (service_directory / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")

    with pytest.raises(StartError, match=r"(?s)ended while starting.*kafka.log.*node id"):
        await EmbeddedKafka(service_directory).start()


async def _make_topic(kafka: EmbeddedKafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def _produce(kafka: EmbeddedKafka, topic: str, values: list[bytes]) -> None:
    servers = kafka.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def _consume(kafka: EmbeddedKafka, topic: str) -> list[bytes]:
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers) as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]


async def _commit(kafka: EmbeddedKafka, topic: str, offset: int) -> None:
    async with _group_member(kafka) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): offset})


async def _committed(kafka: EmbeddedKafka, topic: str) -> int | None:
    async with _group_member(kafka) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        offset: int | None = await consumer.committed(TopicPartition(topic, 0))
        return offset


def _group_member(kafka: EmbeddedKafka) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, group_id="group", enable_auto_commit=False
    )
