"""Meta's webhook: who is believed, and how envelopes become events of the topic that capture reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.ingest.bringing import (
    APP_SECRET,
    VERIFY_TOKEN,
    envelope_of,
    figure,
    in_kafka,
    said,
    signed_by_meta,
    values_in_kafka,
    without,
)
from tests.services import changed
from tests.site.fixtures import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from app.settings import Settings

PATH = "/webhooks/meta"
BODY = envelope_of(said("ana", "Hello"))
SIGNED = signed_by_meta(BODY)
SIGNATURE = SIGNED["X-Hub-Signature-256"]
ASKED = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}


async def test_whoever_knows_the_verify_token_hears_the_challenge(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get(PATH, params=ASKED)

    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("otherwise", "status"),
    [
        ({"hub.verify_token": "another"}, 403),
        ({"hub.verify_token": ""}, 403),
        ({"hub.verify_token": VERIFY_TOKEN[:-1]}, 403),
        ({"hub.mode": "unsubscribe"}, 403),
        ({"hub.challenge": "<script>\n"}, 422),
        ({"hub.challenge": ""}, 422),
    ],
)
async def test_nobody_else_hears_it(
    client: httpx.AsyncClient, otherwise: dict[str, str], status: int
) -> None:
    answer = await client.get(PATH, params=ASKED | otherwise)

    assert answer.status_code == status
    assert "1158201444" not in answer.text
    assert VERIFY_TOKEN not in answer.text


async def test_each_event_of_an_envelope_is_a_record_of_its_person(
    client: httpx.AsyncClient, system: Settings
) -> None:
    events = [said("ana", "Hello", 1), said("ben", "Hi", 2), said("ana", "half \ud83d 🎈", 3)]
    echo = said("page", "Welcome", 4) | {"recipient": {"id": "ben"}}
    echo["message"]["is_echo"] = True
    body = envelope_of(*events, standby=[echo])

    answer = await client.post(PATH, content=body, headers=signed_by_meta(body))

    assert answer.status_code == 200
    by_person: dict[bytes | None, list[object]] = {}
    for record in await in_kafka(system):
        by_person.setdefault(record.key, []).append(record.value)
    assert by_person == {
        b"ana": [json.dumps(events[0]).encode(), json.dumps(events[2]).encode()],
        b"ben": [json.dumps(events[1]).encode(), json.dumps(echo).encode()],
    }
    assert await figure(client, "chatlog_api_ingest_events_total", entrance="meta", platform="messenger") == 4


async def test_what_a_page_has_beside_conversations_is_counted_and_left(
    client: httpx.AsyncClient, system: Settings
) -> None:
    changes = [{"field": "feed", "value": {"item": "comment"}}] * 2
    entries = [{"id": "p", "changes": changes}, {"id": "p"}, {"id": "p", "messaging": [said("ana", "Hello")]}]
    body = json.dumps({"object": "page", "entry": entries}).encode()

    answer = await client.post(PATH, content=body, headers=signed_by_meta(body))

    assert answer.status_code == 200
    assert await values_in_kafka(system) == [json.dumps(said("ana", "Hello")).encode()]
    assert await figure(client, "chatlog_api_ingest_ignored_total", entrance="meta", kind="changes") == 2
    assert await figure(client, "chatlog_api_ingest_ignored_total", entrance="meta", kind="other") == 1


#: What somebody tries who does not have the secret, by headers and body.
ATTACKS: dict[str, tuple[Mapping[str, str], bytes]] = {
    "no signature": (without(SIGNED, "X-Hub-Signature-256"), BODY),
    "an empty one": ({"X-Hub-Signature-256": ""}, BODY),
    "no value": ({"X-Hub-Signature-256": "sha256="}, BODY),
    "another body": (SIGNED, BODY.replace(b"Hello", b"Hallo")),
    "a longer body": (SIGNED, BODY + b" "),
    "a shorter body": (SIGNED, BODY[:-1]),
    "no body": (SIGNED, b""),
    "another secret": (signed_by_meta(BODY, "another secret"), BODY),
    "an empty secret": (signed_by_meta(BODY, ""), BODY),
    "a truncated one": ({"X-Hub-Signature-256": SIGNATURE[:-1]}, BODY),
    "one letter more": ({"X-Hub-Signature-256": SIGNATURE + "0"}, BODY),
    "without its scheme": ({"X-Hub-Signature-256": SIGNATURE.removeprefix("sha256=")}, BODY),
    "another scheme": ({"X-Hub-Signature-256": SIGNATURE.replace("sha256", "sha1")}, BODY),
    "in the header of SHA-1": ({"X-Hub-Signature": SIGNATURE}, BODY),
    "in capitals": ({"X-Hub-Signature-256": SIGNATURE.upper()}, BODY),
    "no ASCII": ({"X-Hub-Signature-256": "sha256=é"}, BODY),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_meta_has_not_signed_is_refused(
    client: httpx.AsyncClient, system: Settings, attack: str
) -> None:
    headers, body = ATTACKS[attack]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    answer = await client.post(PATH, content=body, headers=encoded)

    assert answer.status_code == 403
    assert APP_SECRET not in answer.text
    assert await values_in_kafka(system) == []
    assert await figure(client, "chatlog_api_ingest_refused_total", entrance="meta", reason="signature") == 1


async def test_the_names_of_headers_are_written_as_one_likes(
    client: httpx.AsyncClient, system: Settings
) -> None:
    headers = {name.swapcase(): value for name, value in SIGNED.items()}

    assert (await client.post(PATH, content=BODY, headers=headers)).status_code == 200
    assert len(await values_in_kafka(system)) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (envelope_of(said("ana", "Hello"), of="instagram"), "not_a_page"),
        (envelope_of(said("ana", "Hello"), of=1), "not_a_page"),
        (b'{"entry": []}', "not_a_page"),
        (b'{"object": "page"}', "unreadable"),
        (b'{"object": "page", "entry": {}}', "unreadable"),
        (b"[]", "unreadable"),
        (b"\xff", "unreadable"),
    ],
)
async def test_what_is_no_envelope_of_a_page_is_refused_even_if_it_is_signed(
    client: httpx.AsyncClient, system: Settings, body: bytes, reason: str
) -> None:
    answer = await client.post(PATH, content=body, headers=signed_by_meta(body))

    assert answer.status_code == 422
    assert await values_in_kafka(system) == []
    assert await figure(client, "chatlog_api_ingest_refused_total", entrance="meta", reason=reason) == 1


async def test_while_it_is_not_set_up_there_is_no_webhook(system: Settings) -> None:
    async with serve(changed(system, meta_app_secret=None, meta_verify_token=None)) as client:
        asked = await client.get(PATH, params=ASKED)
        sent = await client.post(PATH, content=BODY, headers=SIGNED)

    assert (asked.status_code, sent.status_code) == (404, 404)
    assert "META_APP_SECRET" in sent.json()["detail"]
