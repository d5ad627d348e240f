"""The state table in a real Faust app on a real broker: logged, then applied, and back after a restart."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import faust
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.kafka.clients import client_settings
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import groups_of, topics_of
from app.stream.table import StateTable
from app.stream.transport import ChunkLimits, ChunkSchema, ChunkTransport
from models.errors import BadRecord
from models.limits import OUR_RECORD_MAX_BYTES
from sinks.errors import CannotGoOn
from sinks.kafka.delivery import OutRecord
from sinks.kafka.producer import RecordProducer
from sinks.retry import RetryPolicy
from tests.services import eventually
from tests.sinks.kafka.topics import records_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from app.settings import Settings

PARTITIONS = 3


class Keeper:
    """A Faust app that has the table, and an agent only to be given partitions."""

    def __init__(self, settings: Settings, store: str, data_dir: Path) -> None:
        topics = topics_of(settings.topology)
        self.changelog = topics.state_changelog.name
        self.app = faust.App(
            groups_of(settings.topology).capture,
            broker=[f"kafka://{server}" for server in settings.kafka.bootstrap_servers],
            store=f"{store}://",
            datadir=data_dir,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            broker_rebalance_timeout=6,
            broker_session_timeout=6,
            broker_heartbeat_interval=1,
            stream_recovery_delay=0,
        )
        self.app.transport = ChunkTransport(
            self.app.conf.broker_consumer, self.app, limits=ChunkLimits(100, 1_000_000)
        )
        self.may_write = True
        self.producer = RecordProducer(client_settings(settings.kafka), RetryPolicy("test"))
        self.table = StateTable(
            self.app,
            name="states",
            changelog=self.changelog,
            producer=self.producer,
            merge=lambda kept, read: kept + read if read.startswith(b"late") else read,
            until_may_write=self._until_may_write,
        )
        self.app.tables.add(self.table)
        self.app.agent(self.app.topic(topics.state.name, schema=ChunkSchema()), name="idle")(self._idle)

    async def _until_may_write(self) -> None:
        if not self.may_write:
            raise CannotGoOn("others have its partitions")

    async def _idle(self, stream: Any) -> None:
        async for _ in stream.noack().events():
            raise AssertionError("nobody says anything")

    def is_recovered(self) -> bool:
        """Whether the partitions are there with what the changelog has of them."""
        recovery = cast("Any", self.app.tables).recovery
        return len(self.app.assignor.assigned_actives()) >= PARTITIONS and not recovery.in_recovery


@asynccontextmanager
async def running(settings: Settings, store: str, data_dir: Path) -> AsyncIterator[Keeper]:
    keeper = Keeper(settings, store, data_dir)
    keeper.app.finalize()
    await keeper.producer.start()
    await keeper.app.start()
    try:
        await eventually(keeper.is_recovered)
        yield keeper
    finally:
        await keeper.app.stop()
        await keeper.producer.stop()


@pytest.fixture
async def topics(settings: Callable[..., Settings]) -> Settings:
    made = settings(topic_partitions=PARTITIONS)
    await ensure_topics(made.kafka, made.topology)
    return made


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_what_was_written_is_there_after_a_restart_on_another_machine(
    topics: Settings, store: str, tmp_path: Path
) -> None:
    first = {f"a{n}".encode(): b"old" * 50 for n in range(500)}
    second = {f"a{n}".encode(): f"new {n}".encode() for n in range(0, 500, 2)}
    async with running(topics, store, tmp_path / "one") as keeper:
        await keeper.table.write(0, first)
        await keeper.table.write(0, second)
        await keeper.table.write(2, {b"\x00\xff": b"\x00"})
        expected = first | second
        assert {key: keeper.table.reader(0)(key) for key in expected} == expected
        logged = await records_in(topics.kafka.require_servers()[0], keeper.changelog, 0)
        assert [(record.key, record.value) for record in logged] == [*first.items(), *second.items()]

    async with running(topics, store, tmp_path / "two") as keeper:
        assert keeper.table.reader(2)(b"\x00\xff") == b"\x00"
        assert keeper.table.reader(0)(b"nobody") is None
        assert {key: keeper.table.reader(0)(key) for key in expected} == expected


async def test_a_disk_that_has_fallen_behind_catches_up(topics: Settings, tmp_path: Path) -> None:
    async with running(topics, "rocksdb", tmp_path / "mine") as keeper:
        await keeper.table.write(1, {b"a": b"1", b"b": b"1"})
    async with running(topics, "rocksdb", tmp_path / "another's") as keeper:
        await keeper.table.write(1, {b"a": b"2", b"c": b"2"})
    async with running(topics, "rocksdb", tmp_path / "mine") as keeper:
        assert [keeper.table.reader(1)(key) for key in (b"a", b"b", b"c")] == [b"2", b"1", b"2"]


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_recovery_merges_what_was_logged_one_after_the_other(
    topics: Settings, store: str, tmp_path: Path
) -> None:
    async with running(topics, store, tmp_path / "one") as keeper:
        for value in (b"1", b"2", b"late"):
            await keeper.table.write(0, {b"a": value})
    async with running(topics, store, tmp_path / "two") as keeper:
        assert keeper.table.reader(0)(b"a") == b"2late"


async def test_nothing_is_logged_by_a_worker_whose_partitions_may_be_gone(
    topics: Settings, tmp_path: Path
) -> None:
    async with running(topics, "memory", tmp_path) as keeper:
        keeper.may_write = False
        with pytest.raises(CannotGoOn):
            await keeper.table.write(0, {b"a": b"1"})
        assert keeper.table.reader(0)(b"a") is None
        assert await records_in(topics.kafka.require_servers()[0], keeper.changelog, 0) == []


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_what_cannot_be_logged_is_not_applied(topics: Settings, store: str, tmp_path: Path) -> None:
    async with running(topics, store, tmp_path) as keeper:
        await keeper.table.write(0, {b"a": b"1"})
        with pytest.raises(BadRecord):
            await keeper.table.write(0, {b"a": b"2", b"b": b"x" * (OUR_RECORD_MAX_BYTES + 1)})
        assert keeper.table.reader(0)(b"a") == b"1"
        assert keeper.table.reader(0)(b"b") is None
        await keeper.table.write(0, {b"a": b"3"})
        assert keeper.table.reader(0)(b"a") == b"3"


async def test_nothing_is_logged_for_nothing(topics: Settings, tmp_path: Path) -> None:
    async with running(topics, "memory", tmp_path) as keeper:
        await keeper.table.write(0, {})
        tp = TopicPartition(keeper.changelog, 0)
        async with AIOKafkaConsumer(**client_settings(topics.kafka)) as consumer:
            assert (await consumer.end_offsets([tp]))[tp] == 0


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_tombstone_in_the_changelog_removes_the_key(
    topics: Settings, store: str, tmp_path: Path
) -> None:
    """Nobody writes one here; an operator who has to forget a person may."""
    async with running(topics, store, tmp_path / "one") as keeper:
        await keeper.table.write(0, {b"a": b"1", b"b": b"1"})
        await keeper.producer.send(keeper.changelog, 0, [OutRecord(b"a", None)])
    async with running(topics, store, tmp_path / "two") as keeper:
        assert keeper.table.reader(0)(b"a") is None
        assert keeper.table.reader(0)(b"b") == b"1"
