"""Twitch's webhook: who is believed, what is answered, and what of a delivery Kafka has then."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.ingest.twitch import SeenIds
from models.messages import Message
from models.platforms import PLATFORMS
from tests.ingest.bringing import (
    TWITCH_SECRET,
    figure,
    in_kafka,
    notification,
    signed_by_twitch,
    values_in_kafka,
    without,
)
from tests.services import changed
from tests.site.fixtures import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from app.settings import Settings

PATH = "/webhooks/twitch"
BODY = notification("Hello")
SIGNATURE = "Twitch-Eventsub-Message-Signature"


async def test_twitch_hears_its_challenge(client: httpx.AsyncClient) -> None:
    body = json.dumps({"challenge": "pogchamp-kappa-360noscope-vohiyo", "subscription": {"id": "1"}}).encode()
    headers = signed_by_twitch(body, message_type="webhook_callback_verification")

    answer = await client.post(PATH, content=body, headers=headers)

    assert (answer.status_code, answer.text) == (200, "pogchamp-kappa-360noscope-vohiyo")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_delivery_is_a_record_that_its_platform_reads_keyed_by_its_room(
    client: httpx.AsyncClient, system: Settings
) -> None:
    headers = signed_by_twitch(BODY)

    answer = await client.post(PATH, content=BODY, headers=headers)

    assert (answer.status_code, answer.content) == (204, b"")
    [record] = await in_kafka(system, "twitch")
    assert record.key == b"1337"
    told = json.loads(record.value)
    assert told["body"] == json.loads(BODY)
    assert BODY in record.value, "as it came"
    assert told["headers"] == {
        name: headers[name]
        for name in (
            "Twitch-Eventsub-Message-Id",
            "Twitch-Eventsub-Message-Retry",
            "Twitch-Eventsub-Message-Type",
            "Twitch-Eventsub-Message-Timestamp",
        )
    }
    [found] = PLATFORMS["twitch"].extract(record.value).found
    assert isinstance(found, Message)
    assert (found.content, found.channel) == ("Hello", "1337")


async def test_the_deliveries_of_a_room_stay_in_order(client: httpx.AsyncClient, system: Settings) -> None:
    bodies = [notification(f"line {number}", number) for number in range(5)]
    for number, body in enumerate(bodies):
        headers = signed_by_twitch(body, message_id=f"d-{number}")
        assert (await client.post(PATH, content=body, headers=headers)).status_code == 204

    found = await values_in_kafka(system, "twitch")
    assert [json.loads(value or b"")["body"] for value in found] == [json.loads(body) for body in bodies]


async def test_a_notification_of_no_room_is_kept_too(client: httpx.AsyncClient, system: Settings) -> None:
    body = b'{"subscription": {"type": "user.update"}, "event": {"user_id": "7"}}'

    assert (await client.post(PATH, content=body, headers=signed_by_twitch(body))).status_code == 204
    assert [record.key for record in await in_kafka(system, "twitch")] == [None]


async def test_a_delivery_that_is_repeated_is_taken_once(client: httpx.AsyncClient, system: Settings) -> None:
    headers = signed_by_twitch(BODY)
    answers = [await client.post(PATH, content=BODY, headers=headers) for _ in range(3)]
    later = signed_by_twitch(BODY, age=timedelta(minutes=-1))
    answers.append(await client.post(PATH, content=BODY, headers=later))

    assert [answer.status_code for answer in answers] == [204] * 4
    assert len(await values_in_kafka(system, "twitch")) == 1
    assert await figure(client, "chatlog_api_ingest_ignored_total", entrance="twitch", kind="repeated") == 3


async def test_a_message_in_another_delivery_is_taken_again_as_it_is_the_same_message(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for message_id in ("d-1", "d-2"):
        headers = signed_by_twitch(BODY, message_id=message_id)
        assert (await client.post(PATH, content=BODY, headers=headers)).status_code == 204

    extracts = [PLATFORMS["twitch"].extract(value) for value in await values_in_kafka(system, "twitch")]
    assert len({item.source_id for each in extracts for item in each.found if isinstance(item, Message)}) == 1
    assert len(extracts) == 2


@pytest.mark.parametrize("minutes", [9, 11, 29, -60])
async def test_a_true_delivery_that_is_late_is_taken(
    client: httpx.AsyncClient, system: Settings, minutes: int
) -> None:
    headers = signed_by_twitch(BODY, age=timedelta(minutes=minutes))

    assert (await client.post(PATH, content=BODY, headers=headers)).status_code == 204
    assert len(await values_in_kafka(system, "twitch")) == 1


async def test_a_delivery_that_was_sent_long_ago_is_refused(
    client: httpx.AsyncClient, system: Settings
) -> None:
    headers = signed_by_twitch(BODY, age=timedelta(minutes=31))

    answer = await client.post(PATH, content=BODY, headers=headers)

    assert answer.status_code == 403
    assert await values_in_kafka(system, "twitch") == []
    assert await figure(client, "chatlog_api_ingest_refused_total", entrance="twitch", reason="too_old") == 1


SIGNED = signed_by_twitch(BODY)
#: What somebody tries who does not have the secret, by headers and body.
ATTACKS: dict[str, tuple[Mapping[str, str], bytes]] = {
    "no signature": (without(SIGNED, SIGNATURE), BODY),
    "an empty one": (SIGNED | {SIGNATURE: ""}, BODY),
    "another body": (SIGNED, BODY.replace(b"Hello", b"Hallo")),
    "no body": (SIGNED, b""),
    "a shorter body": (SIGNED, BODY[:-1]),
    "another secret": (signed_by_twitch(BODY, secret="a secret of somebody's"), BODY),
    "another id": (SIGNED | {"Twitch-Eventsub-Message-Id": "d-2"}, BODY),
    "no id": (without(SIGNED, "Twitch-Eventsub-Message-Id"), BODY),
    "another time": (SIGNED | {"Twitch-Eventsub-Message-Timestamp": "2026-01-01T00:00:00Z"}, BODY),
    "no time": (without(SIGNED, "Twitch-Eventsub-Message-Timestamp"), BODY),
    "a truncated one": (SIGNED | {SIGNATURE: SIGNED[SIGNATURE][:-1]}, BODY),
    "without its scheme": (SIGNED | {SIGNATURE: SIGNED[SIGNATURE].removeprefix("sha256=")}, BODY),
    "no ASCII": (SIGNED | {SIGNATURE: "sha256=é"}, BODY),
    "a challenge": (SIGNED | {"Twitch-Eventsub-Message-Type": "webhook_callback_verification"}, b"{}"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_twitch_has_not_signed_is_refused(
    client: httpx.AsyncClient, system: Settings, attack: str
) -> None:
    headers, body = ATTACKS[attack]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    answer = await client.post(PATH, content=body, headers=encoded)

    assert answer.status_code == 403
    assert TWITCH_SECRET not in answer.text
    assert await values_in_kafka(system, "twitch") == []
    assert (
        await figure(client, "chatlog_api_ingest_refused_total", entrance="twitch", reason="signature") == 1
    )


async def test_the_names_of_headers_are_written_as_one_likes(
    client: httpx.AsyncClient, system: Settings
) -> None:
    headers = {name.lower(): value for name, value in signed_by_twitch(BODY).items()}

    assert (await client.post(PATH, content=BODY, headers=headers)).status_code == 204
    [value] = await values_in_kafka(system, "twitch")
    assert json.loads(value or b"")["headers"].keys() >= {"Twitch-Eventsub-Message-Id"}


async def test_the_end_of_a_subscription_is_told_to_whoever_runs_this(
    client: httpx.AsyncClient, system: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    subscription = {"id": "f1c2", "type": "channel.chat.message", "status": "authorization_revoked"}
    body = json.dumps({"subscription": subscription}).encode()

    answer = await client.post(PATH, content=body, headers=signed_by_twitch(body, message_type="revocation"))

    assert answer.status_code == 204
    assert await figure(client, "chatlog_api_ingest_revocations_total") == 1
    [told] = [record for record in caplog.records if "ended a subscription" in record.message]
    assert (told.__dict__["subscription"], told.__dict__["status"]) == ("f1c2", "authorization_revoked")
    assert await values_in_kafka(system, "twitch") == []


async def test_a_type_that_is_not_known_is_counted(client: httpx.AsyncClient, system: Settings) -> None:
    headers = signed_by_twitch(BODY, message_type="hug")

    assert (await client.post(PATH, content=BODY, headers=headers)).status_code == 204
    assert (
        await figure(client, "chatlog_api_ingest_ignored_total", entrance="twitch", kind="unknown_type") == 1
    )
    assert await values_in_kafka(system, "twitch") == []


@pytest.mark.parametrize("body", [b"{}", b'{"challenge": 1}', b'{"challenge": "\\ud800"}', b"no JSON"])
async def test_a_challenge_that_is_none_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    headers = signed_by_twitch(body, message_type="webhook_callback_verification")

    assert (await client.post(PATH, content=body, headers=headers)).status_code == 422


async def test_while_it_is_not_set_up_there_is_no_webhook(system: Settings) -> None:
    for otherwise in ({"twitch_eventsub_secret": None}, {"platforms": ("discord",)}):
        async with serve(changed(system, **otherwise)) as client:
            assert (await client.post(PATH, content=BODY, headers=signed_by_twitch(BODY))).status_code == 404


def test_ids_are_remembered_for_a_while_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("app.ingest.twitch.time.monotonic", lambda: now)
    seen = SeenIds(kept_s=10.0, at_most=3)
    for message_id in ("a", "b", "", "a"):
        seen.add(message_id)
    assert [one in seen for one in ("a", "b", "")] == [True, True, False]

    seen.add("c")
    seen.add("d")
    assert [one in seen for one in ("a", "b", "c", "d")] == [True, False, True, True], "b is the oldest"

    now = 10.0
    assert not any(one in seen for one in ("a", "c", "d"))
