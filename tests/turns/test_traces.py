"""Spans that exporters of OpenTelemetry send become turns, and so do many turns at once."""

from __future__ import annotations

import gzip
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from app.traces.decoding import JSON_TYPE, PROTOBUF, NotOtlp, spans_in, unpacked
from app.turns.representations import NewFeedback, NewTurnOfASession
from chatlog_client import ChatLog
from models.ids import message_id
from tests.faults.cluster import everything_is_committed
from tests.looking import ready
from tests.services import eventually
from tests.site.owners import bearer, fetch_value
from tests.turns.logging import caller_of, events_in_kafka

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.turns.logging import Program
    from tests.workers import Workers

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
STARTED = 1_764_460_800_000


def json_request(**attributes: Any) -> dict[str, Any]:
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": "c1",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Where is it?"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"In Lagos."}]}]',
    } | attributes
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "chat",
        "startTimeUnixNano": str(STARTED * 1_000_000),
        "endTimeUnixNano": str((STARTED + 900) * 1_000_000),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in told.items()],
    }
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}


def protobuf_request() -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    span.start_time_unix_nano, span.end_time_unix_nano = STARTED * 1_000_000, (STARTED + 900) * 1_000_000
    told = json_request()["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    for each in told:
        added = span.attributes.add()
        added.key, added.value.string_value = each["key"], each["value"]["stringValue"]
    return bytes(request.SerializeToString())


def test_both_encodings_are_the_same_spans() -> None:
    (from_json,) = spans_in(JSON_TYPE, orjson.dumps(json_request()))
    (from_protobuf,) = spans_in(PROTOBUF, protobuf_request())
    assert from_json == from_protobuf
    assert (from_json.trace_id, from_json.span_id) == (TRACE, SPAN)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (PROTOBUF, b"no protobuf"),
        (JSON_TYPE, b"{"),
        (JSON_TYPE, b"[]"),
        (JSON_TYPE, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}'),
        (JSON_TYPE, b'{"resourceSpans": 1}'),
    ],
)
def test_what_is_no_request_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(NotOtlp):
        spans_in(content_type, body)


def test_what_unpacks_to_too_much_is_refused() -> None:
    assert unpacked(gzip.compress(b"a" * 100), "gzip", 100) == b"a" * 100
    for packed in (gzip.compress(b"a" * 101), gzip.compress(b"a" * 100)[:-5], b"none"):
        with pytest.raises(NotOtlp):
            unpacked(packed, "gzip", 100)
    with pytest.raises(NotOtlp):
        unpacked(b"", "br", 100)


async def test_a_span_is_a_turn_the_same_when_it_is_sent_again(
    client: httpx.AsyncClient, system: Settings
) -> None:
    asks = bearer(system, caller_of("app:shop"))
    packed = gzip.compress(protobuf_request())
    by_protobuf = await client.post(
        "/v1/traces",
        content=packed,
        headers=asks | {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"},
    )
    by_json = await client.post("/v1/traces", json=json_request(), headers=asks)

    assert (by_protobuf.status_code, by_json.status_code) == (200, 200)
    assert by_protobuf.headers["content-type"] == PROTOBUF
    assert ExportTraceServiceResponse.FromString(by_protobuf.content) == ExportTraceServiceResponse()
    assert by_json.json() == {}
    question, answer, *again = await events_in_kafka(system)
    assert [question, answer] == again
    assert (question["session_id"], question["user_message"]) == ("shop:c1", "Where is it?")
    assert (answer["ai_response"], answer["response_time_ms"]) == ("In Lagos.", 900)
    assert answer["reply_to"] == f"{question['turn_id']}:user"


async def test_an_agent_that_comes_after_its_steps_says_nothing_twice(
    program: Program, client: httpx.AsyncClient, system: Settings, workers: Workers
) -> None:
    for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST):
        await ready(workers.start(role))
    asks = bearer(system, caller_of("app:shop"))
    call = '[{"role":"assistant","parts":[{"type":"tool_call","name":"find"}],"finish_reason":"tool_call"}]'
    step = json_request(**{"gen_ai.output.messages": call})
    agent = json_request(**{"gen_ai.operation.name": "invoke_agent"})
    began = agent["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    began |= {"spanId": "aa" * 8, "startTimeUnixNano": str((STARTED - 5) * 1_000_000)}
    for told in (step, agent):
        assert (await client.post("/v1/traces", json=told, headers=asks)).status_code == 200

    topics, groups = topics_of(system.topology), groups_of(system.topology)
    for group, topic in (
        (groups.capture_platforms, topics.platform_events["assistant"].name),
        (groups.persist, topics.messages["assistant"].name),
    ):
        await eventually(partial(everything_is_committed, system, group, topic), what=f"{topic} is done")
    (turn,) = (await program.history("c1"))["items"]
    assert (turn["user_message"], turn["ai_response"]) == ("Where is it?", "In Lagos.")
    said = "SELECT count(*) FROM messages WHERE platform = 'assistant' AND channel = 'shop:c1'"
    assert await fetch_value(system, said) == 2


async def test_spans_that_tell_no_turn_or_an_impossible_one_hold_nobody_up(
    client: httpx.AsyncClient, system: Settings
) -> None:
    asks = bearer(system, caller_of("app:shop"))
    told = json_request()
    spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**json_request(**{"user.id": "u" * 5000})["resourceSpans"][0]["scopeSpans"][0]["spans"][0]})
    spans[1]["spanId"] = "ff" * 8
    spans.append({"traceId": TRACE, "spanId": "aa" * 8, "name": "GET /", "startTimeUnixNano": "1"})

    answer = await client.post("/v1/traces", json=told, headers=asks)

    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert len(await events_in_kafka(system)) == 2, "a question, an answer"


async def test_a_token_of_another_app_or_role_logs_nothing(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for scope in ("platform:twitch", "survey:Baseline"):
        answer = await client.post(
            "/v1/traces", json=json_request(), headers=bearer(system, caller_of(scope))
        )
        assert answer.status_code == 403, answer.text
    assert (await client.post("/v1/traces", json=json_request())).status_code == 401
    assert await events_in_kafka(system) == []


async def test_many_turns_at_once_are_all_taken_or_none(
    client: httpx.AsyncClient, system: Settings, program: Program
) -> None:
    asks = bearer(system, caller_of("app:shop"))
    turns = [
        {"session_id": f"s{number}", "turn_id": "t1", "user_message": f"q{number}"} for number in range(3)
    ]
    taken = await client.post("/v1/turns", json={"turns": turns}, headers=asks)
    bad = await client.post("/v1/turns", json={"turns": [*turns, {"session_id": "s9"}]}, headers=asks)

    assert taken.status_code == 202, taken.text
    assert [each["session_id"] for each in taken.json()] == ["s0", "s1", "s2"]
    asked = message_id("assistant", "shop:s0/t1:user", int(taken.json()[0]["user_message_id"][:8], 16))
    assert taken.json()[0]["user_message_id"][14:] == asked[14:]
    assert bad.status_code == 422
    assert len(await events_in_kafka(system)) == 3


def test_the_client_says_what_the_routes_take() -> None:
    log = ChatLog("http://127.0.0.1:1", token="t")
    turn = log.session("s", user_id="u").turn("q", "a", mood="m", model="x", metadata={"k": 1})
    turn.feedback(1, comment="good")
    for record in log._sender._waiting.first():
        (NewTurnOfASession if record.is_turn else NewFeedback).model_validate_json(record.content)
    log.close(timeout_s=0)
