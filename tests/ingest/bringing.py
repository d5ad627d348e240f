"""Events as they are brought, by programs and by platforms, and what Kafka has of them then."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from app.kafka.topics import events_topics
from models.access import Caller, CallerRole
from tests.services import eventually
from tests.sinks.kafka.topics import all_records_in
from tests.site.owners import bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from aiokafka import ConsumerRecord

    from app.settings import Settings

VERIFY_TOKEN, APP_SECRET = "a verify token", "0123456789abcdef0123456789abcdef"
TWITCH_SECRET = "a secret of Twitch's"
PROGRAM = Caller("bot@example.org", roles=frozenset({CallerRole.SERVICE}))
#: Twitch's id of the room in which all is said here, if nothing else is told.
ROOM = "1337"


def said(person: str, text: str, number: int = 1) -> dict[str, Any]:
    """Return an event of Messenger's: a person says something."""
    return {
        "sender": {"id": person},
        "recipient": {"id": "page"},
        "timestamp": 1767305220000 + number,
        "message": {"mid": f"m_{person}_{number}", "text": text},
    }


def line_of(text: str, number: int = 1, room: str = ROOM) -> str:
    """Return a line of Twitch's chat."""
    return (
        f"@id=00000000-0000-4000-8000-{number:012};room-id={room};tmi-sent-ts={1767305220000 + number};"
        f"user-id=7;display-name=Ana :ana!ana@ana.tmi.twitch.tv PRIVMSG #lumen :{text}"
    )


def envelope_of(*events: object, of: object = "page", standby: object = ()) -> bytes:
    """Return what Meta sends of these events."""
    entry: dict[str, object] = {"id": "page", "time": 1767305220700}
    if events:
        entry["messaging"] = events
    if standby:
        entry["standby"] = standby
    return json.dumps({"object": of, "entry": [entry]}).encode()


def signed_by_meta(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """Return the headers of a request of Meta's."""
    signature = hmac.new(secret.encode(), body, sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}


def notification(text: str, number: int = 1, room: str = ROOM) -> bytes:
    """Return the body of a delivery of EventSub: somebody says something in a room."""
    subscription = {"id": "f1c2a387", "type": "channel.chat.message", "version": "1", "status": "enabled"}
    event = {
        "broadcaster_user_id": room,
        "chatter_user_id": "7",
        "message_id": f"00000000-0000-4000-8000-{number:012}",
        "message": {"text": text, "fragments": []},
    }
    return json.dumps({"subscription": subscription, "event": event}).encode()


def signed_by_twitch(
    body: bytes,
    *,
    message_id: str = "d-1",
    message_type: str = "notification",
    age: timedelta = timedelta(),
    secret: str = TWITCH_SECRET,
) -> dict[str, str]:
    """Return the headers of a request of Twitch's, sent so long ago."""
    sent = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"
    signature = hmac.new(secret.encode(), f"{message_id}{sent}".encode() + body, sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Twitch-Eventsub-Message-Id": message_id,
        "Twitch-Eventsub-Message-Retry": "0",
        "Twitch-Eventsub-Message-Type": message_type,
        "Twitch-Eventsub-Message-Timestamp": sent,
        "Twitch-Eventsub-Message-Signature": f"sha256={signature}",
        "Twitch-Eventsub-Subscription-Type": "channel.chat.message",
        "Twitch-Eventsub-Subscription-Version": "1",
    }


async def hand_in(
    client: httpx.AsyncClient,
    settings: Settings,
    content: bytes | str,
    *,
    platform: str = "messenger",
    content_type: str = "application/json",
    caller: Caller = PROGRAM,
) -> httpx.Response:
    """Hand in a body as a program does."""
    headers = bearer(settings, caller) | {"Content-Type": content_type}
    return await client.post(f"/v1/events/{platform}", content=content, headers=headers)


async def in_kafka(settings: Settings, platform: str = "messenger") -> list[ConsumerRecord]:
    """Return what the platform's topic holds, in order within each partition."""
    (server,) = settings.kafka.require_servers()
    return await all_records_in(server, events_topics(settings.topology)[platform])


async def values_in_kafka(settings: Settings, platform: str = "messenger") -> list[bytes | None]:
    """Return the values of that."""
    return [record.value for record in await in_kafka(settings, platform)]


async def figure(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    """Return a figure of the API; 0 if it is not there."""
    told = "".join(f'{key}="{value}",' for key, value in sorted(labels.items())).rstrip(",")
    wanted = f"{name}{{{told}}} " if told else f"{name} "
    lines: list[str] = (await client.get("/metrics")).text.splitlines()
    return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), 0.0)


async def answered(client: httpx.AsyncClient, status: int, path: str, **request: Any) -> httpx.Response:
    """Ask the same again until it is answered so, as platforms do."""

    async def once() -> httpx.Response | None:
        answer = await client.post(path, **request)
        return answer if answer.status_code == status else None

    found = await eventually(once, what=f"{path} answers {status}")
    assert found is not None
    return found


def without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    """Return headers without one."""
    assert name in headers
    return {key: value for key, value in headers.items() if key != name}
