"""Programs log turns: what is answered for is in Kafka, with ids that are known beforehand, or nothing is."""

from __future__ import annotations

import json
import math
import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from app.settings.turns import AddressKept
from app.turns.api import BODY_MAX_BYTES
from models.access import Caller, CallerRole
from models.decoding import decode_object
from models.ids import conversation_key, message_id
from tests.ingest.bringing import figure
from tests.services import changed
from tests.site.fixtures import serve
from tests.site.owners import bearer
from tests.turns.logging import SAID, Program, caller_of, events_in_kafka

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

ASKED, ASKED_MS = "2026-03-02T12:20:00.000Z", 1_772_454_000_000
SECRET = "what somebody said"


async def test_a_turn_is_in_kafka_once_it_is_accepted_and_its_ids_are_known(
    program: Program, client: httpx.AsyncClient, system: Settings
) -> None:
    taken = await program.say(
        turn_id="t1", timestamp=ASKED, user_id="cust-1", mood="worried", model="m", metadata={"locale": "en"}
    )

    assert taken == {
        "logged": True,
        "session_id": "s1",
        "conversation_id": conversation_key("assistant", "shop:s1", "shop:s1"),
        "turn_id": "t1",
        "timestamp": "2026-03-02T12:20:00Z",
        "user_message_id": message_id("assistant", "shop:s1/t1:user", ASKED_MS),
        "ai_response_id": message_id("assistant", "shop:s1/t1:assistant", ASKED_MS + 900),
    }
    [event] = await events_in_kafka(system)
    assert event.pop("user_agent").startswith("python-httpx/")
    assert event == SAID | {
        "turn_id": "shop:s1/t1",
        "session_id": "shop:s1",
        "timestamp": ASKED_MS,
        "user_id": "cust-1",
        "mood": "worried",
        "model": "m",
        "app": "shop",
        "metadata": {"locale": "en", "turn_id": "t1"},
    }
    assert (
        await figure(client, "chatlog_api_ingest_events_total", entrance="turns", platform="assistant") == 1
    )


async def test_the_same_turn_told_again_has_the_same_ids(program: Program) -> None:
    first = await program.say(turn_id="t1")
    again = await program.say(turn_id="t1")
    by_key = (await program.post("/s1/turns", SAID, **{"Idempotency-Key": "t1"})).json()
    other_session = await program.say("s2", turn_id="t1")
    other_turn = await program.say()

    assert first == again == by_key
    assert len({one["ai_response_id"] for one in (first, other_session, other_turn)}) == 3


async def test_apis_that_share_a_redis_know_each_others_turns(system: Settings, redis: Any) -> None:
    settings = changed(system, redis_url=SecretStr(redis.url))
    async with serve(settings) as here, serve(settings) as there:
        first = await Program(here, system, "app:shop").say(turn_id="t1")
        again = await Program(there, system, "app:shop").say(turn_id="t1")
        await redis.kill()
        without = await Program(there, system, "app:shop").say(turn_id="t1")
        new = await Program(there, system, "app:shop").say(turn_id="t2")

    assert first == again == without
    assert new["logged"]


async def test_sessions_are_named_by_whoever_logs_or_here(program: Program, system: Settings) -> None:
    before = time.time() * 1000
    made = (await program.post("", {})).json()
    touched = (await program.post("", {"session_id": "mine", "metadata": {"page": "/help"}})).json()

    found = re.fullmatch(r"session_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_(\d{13})", made["session_id"])
    assert found
    assert before - 1 <= int(found[2]) <= time.time() * 1000
    assert touched["session_id"] == "mine"
    events = {event["session_id"]: event for event in await events_in_kafka(system)}
    assert events["shop:mine"]["event"] == "session"
    assert events["shop:mine"]["metadata"] == {"page": "/help"}
    assert f"shop:{made['session_id']}" in events


LONG = "x" * 256


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


SOON = (datetime.now(UTC) + timedelta(hours=2)).isoformat()


#: Where something is sent, what, how that is answered, and what is said of it.
UNUSABLE: list[tuple[str, Any, int, str]] = [
    ("/s1/turns", {}, 422, "nothing was said"),
    ("/s1/turns", {"user_message": "", "ai_response": None}, 422, "nothing was said"),
    ("/s1/turns", SAID | {"timestamp": SOON, "user_message": SECRET}, 422, "in the future"),
    ("/s1/turns", SAID | {"timestamp": "yesterday"}, 422, "timestamp"),
    ("/s1/turns", SAID | {"timestamp": -1}, 422, "timestamp"),
    ("/s1/turns", SAID | {"timestamp": math.nan}, 422, "timestamp"),
    ("", {"timestamp": math.inf}, 422, "timestamp"),
    ("/s1/turns/t1/feedback", {"value": 1, "timestamp": -math.inf}, 422, "timestamp"),
    ("/s1/turns", SAID | {"timestamp": "2026-03-02T12:20:00"}, 422, "timestamp"),
    ("/s1/turns", SAID | {"turn_id": "a/b"}, 422, "body.turn_id"),
    ("/s1/turns", SAID | {"turn_id": "a\0b"}, 422, "body.turn_id"),
    ("/s1/turns", SAID | {"turn_id": ""}, 422, "body.turn_id"),
    ("/s1/turns", SAID | {"turn_id": LONG}, 422, "body.turn_id"),
    ("/s1/turns", SAID | {"user_id": "a\0b"}, 422, "body.user_id"),
    ("/s1/turns", SAID | {"response_time_ms": -1}, 422, "body.response_time_ms"),
    ("/s1/turns", SAID | {"userMessage": "Hello"}, 422, "body.userMessage"),
    ("/s1/turns", SAID | {"metadata": ["no object"]}, 422, "body.metadata"),
    ("/s1/turns", SAID | {"user_message": 7}, 422, "body.user_message"),
    ("/s1/turns", SAID | {"app": "other"}, 403, "another app"),
    ("/s1/turns?app=other", SAID, 403, "scope"),
    ("/s1/turns?app=a:b", SAID, 422, "query.app"),
    (f"/{LONG}/turns", SAID, 422, "path.session_id"),
    ("/s%00/turns", SAID, 422, "path.session_id"),
    ("", {"session_id": "a b"}, 422, "body.session_id"),
    ("", {"session_id": "a/b"}, 422, "body.session_id"),
    ("/s1/turns/t1/feedback", {}, 422, "body.value"),
    ("/s1/turns/t1/feedback", {"value": "good"}, 422, "body.value"),
    ("/s1/turns/t1/feedback", {"value": 1, "timestamp": SOON}, 422, "in the future"),
    ("/s1/turns", SAID | {"metadata": nested(300)}, 422, "nested more than"),
    ("/s1/turns/t1/feedback", {"value": 1, "metadata": nested(128)}, 422, "nested more than"),
    ("", {"metadata": nested(128)}, 422, "nested more than"),
    ("/s1/turns", {"user_message": "x" * BODY_MAX_BYTES}, 413, str(BODY_MAX_BYTES)),
]


async def test_what_cannot_be_taken_is_told_as_a_problem(program: Program, system: Settings) -> None:
    wrong = {}
    for path, body, status, said in UNUSABLE:
        answer = await program.post(path, body)
        is_told = answer.headers["content-type"] == "application/problem+json" and said in answer.text
        if answer.status_code != status or not is_told or SECRET in answer.text:
            wrong[path, str(body)[:80]] = answer.text

    assert wrong == {}
    assert await events_in_kafka(system) == []


async def test_what_is_nested_as_deep_as_it_may_be_can_be_read_again(
    program: Program, system: Settings
) -> None:
    deepest = {"metadata": nested(127)}
    for path, body in (
        ("/s1/turns", SAID | deepest),
        ("", deepest),
        ("/s1/turns/t1/feedback", {"value": 1} | deepest),
    ):
        assert (await program.post(path, body)).status_code == 202
    assert [decode_object(json.dumps(event).encode()) for event in await events_in_kafka(system)]


async def test_text_is_taken_as_it_is_but_for_what_no_column_can_hold(
    client: httpx.AsyncClient, system: Settings
) -> None:
    headers = bearer(system, caller_of("app:shop")) | {"Content-Type": "application/json"}
    said = (
        rb'{"user_message": "a\u0000b \ud83d <b>&amp;</b>", "ai_response": [{"type": "text", "text": "c"}]}'
    )

    answer = await client.post("/v1/sessions/s1/turns", content=said, headers=headers)

    assert answer.status_code == 202, answer.text
    [event] = await events_in_kafka(system)
    assert event["user_message"] == "a\ufffdb \ufffd <b>&amp;</b>"
    assert event["ai_response"] == [{"type": "text", "text": "c"}]


#: Who asks, and how they are answered.
CALLERS = [
    (caller_of("app:shop"), 202),
    (caller_of(), 202),
    (caller_of("platform:assistant"), 202),
    (caller_of("channel:assistant/s1"), 202),
    (caller_of("channel:assistant/s2"), 403),
    (caller_of("platform:twitch"), 403),
    (caller_of("app:shop", "app:help"), 403),
    (caller_of(tenant="acme"), 403),
    (caller_of(role=CallerRole.ADMIN), 202),
    (caller_of(role=CallerRole.OPERATOR), 403),
    (Caller("ana@example.org"), 403),
]


async def test_who_may_log(client: httpx.AsyncClient, system: Settings) -> None:
    answered = []
    for caller, _ in CALLERS:
        one = Program(client, system, caller=caller)
        answers = [
            await one.post("/s1/turns", SAID),
            await one.post("", {"session_id": "s1"}),
            await one.post("/s1/turns/t1/feedback", {"value": 1}),
        ]
        answered.append((caller, {answer.status_code for answer in answers}))

    assert answered == [(caller, {status}) for caller, status in CALLERS]
    assert len(await events_in_kafka(system)) == 3 * sum(status == 202 for _, status in CALLERS)


#: What is set, what is told, and what is kept.
ADDRESSES: list[tuple[str, dict[str, str], str | None]] = [
    ("anonymous", {}, "203.0.113.0"),
    ("anonymous", {"user_ip": "2001:db8:1:2::5"}, "2001:db8:1::"),
    ("full", {}, "203.0.113.77"),
    ("none", {"user_ip": "203.0.113.77"}, None),
    ("full", {"user_ip": "somebody"}, None),
]


async def test_how_much_is_kept_of_where_somebody_asks_from(system: Settings) -> None:
    proxied = {"X-Forwarded-For": "1.1.1.1, 203.0.113.77", "User-Agent": "Firefox"}
    for kept, told, _ in ADDRESSES:
        settings = changed(
            system, chat_log_addresses=AddressKept(kept), api_trusted_proxies=("127.0.0.1/32",)
        )
        async with serve(settings) as client:
            program = Program(client, system, "app:shop")
            assert (await program.post("/s1/turns", SAID | told, **proxied)).status_code == 202

    events = await events_in_kafka(system)
    assert [event.get("user_ip") for event in events] == [user_ip for _, _, user_ip in ADDRESSES]
    assert {event["user_agent"] for event in events} == {"Firefox"}


async def test_without_a_proxy_that_is_trusted_no_address_is_made_up(
    program: Program, system: Settings
) -> None:
    await program.post("/s1/turns", SAID, **{"X-Forwarded-For": "203.0.113.77"})

    [event] = await events_in_kafka(system)
    assert "user_ip" not in event


async def test_switched_off_the_chat_goes_on_and_nothing_is_kept(system: Settings) -> None:
    async with serve(changed(system, enable_chat_logging=False)) as client:
        program = Program(client, system, "app:shop")
        turn = await program.say(turn_id="t1")
        session = (await program.post("", {})).json()
        opinion = (await program.post("/s1/turns/t1/feedback", {"value": 1})).json()
        refused = await program.post("/s1/turns", {})
        dropped = await figure(
            client, "chatlog_api_ingest_ignored_total", entrance="turns", kind="switched_off"
        )

    assert [one["logged"] for one in (turn, session, opinion)] == [False] * 3
    assert (turn["turn_id"], turn["ai_response_id"], refused.status_code) == ("t1", None, 422)
    assert await events_in_kafka(system) == []
    assert dropped == 3


async def test_where_no_assistant_is_captured_that_is_said(system: Settings) -> None:
    async with serve(changed(system, platforms=("twitch",))) as client:
        answer = await Program(client, system, "app:shop").post("/s1/turns", SAID)

    assert answer.status_code == 404
    assert "PLATFORMS" in answer.json()["detail"]
