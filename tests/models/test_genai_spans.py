"""Spans become turns, wherever an instrumentation puts the messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.genai_spans import Span, SpanEvent, turn_of, turns_in

SYSTEM = {"role": "system", "parts": [{"type": "text", "content": "a secret instruction"}]}
ASKED = [SYSTEM, {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}]
ANSWERED = [
    {"role": "assistant", "parts": [{"type": "text", "content": "In Lagos."}], "finish_reason": "stop"}
]


def span(
    *, attributes: dict[str, Any] | None = None, events: list[SpanEvent] | None = None, **fields: Any
) -> Span:
    made = Span(
        "ab" * 16, "cd" * 8, "", 1_764_460_800_000_000_000, 1_764_460_801_500_000_000, {}, events or ()
    )
    return replace(made, attributes={"gen_ai.operation.name": "chat"} | (attributes or {}), **fields)


def messages(asked: Any, answered: Any) -> dict[str, Any]:
    return {"gen_ai.input.messages": asked, "gen_ai.output.messages": answered}


PLACES = [
    pytest.param(span(attributes=messages(ASKED, ANSWERED)), id="as values"),
    pytest.param(
        span(attributes=messages(orjson.dumps(ASKED).decode(), orjson.dumps(ANSWERED).decode())), id="as text"
    ),
    pytest.param(
        span(events=[SpanEvent("gen_ai.client.inference.operation.details", messages(ASKED, ANSWERED))]),
        id="in the event of details",
    ),
    pytest.param(
        span(
            events=[
                SpanEvent("gen_ai.system.message", {"content": "a secret instruction"}),
                SpanEvent("gen_ai.user.message", {"content": "Where is it?"}),
                SpanEvent(
                    "gen_ai.choice", {"index": 0, "message": '{"role":"assistant","content":"In Lagos."}'}
                ),
            ]
        ),
        id="in an event each",
    ),
    pytest.param(
        span(
            events=[
                SpanEvent(
                    "gen_ai.content.prompt", {"gen_ai.prompt": '[{"role":"user","content":"Where is it?"}]'}
                ),
                SpanEvent("gen_ai.content.completion", {"gen_ai.completion": "In Lagos."}),
            ]
        ),
        id="in events of content",
    ),
    pytest.param(
        span(
            attributes={
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "a secret instruction",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "Where is it?",
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": "In Lagos.",
            }
        ),
        id="in numbered attributes",
    ),
]


@pytest.mark.parametrize("told", PLACES)
def test_a_turn_is_found_wherever_its_messages_are(told: Span) -> None:
    turn = turn_of(told)
    assert turn is not None
    assert (turn.question, turn.answer) == ("Where is it?", "In Lagos.")
    assert (turn.asked, turn.response_ms) == (1_764_460_800_000, 1500)
    assert "secret" not in repr(turn)


def test_what_else_is_known_of_it() -> None:
    attributes = messages(ASKED, ANSWERED) | {
        "gen_ai.conversation.id": "a/b c",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.output_tokens": 12,
        "user.id": "u",
    }
    turn = turn_of(span(attributes=attributes))
    assert turn is not None
    assert (turn.session, turn.person, turn.model) == ("a%2Fb%20c", "u", "gpt-4o-mini")
    assert turn.metadata == {"provider": "openai", "output_tokens": 12, "trace_id": "ab" * 16}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(span(), id="without messages"),
        pytest.param(
            span(attributes={"http.method": "GET", "gen_ai.operation.name": "execute_tool"}), id="a tool"
        ),
        pytest.param(
            span(attributes=messages(ASKED, ANSWERED) | {"gen_ai.operation.name": "embeddings"}),
            id="embeddings",
        ),
        pytest.param(span(attributes=messages("{", '"')), id="messages that are no JSON"),
    ],
)
def test_what_nobody_sees_is_no_turn(told: Span) -> None:
    assert turn_of(told) is None


def test_after_a_tool_answered_nothing_new_was_asked() -> None:
    asked = [*ASKED, {"role": "tool", "parts": [{"type": "tool_call_response", "result": "x"}]}]
    turn = turn_of(span(attributes=messages(asked, ANSWERED)))
    assert turn is not None
    assert (turn.question, turn.answer) == (None, "In Lagos.")


def test_of_an_agent_and_its_steps_the_agent_tells() -> None:
    agent = span(
        attributes=messages(ASKED, ANSWERED) | {"gen_ai.operation.name": "invoke_agent"}, span_id="a"
    )
    between = span(attributes={"gen_ai.operation.name": "execute_tool"}, span_id="b", parent_id="a")
    step = span(attributes=messages(ASKED, ANSWERED), span_id="c", parent_id="b")
    other = span(attributes=messages(ASKED, ANSWERED), span_id="d", parent_id="elsewhere")
    assert [turn.id[-1] for turn in turns_in([step, between, agent, other])] == ["a", "d"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.prompt.0.content",
        "gen_ai.conversation.id",
        "message",
        "content",
    ]
)
events = st.builds(
    SpanEvent,
    st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt", "exception"]),
    st.dictionaries(names, json_values, max_size=3),
)


@given(st.dictionaries(names, json_values, max_size=4), st.lists(events, max_size=3))
def test_whatever_a_span_holds_it_is_a_turn_or_none(
    attributes: dict[str, Any], some: list[SpanEvent]
) -> None:
    turn = turn_of(span(attributes=attributes, events=some))
    assert turn is None or turn.question or turn.answer
