"""Spans become turns, wherever an instrumentation puts the messages."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.genai_spans import Span, SpanEvent, SpanTurn, turn_of, turns_in

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


CALL = {"type": "tool_call", "id": "1", "name": "find", "arguments": {}}
CALLED = {"role": "assistant", "parts": [CALL], "finish_reason": "tool_call"}
RESULT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": "Lagos"}]}


def test_after_a_tool_an_answer_comes_with_its_question_and_took_longer_than_its_step() -> None:
    turn = turn_of(span(attributes=messages([*ASKED, CALLED, RESULT], ANSWERED)))
    assert turn is not None
    assert (turn.question, turn.answer, turn.response_ms) == ("Where is it?", "In Lagos.", None)
    asked = turn_of(span(attributes=messages(ASKED, [CALLED]), span_id="other"))
    assert asked is not None
    assert (asked.question, asked.answer) == ("Where is it?", None)
    assert turn.question_id == asked.question_id is not None, "but it is known what is answered"


def text(said: str) -> dict[str, str]:
    return {"type": "text", "content": said}


CALLS = [
    pytest.param(
        span(attributes=messages(ASKED, [CALLED | {"parts": [text("One moment."), CALL]}])), id="parts"
    ),
    pytest.param(
        span(attributes=messages(ASKED, [{"content": "One moment.", "tool_calls": [{"id": "1"}]}])),
        id="openai",
    ),
    pytest.param(
        span(
            events=[
                SpanEvent("gen_ai.user.message", {"content": "Where is it?"}),
                SpanEvent(
                    "gen_ai.choice",
                    {
                        "finish_reason": "tool_calls",
                        "message": '{"role":"assistant","content":"One moment."}',
                    },
                ),
            ]
        ),
        id="in an event each",
    ),
    pytest.param(
        span(
            attributes={
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": "Where is it?",
                "gen_ai.completion.0.content": "One moment.",
                "gen_ai.completion.0.tool_calls.0.name": "find",
            }
        ),
        id="in numbered attributes",
    ),
]


@pytest.mark.parametrize("told", CALLS)
def test_what_is_said_beside_a_call_of_a_tool_is_no_answer(told: Span) -> None:
    turn = turn_of(told)
    assert turn is not None
    assert (turn.question, turn.answer) == ("Where is it?", None)


def test_what_the_provider_called_itself_is_part_of_the_answer() -> None:
    answered = {"role": "assistant", "parts": [CALL, text("In Lagos.")], "finish_reason": "stop"}
    turn = turn_of(span(attributes=messages(ASKED, [answered])))
    assert turn is not None
    assert turn.answer == "In Lagos."


def test_what_an_agent_asks_another_is_nothing_that_a_person_said() -> None:
    agent = invoked(messages(ASKED, ANSWERED))
    tool = span(attributes={"gen_ai.operation.name": "execute_tool"}, span_id="b", parent_id="agent")
    other = [{"role": "user", "parts": [text("Find the parcel of cust-1.")]}]
    below = span(attributes=messages(other, ANSWERED), span_id="c", parent_id="b")
    assert [turn.question for turn in turns_in([below, tool, agent])] == ["Where is it?"]


def test_the_same_words_are_said_again_in_another_trace() -> None:
    told = [span(attributes=messages(ASKED, ANSWERED), trace_id=trace) for trace in ("aa" * 16, "bb" * 16)]
    first, second = turns_in(told[:1]) + turns_in(told[1:])
    assert first.question_id != second.question_id
    assert first.answer_id != second.answer_id


def test_two_answers_to_one_question_are_two() -> None:
    other = [{"role": "assistant", "parts": [text("It is about a parcel.")]}]
    guard, answering = (
        span(attributes=messages(ASKED, answered), span_id=name)
        for name, answered in (("a", other), ("b", ANSWERED))
    )
    first, second = turns_in([guard, answering])
    assert first.question_id == second.question_id
    assert first.answer_id != second.answer_id


def invoked(attributes: dict[str, Any]) -> Span:
    """Return the span of an agent, which ends after its steps."""
    ended = 1_764_460_830_000_000_000
    return span(
        attributes={"gen_ai.operation.name": "invoke_agent"} | attributes, span_id="agent", end_ns=ended
    )


def steps(count: int) -> list[Span]:
    """Return the calls of a model by an agent: all but the last call a tool."""
    made: list[Span] = []
    began, asked = 1_764_460_800_000_000_000, ASKED
    for number in range(count):
        is_last = number == count - 1
        called = CALLED | {"parts": [text("One moment."), CALL]}
        made.append(
            span(
                attributes=messages(asked, ANSWERED if is_last else [called]),
                span_id=f"step {number}",
                parent_id="agent",
                start_ns=began,
                end_ns=began + 1_500_000_000,
            )
        )
        began += 2_000_000_000
        asked = [*asked, called, RESULT]
    return made


#: What frameworks put on an agent's span: both, one of them, all that went to and fro, nothing.
AGENTS = [
    messages(ASKED, ANSWERED),
    messages(ASKED, []),
    messages([], []),
    messages([*ASKED, CALLED, RESULT], ANSWERED),
    messages(ASKED, [CALLED | {"parts": [text("One moment."), CALL]}, RESULT, *ANSWERED]),
]


def kept(turns: list[SpanTurn]) -> dict[tuple[str, str | None], tuple[str, str | None]]:
    """Return the messages that come of turns, and what each replies to: the first telling holds.

    As capture does it: a reply is one to what was told before.
    """
    found: dict[tuple[str, str | None], tuple[str, str | None]] = {}
    for turn in turns:
        if turn.question:
            found.setdefault((turn.session, turn.question_id), (turn.question, None))
        if turn.answer:
            about = turn.question_id if (turn.session, turn.question_id) in found else None
            found.setdefault((turn.session, turn.answer_id), (turn.answer, about))
    return found


@given(st.sampled_from(AGENTS), st.integers(1, 4), st.data())
def test_in_whatever_requests_a_trace_comes_its_messages_are_the_same(
    of_agent: dict[str, Any], count: int, data: st.DataObject
) -> None:
    tool = span(attributes={"gen_ai.operation.name": "execute_tool"}, span_id="tool", parent_id="agent")
    trace = data.draw(st.permutations([*steps(count), tool, invoked(of_agent)]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(trace) - 1))))
    requests = [trace[start:end] for start, end in pairwise([0, *cuts, len(trace)])]

    found = kept([turn for request in requests for turn in turns_in(request)])

    assert sorted(said for said, _ in found.values()) == ["In Lagos.", "Where is it?"]
    assert found == kept(turns_in(trace))


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
