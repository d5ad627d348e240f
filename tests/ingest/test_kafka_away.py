"""Kafka is away: nobody is told that events are taken, nobody waits long, and what comes again is taken."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.ingest.intake import KAFKA_WITHIN_S
from app.kafka.topic_admin import ensure_topics
from sinks.kafka.delivery import END_S
from tests.faults.freezing import frozen
from tests.ingest.bringing import (
    PROGRAM,
    answered,
    envelope_of,
    figure,
    hand_in,
    notification,
    said,
    signed_by_meta,
    signed_by_twitch,
    values_in_kafka,
)
from tests.services import eventually
from tests.site.fixtures import serve
from tests.site.owners import bearer

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings

HELLO = said("ana", "Hello")
ENVELOPE, DELIVERY = envelope_of(said("ben", "Hi")), notification("Hey")
#: What is waited for Kafka, to end a connection that was not made, and for a machine that does much else.
ANSWERS_WITHIN_S = KAFKA_WITHIN_S + END_S + 4.0


@pytest.fixture
async def own_system(
    taking: Callable[..., Settings],
    dedicated_kafka: EmbeddedKafka,
) -> Settings:
    """A system on a Kafka that may be stopped."""
    settings = taking(kafka_bootstrap_servers=dedicated_kafka.bootstrap_servers)
    await ensure_topics(settings.kafka, settings.topology)
    return settings


def requests(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return one of each kind, by its path."""
    headers = bearer(settings, PROGRAM) | {"Content-Type": "application/json"}
    return {
        "/v1/events/messenger": {"content": json.dumps(HELLO), "headers": headers},
        "/webhooks/meta": {"content": ENVELOPE, "headers": signed_by_meta(ENVELOPE)},
        "/webhooks/twitch": {"content": DELIVERY, "headers": signed_by_twitch(DELIVERY)},
    }


async def test_whoever_brings_events_is_told_to_come_again_and_then_they_are_taken(
    own_system: Settings, dedicated_kafka: EmbeddedKafka, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serve(own_system) as client:
        assert (await hand_in(client, own_system, json.dumps(said("ana", "First", 0)))).status_code == 202
        await dedicated_kafka.stop()
        for path, request in requests(own_system).items():
            since = time.monotonic()
            answer = await client.post(path, **request)
            assert time.monotonic() - since < ANSWERS_WITHIN_S
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
            assert answer.headers["content-type"] == "application/problem+json"
        lost = await figure(
            client, "chatlog_api_ingest_events_not_taken_total", entrance="twitch", platform="twitch"
        )
        assert lost == 1

        await dedicated_kafka.start()
        for path, request in requests(own_system).items():
            status = {"/v1/events/messenger": 202, "/webhooks/meta": 200, "/webhooks/twitch": 204}[path]
            await answered(client, status, path, **request)

    texts = {json.loads(value or b"")["message"]["text"] for value in await values_in_kafka(own_system)}
    assert texts == {"First", "Hello", "Hi"}
    assert await values_in_kafka(own_system, "twitch"), "its id was not remembered while Kafka had it not"
    told = [record.message for record in caplog.records if "brought by HTTP" in record.message]
    assert told[-1] == "Events that are brought by HTTP reach Kafka again"


async def test_a_broker_that_hangs_holds_nobody_up(
    own_system: Settings, dedicated_kafka: EmbeddedKafka
) -> None:
    async with serve(own_system) as client:
        assert (await hand_in(client, own_system, json.dumps(said("ana", "First", 0)))).status_code == 202
        with frozen(dedicated_kafka.pid):
            since = time.monotonic()
            answers = await asyncio.gather(
                *(hand_in(client, own_system, json.dumps(said("ana", "Hello", n))) for n in range(1, 21))
            )
            assert time.monotonic() - since < ANSWERS_WITHIN_S
        assert {answer.status_code for answer in answers} == {503}

        async def is_taken() -> bool:
            return (await hand_in(client, own_system, json.dumps(said("ana", "Last", 99)))).status_code == 202

        await eventually(is_taken)

    values = [json.loads(value or b"") for value in await values_in_kafka(own_system)]
    assert values[0] == said("ana", "First", 0)
    assert said("ana", "Last", 99) in values


async def test_what_was_accepted_while_a_broker_died_is_there(
    own_system: Settings, dedicated_kafka: EmbeddedKafka
) -> None:
    accepted: list[int] = []
    refused: list[int] = []
    is_over = asyncio.Event()

    async def bring(client: httpx.AsyncClient, numbers: range) -> None:
        for number in numbers:
            answer = await hand_in(client, own_system, json.dumps(said(f"person {number}", "Hello", number)))
            (accepted if answer.status_code == 202 else refused).append(number)
            if is_over.is_set():
                return

    async with serve(own_system) as client:
        at_work = [asyncio.create_task(bring(client, range(first, 1_000_000, 8))) for first in range(8)]
        await eventually(lambda: len(accepted) > 100)
        await dedicated_kafka.kill()
        await eventually(lambda: refused)
        before = len(accepted)
        await dedicated_kafka.start()
        await eventually(lambda: len(accepted) > before + 100)
        is_over.set()
        await asyncio.gather(*at_work)

    found = {json.loads(value or b"")["sender"]["id"] for value in await values_in_kafka(own_system)}
    assert {f"person {number}" for number in accepted} <= found


async def test_an_application_that_starts_without_kafka_answers(taking: Callable[..., Settings]) -> None:
    settings = taking(kafka_bootstrap_servers="127.0.0.1:9")
    async with serve(settings) as client:
        answer = await hand_in(client, settings, json.dumps(HELLO))

    assert answer.status_code == 503
