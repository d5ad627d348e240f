"""Programs of one's own hand in events: what is accepted is in Kafka, as it came and where it belongs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from app.ingest.bodies import BODY_MAX_BYTES, EVENTS_MAX
from models.access import Caller, CallerRole
from models.partitioners import Partitioner, partition_of
from tests.ingest.bringing import (
    PROGRAM,
    figure,
    hand_in,
    in_kafka,
    line_of,
    said,
    values_in_kafka,
)
from tests.services import changed
from tests.sinks.kafka.topics import make_topic
from tests.site.fixtures import serve
from tests.site.served import served

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

EVENT = json.dumps(said("ana", "Hello"), indent=1)
LINES = "\r\n".join(line_of(f"line {number}", number) for number in range(3)) + "\r\n"


async def test_an_event_is_in_kafka_as_it_came_once_it_is_accepted(
    client: httpx.AsyncClient, system: Settings
) -> None:
    answer = await hand_in(client, system, EVENT)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    [record] = await in_kafka(system)
    assert (record.key, record.value) == (b"ana", EVENT.encode())
    assert await figure(client, "chatlog_api_ingest_events_total", entrance="api", platform="messenger") == 1


async def test_each_event_is_where_the_topics_own_partitioner_puts_its_channel(
    client: httpx.AsyncClient, system: Settings
) -> None:
    people = [f"person {number}" for number in range(20)]
    events = [said(person, "Hello") for person in people]

    answer = await hand_in(client, system, json.dumps(events))

    assert answer.json() == {"accepted": 20}
    found = {record.key.decode(): record.partition for record in await in_kafka(system) if record.key}
    partitions = system.topology.topic_partitions
    assert found == {
        person: partition_of(Partitioner.MURMUR2, person.encode(), partitions) for person in people
    }
    assert len(set(found.values())) > 1


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "Application/X-NDJSON; charset=utf-8"])
async def test_of_many_events_those_of_a_channel_stay_in_order(
    client: httpx.AsyncClient, system: Settings, content_type: str
) -> None:
    rooms = ["1", "2", "3"]
    events = [
        json.dumps({"t": "MESSAGE_CREATE", "op": 0, "d": {"id": str(number), "channel_id": room}})
        for number in range(200)
        for room in rooms
    ]

    answer = await hand_in(client, system, "\n".join(events), platform="discord", content_type=content_type)

    assert answer.json() == {"accepted": 600}
    found = await in_kafka(system, "discord")
    for room in rooms:
        ids = [json.loads(record.value)["d"]["id"] for record in found if record.key == room.encode()]
        assert ids == [str(number) for number in range(200)]


async def test_lines_of_irc_are_handed_in_as_they_are(client: httpx.AsyncClient, system: Settings) -> None:
    answer = await hand_in(client, system, LINES, platform="twitch", content_type="text/plain; charset=utf-8")

    assert answer.json() == {"accepted": 3}
    assert await values_in_kafka(system, "twitch") == [line.encode() for line in LINES.splitlines()]


async def test_what_comes_again_is_there_again_letter_for_letter(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for _ in range(2):
        assert (await hand_in(client, system, EVENT)).status_code == 202

    assert await values_in_kafka(system) == [EVENT.encode()] * 2, "the same event is one row"


async def test_if_one_event_cannot_be_read_none_is_taken_and_its_place_is_told(
    client: httpx.AsyncClient, system: Settings
) -> None:
    secret = "what somebody said"
    events = [said("ana", "Hello"), {"message": {"text": secret}, "timestamp": 1}, said("ben", "Hello")]

    answer = await hand_in(client, system, json.dumps({"events": events}))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body.1"]
    assert "sender.id" in answer.json()["detail"]
    assert secret not in answer.text
    assert await values_in_kafka(system) == []


@pytest.mark.parametrize(
    ("platform", "content_type", "body", "status", "said_in_answer"),
    [
        ("myspace", "application/json", EVENT, 404, "messenger"),
        ("vrchat" * 11, "application/json", EVENT, 422, "path.platform"),
        ("messenger", "application/json", "", 422, "no event"),
        ("messenger", "application/json", "[]", 422, "no event"),
        ("messenger", "application/json", "Hello", 422, "body.0"),
        ("messenger", "text/plain", "\n \n", 422, "no event"),
        ("messenger", "application/x-www-form-urlencoded", EVENT, 415, "application/x-ndjson"),
        ("messenger", "", EVENT, 415, "application/json"),
        ("twitch", "text/plain", f"{LINES}no line of IRC at all", 422, "body.3"),
        ("messenger", "application/json", json.dumps([said("a", "b")] * (EVENTS_MAX + 1)), 413, "1000"),
        ("messenger", "application/json", " " * (BODY_MAX_BYTES + 1), 413, str(BODY_MAX_BYTES)),
    ],
)
async def test_what_cannot_be_taken_is_told_as_a_problem(
    client: httpx.AsyncClient,
    system: Settings,
    platform: str,
    content_type: str,
    body: str,
    status: int,
    said_in_answer: str,
) -> None:
    answer = await hand_in(client, system, body, platform=platform, content_type=content_type)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said_in_answer in answer.json()["detail"]
    assert await values_in_kafka(system) == []


async def test_the_largest_body_is_taken(client: httpx.AsyncClient, system: Settings) -> None:
    line = line_of("x" * (BODY_MAX_BYTES // 5))
    body = "\n".join([line] * 4)

    answer = await hand_in(client, system, body, platform="twitch", content_type="text/plain")

    assert answer.json() == {"accepted": 4}
    assert await values_in_kafka(system, "twitch") == [line.encode()] * 4


async def test_bodies_of_other_routes_stay_small(client: httpx.AsyncClient, system: Settings) -> None:
    answer = await client.post("/exports", content=b"x" * 70_000)

    assert answer.status_code == 413


async def test_a_platform_that_is_not_captured_takes_nothing(system: Settings) -> None:
    async with serve(changed(system, platforms=("discord",))) as client:
        answer = await hand_in(client, system, LINES, platform="twitch", content_type="text/plain")

    assert answer.status_code == 404
    assert "PLATFORMS" in answer.json()["detail"]


async def test_an_event_that_the_topic_finds_too_large_is_told_by_its_place(
    system: Settings, kafka: str, kafka_prefix: str
) -> None:
    narrow = await make_topic(kafka, f"{kafka_prefix}-narrow", max_message_bytes="2000")
    settings = changed(system, vlab_chat_events_topic=narrow)
    events = [said("ana", "Hello"), said("ana", "long " * 1000), said("ana", "Bye")]
    async with serve(settings) as client:
        answer = await hand_in(client, settings, json.dumps(events))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body.1"]
    assert [json.loads(value or b"") for value in await values_in_kafka(settings)] == [events[0], events[2]]


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (PROGRAM, 202),
        (Caller("admin@example.org", roles=frozenset({CallerRole.ADMIN})), 202),
        (Caller("ana@example.org"), 403),
        (Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR, CallerRole.MODERATOR})), 403),
        (Caller("bot@example.org", "acme", PROGRAM.roles), 403),
        (Caller("bot@example.org", roles=PROGRAM.roles, scope=frozenset({"platform:messenger"})), 202),
        (Caller("bot@example.org", roles=PROGRAM.roles, scope=frozenset({"platform:twitch"})), 403),
    ],
)
async def test_who_may_hand_in_events(
    client: httpx.AsyncClient, system: Settings, caller: Caller, status: int
) -> None:
    assert (await hand_in(client, system, EVENT, caller=caller)).status_code == status
    assert len(await values_in_kafka(system)) == (status == 202)


async def test_without_a_token_nothing_is_taken(client: httpx.AsyncClient, system: Settings) -> None:
    answer = await client.post("/v1/events/messenger", content=EVENT)

    assert answer.status_code == 401
    assert await values_in_kafka(system) == []


async def test_what_was_accepted_survives_the_death_of_the_process(system: Settings, tmp_path: Path) -> None:
    async with served(system, tmp_path) as api, httpx.AsyncClient(base_url=api.url) as client:
        answer = await hand_in(client, system, EVENT)
        api.make_sure_it_is_gone()  # kill -9

    assert answer.status_code == 202
    assert await values_in_kafka(system) == [EVENT.encode()]
    assert "Hello" not in api.said


async def test_what_many_bring_at_once_goes_together_and_each_is_told_of_their_own(
    client: httpx.AsyncClient, system: Settings
) -> None:
    people = [f"person {number % 3}" for number in range(60)]
    bodies = [json.dumps([said(person, "Hello", number)]) for number, person in enumerate(people)]

    answers = await asyncio.gather(*(hand_in(client, system, body) for body in bodies))

    assert [answer.status_code for answer in answers] == [202] * 60
    assert sorted(await values_in_kafka(system), key=str) == sorted(
        (json.dumps(said(person, "Hello", number)).encode() for number, person in enumerate(people)), key=str
    )
