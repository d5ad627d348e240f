"""A row gets its job and no job is without a row, whatever is down or dies in between. All of it is real."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr

from app import outbox
from app.kafka.clients import client_settings
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import topics_of
from models.exports import ExportJob, Source
from tests.services import changed, eventually
from tests.sinks.kafka.topics import make_topic
from tests.site.fixtures import client_of, running, serve
from tests.site.owners import ANA, OF_ANA, SHARED_NAME, add_export, bearer, fetch_value, row_of
from tests.workers import commit

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings

CHAT_LOG = {"export_type": "chat_log", "include_metadata": True, "format": "jsonl"}


async def ask(client: httpx.AsyncClient, settings: Settings, survey: str = SHARED_NAME) -> str:
    answer = await client.post("/exports", params={"survey": survey}, json=CHAT_LOG, headers=bearer(settings))
    assert answer.status_code == 201
    export_id: str = answer.json()["id"]
    return export_id


async def jobs_in_kafka(settings: Settings) -> list[tuple[bytes | None, bytes | None]]:
    """Return what the exports topic holds, as keys and values."""
    topic = topics_of(settings.topology).exports.name
    consumer = AIOKafkaConsumer(topic, **client_settings(settings.kafka), auto_offset_reset="earliest")
    async with consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        found: list[tuple[bytes | None, bytes | None]] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(record.key, record.value) for record in records]
    return found


async def ids_in_kafka(settings: Settings) -> Counter[str]:
    return Counter(ExportJob.of(value).export_id.hex for _, value in await jobs_in_kafka(settings))


def hexes(ids: list[str]) -> set[str]:
    return {UUID(one).hex for one in ids}


@pytest.fixture
def _kafka_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no job be sent again, and so doubled, because this machine is slow."""
    monkeypatch.setattr(outbox, "KAFKA_WITHIN_S", 60.0)
    monkeypatch.setattr(outbox, "_BEGIN", outbox._BEGIN.replace("15s", "120s"))


@pytest.mark.usefixtures("_kafka_may_take_its_time")
async def test_a_job_says_what_its_row_says_and_is_keyed_by_it(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await ask(client, system)

    await eventually(lambda: are_published(system, [export]))
    [(key, value)] = await jobs_in_kafka(system)
    assert value is not None
    said: dict[str, Any] = orjson.loads(value)
    assert key == export.encode()
    assert said["export_id"] == export
    assert (said["user"], said["survey"], said["source"]) == (ANA, SHARED_NAME, "chat_log")
    assert said["chat_log_options"] == {"include_metadata": True, "include_raw_payload": False}
    job = ExportJob.of(value)
    assert (job.source, job.options.include_metadata, job.options.format.value) == (
        Source.CHAT_LOG,
        True,
        "jsonl",
    )


@pytest.mark.usefixtures("_kafka_may_take_its_time")
async def test_an_export_that_begins_again_has_its_job_sent_again(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await add_export(system, ANA, status="Failed")

    await client.post(f"/exports/{export}/retry", headers=bearer(system))

    await eventually(lambda: are_published(system, [str(export)]))
    assert await ids_in_kafka(system) == {export.hex: 1}


@pytest.mark.usefixtures("_kafka_may_take_its_time")
async def test_two_processes_send_each_job_once_and_also_what_another_one_left(system: Settings) -> None:
    left = [str(await add_export(system, ANA, published=None)) for _ in range(150)]
    over = await add_export(system, ANA, published=None, status="Failed")
    theirs = await add_export(system, ANA)

    async with running(system) as first, running(system) as second:
        async with client_of(first) as one, client_of(second) as other:
            asked = await asyncio.gather(*(ask(client, system) for client in (one, other) for _ in range(10)))
        await eventually(lambda: are_published(system, [*left, *asked]))

    found = await ids_in_kafka(system)
    assert found.keys() == hexes([*left, *asked])
    assert over.hex not in found, "it is over"
    assert theirs.hex not in found, "who inserts a row otherwise sends its job"
    assert set(found.values()) == {1}


@pytest.mark.usefixtures("_kafka_may_take_its_time")
async def test_a_row_that_no_job_can_be_made_of_fails_and_does_not_hold_up_the_rest(
    client: httpx.AsyncClient, system: Settings
) -> None:
    odd = await add_export(system, ANA, published=None, source="moods")

    asked = await ask(client, system)

    await eventually(lambda: are_published(system, [str(odd), asked]))
    assert (await row_of(system, odd))["status"] == "Failed"
    assert await ids_in_kafka(system) == {UUID(asked).hex: 1}


@pytest.mark.usefixtures("_kafka_may_take_its_time")
async def test_a_row_whose_job_kafka_refuses_fails_and_does_not_hold_up_the_rest(
    system: Settings, kafka: str, kafka_prefix: str
) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-narrow", max_message_bytes="600")
    settings = changed(system, vlab_exports_topic=topic)
    too_large = await add_export(settings, ANA, published=None, survey_id="A long name " * 50)

    async with serve(settings) as client:
        asked = await ask(client, settings)
        await eventually(lambda: are_published(settings, [str(too_large), asked]))

    assert (await row_of(settings, too_large))["status"] == "Failed"
    assert await ids_in_kafka(settings) == {UUID(asked).hex: 1}


async def test_exports_are_taken_while_kafka_is_down_and_their_jobs_follow(
    api_settings: Callable[..., Settings],
    system: Settings,  # the same database, prepared
    dedicated_kafka: EmbeddedKafka,
) -> None:
    settings = api_settings(kafka_bootstrap_servers=dedicated_kafka.bootstrap_servers)
    await ensure_topics(settings.kafka, settings.topology)
    async with serve(settings) as client:
        before = await ask(client, settings)
        await eventually(lambda: are_published(settings, [before]))

        await dedicated_kafka.kill()
        during = [await ask(client, settings, survey) for survey in (SHARED_NAME, OF_ANA)]
        cancelled = await ask(client, settings)
        await eventually(lambda: kafka_is(client, "down"))
        removal = await client.delete(f"/exports/{cancelled}", headers=bearer(settings))
        assert removal.json()["status"] == "Failed", "rows are not locked while Kafka is down"
        assert (await client.get("/health/ready")).status_code == 200
        figures = (await client.get("/metrics")).text
        await eventually(lambda: has_figure(client, "chatlog_api_outbox_pending 2.0"))
        assert "chatlog_api_kafka_up 0.0" in figures
        assert [(await row_of(settings, one))["published"] for one in during] == [None, None]

        await dedicated_kafka.start()
        await eventually(lambda: are_published(settings, during))
        await eventually(lambda: has_figure(client, "chatlog_api_outbox_pending 0.0"))

    found = await ids_in_kafka(settings)
    assert found.keys() == hexes([before, *during])


async def test_a_process_that_starts_while_kafka_is_down_takes_exports(
    api_settings: Callable[..., Settings],
    system: Settings,  # the same database, prepared
) -> None:
    settings = api_settings(kafka_bootstrap_servers="127.0.0.1:9")

    async with serve(settings) as client:
        export = await ask(client, settings)
        await eventually(lambda: kafka_is(client, "down"))

    assert (await row_of(settings, export))["published"] is None


async def test_a_kafka_that_is_frozen_is_told_as_kafka_being_away(
    api_settings: Callable[..., Settings],
    system: Settings,  # the same database, prepared
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(outbox, "KAFKA_WITHIN_S", 0.2)
    async with await asyncio.start_server(say_nothing, "127.0.0.1") as frozen:
        port = frozen.sockets[0].getsockname()[1]
        settings = api_settings(kafka_bootstrap_servers=f"127.0.0.1:{port}")
        async with serve(settings) as client:
            export = await ask(client, settings)
            await eventually(lambda: kafka_is(client, "down"))

    assert (await row_of(settings, export))["published"] is None
    assert "The outbox cannot be read" not in caplog.messages


async def test_jobs_wait_while_it_is_open_which_topic_the_workers_read(
    api_settings: Callable[..., Settings],
    system: Settings,  # the same database, prepared
    dedicated_kafka: EmbeddedKafka,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = api_settings(kafka_bootstrap_servers=dedicated_kafka.bootstrap_servers)
    former = changed(settings, vlab_exports_topic="vlab-exports")
    await ensure_topics(settings.kafka, settings.topology)
    await ensure_topics(former.kafka, former.topology)
    await commit(former, "chatlog-exporter", "vlab-exports")

    async with serve(settings) as client:
        export = await ask(client, settings)
        await eventually(lambda: kafka_is(client, "down"))
    assert (await row_of(settings, export))["published"] is None
    assert "EXPORT_GROUP=chatlog-exporter VLAB_EXPORTS_TOPIC=vlab-exports to go on" in str(
        [vars(record) for record in caplog.records]
    )

    async with serve(former) as client:
        await eventually(lambda: are_published(settings, [export]))
    assert (await ids_in_kafka(former)).keys() == hexes([export])
    assert not await jobs_in_kafka(settings)


async def are_published(settings: Settings, exports: list[str]) -> bool:
    statement = "SELECT bool_and(published IS NOT NULL) FROM export_status WHERE id = ANY ($1)"
    return bool(await fetch_value(settings, statement, [UUID(one) for one in exports]))


async def kafka_is(client: httpx.AsyncClient, state: str) -> bool:
    found: str = (await client.get("/health/ready")).json()["kafka"]
    return found == state


async def has_figure(client: httpx.AsyncClient, line: str) -> bool:
    return line in (await client.get("/metrics")).text


@pytest.mark.usefixtures("_counts_take_their_time")
async def test_the_role_of_the_api_is_all_that_it_needs(system: Settings) -> None:
    url = SecretStr(f"{system.database.require_url()}?role=chatlog_api")
    limited = changed(system, database_url=url)
    headers = bearer(limited)

    async with serve(limited) as client:
        export = await ask(client, limited)
        await eventually(lambda: are_published(system, [export]))
        removed = await client.delete(f"/exports/{export}", headers=headers)
        retried = await client.post(f"/exports/{export}/retry", headers=headers)
        listed = await client.get("/exports/status", headers=headers)
        surveys = await client.get("/surveys", headers=headers)

    assert [answer.status_code for answer in (removed, retried, listed, surveys)] == [200] * 4
    assert all(survey["counts"] is not None for survey in surveys.json())
