"""The lag of a group: worked out from what a real broker says, through its outages."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    UnsupportedVersionError,
)
from aiokafka.protocol.admin import CreateAclsRequest
from faust.types import TP

from agents.chunks import Chunk
from app.kafka.clients import client_settings
from app.kafka.offsets import Offsets, committed_by
from app.local.embedded import EmbeddedKafka
from app.local.embedded import kafka as embedded_kafka
from app.settings import Settings
from app.stream.progress import PartitionProgress
from app.worker.watch.lag import LagMonitor, PartitionLag, compare, remedy_for
from tests import services
from tests.services import eventually, settings_for_tests
from tests.transactions import open_transaction

A = TP("topic", 0)


def behind(**fields: object) -> PartitionLag:
    values = {"tp": A, "beginning": 0, "end": 10, "committed": 4, "oldest_ms": None, "advanced_at": 0.0}
    return PartitionLag(**(values | fields))  # type: ignore[arg-type] # the test's own fields


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({}, 6),
        ({"committed": 10}, 0),
        ({"committed": None}, 10),
        ({"committed": None, "beginning": 7}, 3),
        ({"committed": 2, "beginning": 7}, 3),
        ({"committed": 12}, 10),
        ({"committed": None, "end": 0}, 0),
    ],
    ids=[
        "behind",
        "done",
        "never read",
        "never read, some expired",
        "expired unread",
        "log made anew",
        "empty",
    ],
)
def test_the_lag_is_what_there_is_still_to_read(fields: dict[str, object], messages: int) -> None:
    assert behind(**fields).messages == messages


def test_the_age_is_that_of_the_oldest_record_that_is_not_done() -> None:
    assert behind(oldest_ms=40_000).seconds(now_s=100.0) == 60.0
    assert behind(oldest_ms=200_000).seconds(now_s=100.0) == 0.0
    assert behind(oldest_ms=None).seconds(now_s=100.0) is None
    assert behind(oldest_ms=40_000, committed=10).seconds(now_s=100.0) == 0.0


@pytest.mark.parametrize(
    ("before", "committed", "advanced_at"),
    [
        (behind(advanced_at=3.0), 4, 3.0),
        (behind(advanced_at=3.0), 5, 9.0),
        (behind(advanced_at=3.0, committed=10), 10, 9.0),
        (behind(advanced_at=3.0, committed=None), None, 3.0),
        (None, 4, 9.0),
    ],
    ids=["stands still", "moves", "was done", "never read", "first look"],
)
def test_a_commit_stands_still_while_there_is_lag_and_it_does_not_move(
    before: PartitionLag | None, committed: int | None, advanced_at: float
) -> None:
    (lag,) = compare({A: Offsets(0, 20, committed, 20)}, {A: before} if before else {}, {}, now=9.0)

    assert lag.advanced_at == advanced_at
    assert lag.commit_age_s(now=10.0) == 10.0 - advanced_at


@pytest.mark.parametrize(
    ("before", "written", "held_since"),
    [
        (None, 25, 9.0),
        (None, 20, None),
        (behind(end=20, held_back=1, held_since=3.0), 25, 3.0),
        (behind(end=20, held_back=1, held_since=3.0), 20, None),
        (behind(end=15, held_back=1, held_since=3.0), 25, 9.0),
        (behind(end=20), 25, 9.0),
    ],
    ids=["first look", "none", "the same transaction", "ended", "another transaction", "just begun"],
)
def test_an_open_transaction_is_known_by_where_it_begins(
    before: PartitionLag | None, written: int, held_since: float | None
) -> None:
    (lag,) = compare({A: Offsets(0, 20, 20, written)}, {A: before} if before else {}, {}, now=9.0)
    assert (lag.messages, lag.held_back, lag.held_since) == (0, written - 20, held_since)
    assert lag.held_s(now=11.0) == (0.0 if held_since is None else 11.0 - held_since)


async def test_what_an_open_transaction_holds_back_is_no_lag(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with (
        topic_with_records(settings(), topic, partitions=1, records=3),
        monitor(settings(), "some-group", [topic]) as lag,
    ):
        await commit(settings(), "some-group", {TP(topic, 0): 3})
        async with open_transaction(settings(), topic):
            await lag.look()
            (held,) = lag.partitions
            assert (held.end, held.messages, held.held_back) == (3, 0, 1)
            assert held.held_since is not None
            await lag.look()
            assert lag.partitions[0].held_since == held.held_since

        async def is_over() -> bool:
            await lag.look()
            (over,) = lag.partitions
            # What was taken back and its marker are offsets that are read past.
            return (over.end, over.messages, over.held_back, over.held_since) == (5, 2, 0, None)

        await eventually(is_over)


async def test_every_partition_of_the_group_is_told_whoever_reads_it(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with topic_with_records(settings(), topic, partitions=3, records=5):
        await commit(settings(), "some-group", {TP(topic, 0): 5, TP(topic, 1): 2})
        async with monitor(settings(), "some-group", [topic]) as lag:
            await lag.look()

            assert [(p.tp.partition, p.committed, p.end, p.messages) for p in lag.partitions] == [
                (0, 5, 5, 0),
                (1, 2, 5, 3),
                (2, None, 5, 5),
            ]


async def test_the_age_comes_from_the_record_at_the_commit(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    now_ms = round(time.time() * 1000)
    times = [now_ms - 90_000, now_ms - 60_000, now_ms - 30_000]
    async with (
        topic_with_records(settings(), topic, partitions=1, records=3, times=times),
        monitor(settings(), "some-group", [topic]) as lag,
    ):
        await lag.look()
        assert lag.partitions[0].seconds(now_ms / 1000) == 90.0

        await commit(settings(), "some-group", {TP(topic, 0): 2})
        await lag.look()
        assert lag.partitions[0].seconds(now_ms / 1000) == 30.0


async def test_records_that_expired_no_longer_count_as_the_oldest(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    now_ms = round(time.time() * 1000)
    times = [now_ms - 90_000, now_ms - 60_000, now_ms - 30_000]
    async with (
        topic_with_records(settings(), topic, partitions=1, records=3, times=times),
        monitor(settings(), "some-group", [topic]) as lag,
        admin(settings()) as client,
    ):
        await lag.look()
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
        await lag.look()

        assert lag.partitions[0].messages == 1
        assert lag.partitions[0].seconds(now_ms / 1000) == 30.0


async def test_what_is_in_flight_here_tells_its_age_without_asking(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with topic_with_records(settings(), topic, partitions=1, records=3, times=[1, 2, 3]) as records:
        progress = PartitionProgress()
        progress.hand_out(Chunk(topic, 0, records[1:], 0))
        async with monitor(settings(), "some-group", [topic], {TP(topic, 0): progress}) as lag:
            await lag.look()

            assert lag.partitions[0].oldest_ms == 2


async def test_what_is_in_flight_here_and_done_elsewhere_does_not_tell_the_age(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with topic_with_records(settings(), topic, partitions=1, records=3, times=[1, 2, 3]) as records:
        progress = PartitionProgress()
        progress.hand_out(Chunk(topic, 0, records[:1], 0))
        await commit(settings(), "some-group", {TP(topic, 0): 2})
        async with monitor(settings(), "some-group", [topic], {TP(topic, 0): progress}) as lag:
            await lag.look()

            assert lag.partitions[0].oldest_ms == 3


async def test_what_comes_in_while_the_brokers_are_asked_does_not_count(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with (
        topic_with_records(settings(), topic, partitions=1, records=0),
        never_far_behind(settings(), "some-group", topic, at_most=5) as pairs,
        monitor(settings(), "some-group", [topic]) as lag,
    ):
        told: list[int] = []

        async def look() -> int:
            await lag.look()
            told.extend(partition.messages for partition in lag.partitions)
            return told[-1]

        while len(told) < 100 or len(pairs) < 100:
            await look()
        # One look in ten or so comes between a record and its commit.
        await eventually(look, what="some lag is seen")
        assert max(told) <= 5


async def test_a_commit_beyond_the_end_is_one_of_a_log_that_is_read_anew(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with topic_with_records(settings(), topic, partitions=1, records=3, times=[1, 2, 3]):
        await commit(settings(), "some-group", {TP(topic, 0): 12})
        async with monitor(settings(), "some-group", [topic]) as lag:
            await lag.look()

            (partition,) = lag.partitions
            assert (partition.committed, partition.end, partition.next_offset) == (12, 3, 0)
            assert (partition.messages, partition.oldest_ms) == (3, 1)


async def test_offsets_that_went_back_are_told_once(
    settings: Callable[..., Settings], kafka_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"{kafka_prefix}-lag"
    async with (
        topic_with_records(settings(), topic, partitions=2, records=5),
        monitor(settings(), "some-group", [topic]) as lag,
    ):
        for offset in (0, 5):
            await commit(settings(), "some-group", {TP(topic, 0): offset, TP(topic, 1): offset})
            await lag.look()
        assert [record for record in caplog.records if record.name == "app.worker.watch.lag"] == []

        await commit(settings(), "some-group", {TP(topic, 1): 2})
        await lag.look()
        await lag.look()

        (told,) = [record for record in caplog.records if record.name == "app.worker.watch.lag"]
        assert "went back" in told.message
        assert (told.partitions, told.records) == ([f"{topic}[1]"], 3)  # type: ignore[attr-defined] # fields of ours


async def test_a_topic_that_is_made_later_is_seen_at_the_next_look(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    topics = [f"{kafka_prefix}-first", f"{kafka_prefix}-second"]
    async with (
        topic_with_records(settings(), topics[0], partitions=1, records=1),
        monitor(settings(), "some-group", topics) as lag,
    ):
        await lag.look()
        assert [partition.tp.topic for partition in lag.partitions] == topics[:1]

        async with topic_with_records(settings(), topics[1], partitions=1, records=1):
            await lag.look()
        assert [partition.tp.topic for partition in lag.partitions] == topics


async def test_a_topic_that_is_missing_has_no_lag_and_is_not_made(
    settings: Callable[..., Settings], kafka_prefix: str
) -> None:
    async with monitor(settings(), "some-group", [f"{kafka_prefix}-missing"]) as lag:
        await lag.look()

        assert lag.partitions == ()
        assert lag.error is None
    async with admin(settings()) as client:
        assert f"{kafka_prefix}-missing" not in await client.list_topics()


async def test_an_outage_keeps_the_last_answer_and_says_how_old_it_is(
    dedicated_kafka: EmbeddedKafka, unique_env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for_tests(
        unique_env,
        dedicated_kafka.bootstrap_servers,
        "postgresql://u:p@127.0.0.1:1/d",
        tmp_path,
    )
    async with (
        topic_with_records(settings, "some-topic", partitions=1, records=3),
        monitor(settings, "some-group", ["some-topic"]) as lag,
    ):
        await eventually(lambda: looks_well(lag))
        assert not lag.is_stale

        await dedicated_kafka.kill()
        await asyncio.wait_for(lag.look(), 60)
        assert lag.error is not None
        assert [partition.messages for partition in lag.partitions] == [3]
        with monkeypatch.context() as impatient:
            impatient.setattr("app.worker.watch.lag.STALE_AFTER_S", 0.5)
            await eventually(lambda: lag.is_stale)
            assert lag.age_s >= 0.5

        await dedicated_kafka.start()
        await eventually(lambda: looks_well(lag))
        assert not lag.is_stale
        assert [partition.messages for partition in lag.partitions] == [3]


async def test_the_lag_is_right_or_unknown_while_brokers_and_members_come_and_go(
    dedicated_kafka: EmbeddedKafka, unique_env: str, tmp_path: Path
) -> None:
    settings = settings_for_tests(
        unique_env, dedicated_kafka.bootstrap_servers, "postgresql://u:p@127.0.0.1:1/d", tmp_path
    )
    partitions, waiting, records = 12, 2, 300
    errors: Counter[str | None] = Counter()
    async with (
        topic_with_records(settings, "some-topic", partitions=partitions, records=records),
        monitor(settings, "some-group", ["some-topic"]) as lag,
    ):

        async def look_while(happening: Coroutine[object, object, object]) -> None:
            task = asyncio.ensure_future(happening)
            while not task.done():
                await lag.look()
                errors[lag.error] += 1
                if lag.error is None:
                    assert {partition.committed is None for partition in lag.partitions} == {False}
                    assert sum(partition.messages for partition in lag.partitions) <= partitions * waiting
                # What is not known is what was known: never more, never nothing.
                assert len(lag.partitions) == partitions
            await task

        tps = [TP("some-topic", number) for number in range(partitions)]
        # Many commits: a coordinator that starts again has something to load, and knows no offsets meanwhile.
        history = [dict.fromkeys(tps, offset) for offset in range(records - waiting + 1)]
        await commit(settings, "some-group", *history)
        await eventually(lambda: looks_well(lag))
        for end in (dedicated_kafka.stop, dedicated_kafka.kill):
            await look_while(end())
            await look_while(dedicated_kafka.start())
            await look_while(come_and_go(settings, "some-group", "some-topic"))
            await eventually(lambda: looks_well(lag))
            assert sum(partition.messages for partition in lag.partitions) == partitions * waiting
    assert errors[None] > 0
    assert sum(errors.values()) > errors[None]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (GroupCoordinatorNotAvailableError(), "passes by itself"),
        (GroupLoadInProgressError(), "passes by itself"),
        (KafkaConnectionError(), "passes by itself"),
        (GroupAuthorizationFailedError(), "on the group"),
        (TopicAuthorizationFailedError(), "on the topics"),
        (TimeoutError(), "see whether the brokers are up"),
        (ConnectionRefusedError(), "KAFKA_BOOTSTRAP_SERVERS"),
        (UnsupportedVersionError(), "`chatlog check`"),
        (KeyError(), "`chatlog check`"),
    ],
)
def test_each_error_says_what_to_do(error: Exception, told: str) -> None:
    assert told in remedy_for(error)


@pytest.fixture
async def strict_settings(
    unique_env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    """Settings of a broker that heeds access rules: what there is none for, everyone may."""
    rules = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    for name, value in rules.items():
        monkeypatch.setitem(embedded_kafka._SETTINGS, name, value)
    async with services.dedicated_kafka() as broker:
        yield settings_for_tests(
            unique_env, broker.bootstrap_servers, "postgresql://u:p@127.0.0.1:1/d", tmp_path
        )


async def test_what_our_user_may_not_see_is_told_with_its_remedy(
    strict_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    tps = [TP("open", 0), TP("closed", 0)]
    async with (
        topic_with_records(strict_settings, "open", partitions=1, records=2),
        topic_with_records(strict_settings, "closed", partitions=1, records=2),
        admin(strict_settings) as client,
        monitor(strict_settings, "closed-group", ["open"]) as lag,
    ):
        await commit(strict_settings, "open-group", dict.fromkeys(tps, 1))
        assert await committed_by(client, "open-group", [*tps, TP("open", 7)]) == dict.fromkeys(tps, 1) | {
            TP("open", 7): -1
        }

        await deny(client, TOPIC, "closed")
        await deny(client, GROUP, "closed-group")
        await eventually(lambda: refuses(client, "open-group", tps, TopicAuthorizationFailedError))
        await eventually(lambda: refuses(client, "closed-group", tps[:1], GroupAuthorizationFailedError))
        await lag.look()

    assert lag.error == "GroupAuthorizationFailedError: allow our user Describe and Read on the group"
    (told,) = [record for record in caplog.records if record.name == "app.worker.watch.lag"]
    assert (told.levelname, "allow our user" in told.error) == ("WARNING", True)  # type: ignore[attr-defined] # a field of ours


TOPIC, GROUP = 2, 3


async def deny(client: AIOKafkaAdminClient, kind: int, name: str) -> None:
    """Let nobody do anything with a topic or a group."""
    literal, any_operation, denied = 3, 2, 2
    answer = await client._send_request(
        CreateAclsRequest(kind, name, literal, "User:*", "*", any_operation, denied)
    )
    assert [code for code, _ in answer.creation_responses] == [0]


async def refuses(client: AIOKafkaAdminClient, group: str, tps: list[TP], error: type[Exception]) -> bool:
    try:
        await committed_by(client, group, tps)
    except error:
        return True
    return False


async def looks_well(lag: LagMonitor) -> bool:
    await lag.look()
    return lag.error is None


@asynccontextmanager
async def monitor(
    settings: Settings, group: str, topics: list[str], progress: dict[TP, PartitionProgress] | None = None
) -> AsyncIterator[LagMonitor]:
    made = LagMonitor(settings.kafka, group, topics, lambda: progress or {})
    try:
        yield made
    finally:
        await made.on_stop()


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**client_settings(settings.kafka))
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def topic_with_records(
    settings: Settings, topic: str, *, partitions: int, records: int, times: list[int] | None = None
) -> AsyncIterator[list[object]]:
    """Make a topic with the same number of records in each partition; give those of the first."""
    async with admin(settings) as client:
        # Kept for ever: Kafka looks every few minutes for what is older than a week, as such records may be.
        await client.create_topics([NewTopic(topic, partitions, 1, topic_configs={"retention.ms": "-1"})])
    producer = AIOKafkaProducer(**client_settings(settings.kafka), acks="all")
    await producer.start()
    try:
        for partition in range(partitions):
            for number in range(records):
                await producer.send(
                    topic, b"v", partition=partition, timestamp_ms=times[number] if times else None
                )
        await producer.flush()
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        yield [await consumer.getone() for _ in range(records)]
    finally:
        await consumer.stop()


@asynccontextmanager
async def never_far_behind(
    settings: Settings, group: str, topic: str, *, at_most: int
) -> AsyncIterator[list[int]]:
    """Produce and commit in turns, for as long as the block runs; give the offsets that were committed."""
    done: list[int] = []
    producer = AIOKafkaProducer(**client_settings(settings.kafka), acks="all")
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), group_id=group, enable_auto_commit=False)
    tp = TopicPartition(topic, 0)

    async def go_on() -> None:
        consumer.assign([tp])
        await consumer.commit({tp: 0})
        while True:
            sent = [await producer.send(topic, b"v", partition=0) for _ in range(at_most)]
            await asyncio.gather(*sent)
            done.append((done[-1] if done else 0) + at_most)
            await consumer.commit({tp: done[-1]})

    await asyncio.gather(producer.start(), consumer.start())
    work = asyncio.ensure_future(go_on())
    try:
        await eventually(lambda: done)
        yield done
    finally:
        work.cancel()
        await asyncio.wait([work])
        await asyncio.gather(producer.stop(), consumer.stop())


async def come_and_go(settings: Settings, group: str, topic: str) -> None:
    """Join the group, and leave it once it has given out partitions."""
    consumer = AIOKafkaConsumer(
        topic, **client_settings(settings.kafka), group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        await eventually(consumer.assignment)
    finally:
        await consumer.stop()


async def commit(settings: Settings, group: str, *history: dict[TP, int]) -> None:
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        for offsets in history:
            consumer.assign([TopicPartition(*tp) for tp in offsets])
            await consumer.commit({TopicPartition(*tp): offset for tp, offset in offsets.items()})
    finally:
        await consumer.stop()
