"""The fixtures themselves: each test has a place of its own, and sees nothing of who runs it."""

import os
from collections.abc import Callable
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.kafka.topics import groups_of, topics_of
from app.settings import VARIABLES, Settings, load_settings
from app.storage import bucket_settings_of
from sinks.storage.bucket import BucketSettings
from tests.services import (
    as_environment,
    eventually,
    fresh_bucket,
    fresh_database,
    in_own_loop,
    remove_topics,
    s3_client,
    storage_overrides,
)


async def test_two_databases_know_nothing_of_each_other(postgres: str, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE mine ()")
    await connection.close()

    other = await asyncpg.connect(postgres)
    assert await other.fetchval("SELECT to_regclass('mine')") is None
    await other.close()


def test_a_database_is_dropped_at_the_end(postgres: str) -> None:
    async def there(*urls: str) -> set[str]:
        connection = await asyncpg.connect(postgres)
        try:
            names = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        finally:
            await connection.close()
        return {url for url in urls if urlsplit(url).path.lstrip("/") in names}

    with fresh_database(postgres) as first, fresh_database(postgres) as second:
        assert len(in_own_loop(there(postgres, first, second))) == 3

    assert in_own_loop(there(postgres, first, second)) == {postgres}


async def test_topics_of_a_test_are_removed(kafka: str, kafka_prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(f"{kafka_prefix}-events", 4, 1)])
    await admin.close()

    await remove_topics(kafka, kafka_prefix)

    async def gone() -> bool:
        async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
            return f"{kafka_prefix}-events" not in await consumer.topics()

    await eventually(gone)


def test_all_names_in_the_settings_of_a_test_are_its_own(
    settings: Callable[..., Settings], unique_env: str, database_url: str
) -> None:
    built = settings(batch_max_entries=7)

    assert all(unique_env in topic.name for topic in topics_of(built.topology).all())
    assert unique_env in groups_of(built.topology).capture
    assert unique_env in groups_of(built.topology).persist
    assert unique_env in groups_of(built.topology).export
    assert built.storage.bucket is None
    assert built.database.require_url() == database_url
    assert built.worker.batch_max_entries == 7
    assert built.topology.capture_is_on


def test_another_process_can_be_given_the_same_settings(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = settings(web_token="a token")
    for name, value in as_environment(built).items():
        monkeypatch.setenv(name, value)

    assert load_settings() == built


def test_settings_can_be_given_a_bucket_of_the_tests_own(
    settings: Callable[..., Settings], storage: BucketSettings
) -> None:
    assert bucket_settings_of(settings(**storage_overrides(storage)).storage) == storage


def test_two_buckets_know_nothing_of_each_other_and_go_at_the_end(storage_server: BucketSettings) -> None:
    async def put(bucket: BucketSettings) -> None:
        async with s3_client(bucket) as client:
            await client.put_object(Bucket=bucket.bucket, Key="exports/a.csv", Body=b"")

    async def is_empty(bucket: BucketSettings) -> bool:
        async with s3_client(bucket) as client:
            return "Contents" not in await client.list_objects_v2(Bucket=bucket.bucket)

    async def names() -> set[str]:
        async with s3_client(storage_server) as client:
            return {bucket["Name"] for bucket in (await client.list_buckets())["Buckets"]}

    with fresh_bucket(storage_server) as first, fresh_bucket(storage_server) as second:
        in_own_loop(put(first))
        assert not in_own_loop(is_empty(first))
        assert in_own_loop(is_empty(second))

    assert not {first.bucket, second.bucket} & in_own_loop(names())


def test_no_setting_comes_from_outside() -> None:
    assert [name for name in os.environ if name.upper() in VARIABLES] == []


async def test_waiting_ends_with_what_the_condition_returned() -> None:
    answers = iter([0, None, 3])

    assert await eventually(lambda: next(answers)) == 3


async def test_a_question_that_is_not_answered_in_time_is_asked_again() -> None:
    answers = iter([TimeoutError(), None])

    def ask() -> bool:
        if error := next(answers):
            raise error
        return True

    assert await eventually(ask)


async def test_waiting_in_vain_tells_for_what_and_what_was_seen_last() -> None:
    async def rows() -> int:
        return 0

    with pytest.raises(AssertionError, match=r"Not within 0\.1 s: rows\. Last seen: 0"):
        await eventually(rows, timeout_s=0.1)


async def test_an_assertion_in_the_condition_means_not_yet_and_is_told() -> None:
    def check() -> bool:
        raise AssertionError("2 rows of 3")

    with pytest.raises(AssertionError, match=r"all rows. Last seen: 2 rows of 3"):
        await eventually(check, timeout_s=0.1, what="all rows")
