"""What logged turns come to: the collected cases, the rules of every format, and any bytes."""

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRecord, Reason
from models.messages import (
    UNKNOWN,
    ConversationKind,
    Edit,
    Extraction,
    Feedback,
    Message,
    MessageRole,
    SessionTold,
)
from models.platforms import PLATFORMS
from models.platforms.assistant import extract, key_of
from tests.models.platforms.extracting import any_bytes, assert_total
from tests.models.platforms.platform_cases import PlatformCase, assert_right, cases_of
from tests.models.strategies import any_json, as_bytes

ASKED, ASKED_MS = "2026-03-02T12:20:00.000Z", 1_772_454_000_000
TURN: dict[str, Any] = {
    "turn_id": "t1",
    "session_id": "s1",
    "timestamp": ASKED,
    "user_id": "u1",
    "user_message": "Where is my parcel?",
    "ai_response": "On its way.",
    "response_time_ms": 1840,
}
CHAT: dict[str, Any] = {
    "request": {
        "messages": [{"role": "user", "content": "Hi"}],
        "user": "u1",
        "metadata": {"session_id": "s1"},
    },
    "response": {
        "id": "c1",
        "created": 1_772_454_000,
        "choices": [{"message": {"role": "assistant", "content": "Hello"}}],
    },
    "started_at": ASKED,
    "ended_at": "2026-03-02T12:20:01.500Z",
}
RESPONSES: dict[str, Any] = {
    "request": {"input": "Hi", "user": "u1"},
    "response": {
        "id": "r1",
        "created_at": 1_772_454_000,
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
        ],
    },
}
LITELLM = {
    "id": "c1",
    "trace_id": "s1",
    "call_type": "acompletion",
    "startTime": 1_772_454_000.25,
    "endTime": 1_772_454_002.001,
    "completionStartTime": 1_772_454_000.5,
    "response_time": 0.25,
    "end_user": "u1",
    "messages": [{"role": "user", "content": "Hi"}],
    "response": {"choices": [{"message": {"content": "Hello"}}]},
}
TRACE: dict[str, Any] = {
    "id": "t1",
    "timestamp": ASKED,
    "sessionId": "s1",
    "userId": "u1",
    "input": "Hi",
    "output": "Hello",
}
LIBRECHAT = {
    "messageId": "m2",
    "conversationId": "s1",
    "parentMessageId": "m1",
    "user": "u1",
    "text": "Hello",
    "isCreatedByUser": False,
    "createdAt": ASKED,
    "updatedAt": ASKED,
}
OPEN_WEBUI = {
    "id": "s1-m2",
    "chat_id": "s1",
    "user_id": "u1",
    "role": "assistant",
    "parent_id": "m1",
    "content": "Hello",
    "done": True,
    "created_at": 1_772_454_000,
    "updated_at": 1_772_454_000,
}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def logged(*records: dict[str, Any], **changed: Any) -> Extraction:
    told: dict[str, Any] = {}
    for record in (*records, changed):
        told |= record
    return extract(orjson.dumps({name: value for name, value in told.items() if value is not ...}))


def messages_of(extraction: Extraction) -> list[Message]:
    return [item for item in extraction.found if isinstance(item, Message)]


def texts_of(extraction: Extraction) -> dict[str, str]:
    return {message.source_id: message.content for message in messages_of(extraction)}


def batch(
    *bodies: dict[str, Any], kind: str = "trace-create", at: str = "2026-03-02T12:20:05.000Z"
) -> Extraction:
    return logged(
        batch=[{"id": f"e{i}", "type": kind, "timestamp": at, "body": body} for i, body in enumerate(bodies)]
    )


#: What a field of a LibreChat message says beside the message.
ALSO = {139: {"op": "feedback", "refers_to": "7c1f2a10-aaaa-4bbb-8ccc-000000000002", "value": 1}}


@pytest.mark.parametrize("case", cases_of("assistant"))
def test_each_collected_record_comes_to_what_is_right(case: PlatformCase) -> None:
    assert_right(case, extract, refused=[128], also=ALSO)


def test_a_turn_is_a_question_and_an_answer_of_one_session() -> None:
    extraction = logged(
        TURN, user_name="Ada", mood="worried", user_ip="203.0.113.7", app="shop", metadata={"locale": "en"}
    )
    question, answer = messages_of(extraction)
    assert extraction.kind == "turn"
    assert (question.role, answer.role) == (MessageRole.USER, MessageRole.ASSISTANT)
    assert (question.author_id, question.author_name, answer.author_id, answer.author_name) == (
        "u1",
        "Ada",
        "u1",
        None,
    )
    assert (answer.reply_to, answer.reply_to_timestamp, answer.response_ms) == ("t1:user", ASKED_MS, 1840)
    for message in (question, answer):
        assert (message.channel, message.conversation, message.kind) == ("s1", "s1", ConversationKind.SESSION)
        assert message.metadata == {
            "locale": "en",
            "app": "shop",
            "mood": "worried",
            "user_ip": "203.0.113.7",
        }
    assert (question.raw_payload or {})["turn_id"] == "t1"  # type: ignore[index, call-overload]
    assert answer.raw_payload is None


def test_a_turn_may_be_named_in_camel_case() -> None:
    camel = {
        "turnId": "t1",
        "sessionId": "s1",
        "timestamp": ASKED,
        "userMessage": "Hi",
        "aiResponse": "Hello",
        "responseTimeMs": 5,
    }
    assert texts_of(logged(camel)) == {"t1:user": "Hi", "t1:assistant": "Hello"}
    assert key_of(orjson.dumps(camel)) == "s1"


@pytest.mark.parametrize("took", [0, None, ..., -5, "fast"])
def test_an_answer_comes_after_its_question_however_fast_it_was(took: Any) -> None:
    question, answer = messages_of(logged(TURN, response_time_ms=took))
    assert answer.timestamp == question.timestamp + 1


def test_an_empty_answer_gives_the_question_alone() -> None:
    assert texts_of(logged(TURN, ai_response="")) == {"t1:user": "Where is my parcel?"}
    assert texts_of(logged(TURN, ai_response=None)) == {"t1:user": "Where is my parcel?"}
    assert logged(TURN, user_message="", ai_response="").found == []


def test_an_answer_alone_keeps_the_record_and_what_it_replies_to() -> None:
    (answer,) = messages_of(logged(TURN, turn_id="t2", user_message=None, reply_to="t1:user"))
    assert (answer.source_id, answer.reply_to) == ("t2:assistant", "t1:user")
    assert answer.sampled_by == "t1:user", "a sample has both, or none"
    assert answer.raw_payload is not None


def test_a_stopped_or_failed_turn_says_so() -> None:
    assert messages_of(logged(TURN, unfinished=True))[1].message_type == "unfinished"
    assert messages_of(logged(TURN, error="timeout"))[1].message_type == "error"


def test_a_turn_of_nobody_known_is_a_turn() -> None:
    assert [message.author_id for message in messages_of(logged(TURN, user_id=...))] == [None, None]


@pytest.mark.parametrize("name", ["turn_id", "session_id", "timestamp"])
@pytest.mark.parametrize("value", [..., None])
def test_a_turn_without_an_id_a_session_or_a_time_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BadRecord) as refused:
        logged(TURN, **{name: value})
    assert refused.value.reason is Reason.MISSING_FIELD
    assert name in refused.value.detail


def test_a_time_without_a_zone_and_words_that_are_none_are_refused() -> None:
    for wrong in ({"timestamp": "2026-03-02T12:20:00"}, {"user_message": 7}, {"ai_response": {"a": 1}}):
        with pytest.raises(BadRecord) as refused:
            logged(TURN, wrong)
        assert refused.value.reason is Reason.WRONG_TYPE


def test_ids_of_messages_may_be_long_and_those_in_an_index_not_too_long() -> None:
    assert messages_of(logged(TURN, turn_id="t" * 5_000, session_id="s" * 1_024))[0].channel == "s" * 1_024
    with pytest.raises(BadRecord) as refused:
        logged(TURN, session_id="ü" * 600)
    assert refused.value.reason is Reason.TOO_LARGE


def test_an_opinion_of_a_turn_is_of_its_answer_and_one_a_person() -> None:
    opinion = {
        "turn_id": "t1",
        "session_id": "s1",
        "user_id": "u1",
        "value": -1,
        "label": "wrong",
        "comment": "no",
        "timestamp": ASKED,
    }
    extraction = logged(opinion)
    assert extraction.kind == "feedback"
    assert extraction.found == [
        Feedback(
            source_id="t1:feedback:u1",
            refers_to="t1:assistant",
            value=-1.0,
            given=ASKED_MS,
            label="wrong",
            comment="no",
            author_id="u1",
            channel="s1",
        )
    ]
    assert logged(opinion, value=5, comment="yes").found[0].source_id == "t1:feedback:u1"  # type: ignore[union-attr]
    with pytest.raises(BadRecord):
        logged(opinion, value="good")


def test_a_chat_completion_is_the_newest_question_and_the_answer() -> None:
    history = [
        {"role": "user", "content": "old"},
        {"role": "assistant", "content": "older"},
        {"role": "user", "content": "Hi"},
    ]
    extraction = logged(CHAT, request={**CHAT["request"], "messages": history})
    question, answer = messages_of(extraction)
    assert texts_of(extraction) == {"c1:user": "Hi", "c1": "Hello"}
    assert (question.timestamp, answer.timestamp, answer.response_ms) == (ASKED_MS, ASKED_MS + 1500, 1500)
    assert (question.channel, question.author_id) == ("s1", "u1")


def test_after_the_result_of_a_tool_the_last_question_is_old() -> None:
    history = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "there"},
    ]
    assert texts_of(logged(CHAT, request={"messages": history})) == {"c1": "Hello"}
    items = [{"role": "user", "content": "Where?"}, {"type": "function_call_output", "output": "there"}]
    assert texts_of(logged(RESPONSES, request={"input": items})) == {"r1": "Hello"}


def test_the_times_of_a_call_without_them_are_the_responses_second_and_after() -> None:
    question, answer = messages_of(logged(CHAT, started_at=..., ended_at=...))
    assert (question.timestamp, answer.timestamp, answer.response_ms) == (ASKED_MS, ASKED_MS + 1, None)


def test_a_call_that_failed_has_its_id_in_the_wrapper() -> None:
    assert texts_of(logged(CHAT, response=None, id="call-1")) == {"call-1:user": "Hi"}
    with pytest.raises(BadRecord) as refused:
        logged(CHAT, response=None)
    assert refused.value.reason is Reason.MISSING_FIELD


@pytest.mark.parametrize(
    ("request_fields", "session"),
    [
        ({"metadata": {"session_id": "s1"}, "previous_response_id": "r0"}, "s1"),
        ({"conversation": {"id": "conv1"}}, "conv1"),
        ({"conversation": "conv1"}, "conv1"),
        ({"previous_response_id": "r0"}, "r0"),
        ({}, "r1"),
    ],
)
def test_a_response_belongs_to_the_session_that_is_told_best(
    request_fields: dict[str, Any], session: str
) -> None:
    extraction = logged(RESPONSES, request={"input": "Hi", **request_fields})
    assert {message.channel for message in messages_of(extraction)} == {session}
    assert messages_of(extraction)[0].reply_to == request_fields.get("previous_response_id")


def test_reasoning_and_calls_are_not_shown_and_a_refusal_is() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]},
        {"type": "function_call", "name": "f", "arguments": "{}"},
    ]
    answer = messages_of(
        logged(RESPONSES, response={"id": "r1", "created_at": 1_772_454_000, "output": output})
    )[1]
    assert (answer.content, answer.message_type) == ("I can't.", "refusal")


def test_a_picture_alone_is_a_message_and_its_bytes_are_kept_nowhere() -> None:
    asked = {**CHAT["request"], "messages": [{"role": "user", "content": [PICTURE]}]}
    extraction = logged(CHAT, request=asked)
    question = messages_of(extraction)[0]
    assert (question.content, question.message_type, question.metadata) == (
        "",
        "attachment",
        {"parts": ["image_url"]},
    )
    stored = msgspec.json.encode(extraction.found)
    assert b"iVBORw0KGgo" not in stored
    assert b"[image/png, 8 bytes, not kept]" in stored


@pytest.mark.parametrize(
    ("part", "marker"),
    [
        (
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            "[wav, 4 bytes, not kept]",
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
            "[application/pdf, 5 bytes, not kept]",
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"}},
            "[image/gif, 6 bytes, not kept]",
        ),
        ({"type": "x", "b64_json": "AAAA"}, "[application/octet-stream, 3 bytes, not kept]"),
        ({"type": "x", "data": "A" * 400}, "[application/octet-stream, 300 bytes, not kept]"),
        (
            {"type": "text", "text": "see ![](data:image/png;base64,AAAA) there"},
            "see ![]([image/png, 3 bytes, not kept]) there",
        ),
    ],
)
def test_whatever_is_base64_is_marked_by_what_it_was_and_how_large(part: dict[str, Any], marker: str) -> None:
    stored = msgspec.json.encode(
        logged(TURN, user_message=[part, {"type": "text", "text": "?"}]).found
    ).decode()
    assert marker in stored


def test_what_somebody_wrote_in_base64_is_what_they_wrote() -> None:
    wrote = "QUJD" * 200
    assert messages_of(logged(TURN, user_message=wrote, metadata={"data": "short"}))[0].content == wrote


def test_litellm_took_from_start_to_end_and_fractions_are_cut() -> None:
    question, answer = messages_of(logged(LITELLM))
    assert texts_of(logged(LITELLM)) == {"c1:user": "Hi", "c1": "Hello"}
    assert (question.timestamp, answer.timestamp) == (ASKED_MS + 250, ASKED_MS + 2001)
    assert (answer.response_ms, answer.channel, answer.author_id) == (1751, "s1", "u1")
    assert messages_of(logged(LITELLM, startTime=1_772_454_000.0019))[0].timestamp == ASKED_MS + 1


def test_litellm_without_a_trace_or_without_words_is_still_told() -> None:
    assert messages_of(logged(LITELLM, trace_id=None))[0].channel == "c1"
    assert texts_of(logged(LITELLM, response="Hello")) == {"c1:user": "Hi", "c1": "Hello"}
    assert texts_of(logged(LITELLM, response=None, status="failure")) == {"c1:user": "Hi"}
    redacted = "redacted-by-litellm"
    hidden = logged(LITELLM, messages=[{"role": "user", "content": redacted}], response=redacted)
    assert [(message.content, message.is_withheld) for message in messages_of(hidden)] == [
        ("", True),
        ("", True),
    ]
    assert logged(LITELLM, call_type="aembedding").found == []


def test_a_trace_is_told_in_several_writes_and_the_latest_text_holds() -> None:
    first = batch({**TRACE, "output": None}, at="2026-03-02T12:20:00.100Z")
    later = batch({"id": "t1", "output": "Hello"}, at="2026-03-02T12:20:05.000Z")
    assert texts_of(first) == {"t1:user": "Hi"}
    (answer,) = messages_of(later)
    assert (answer.source_id, answer.timestamp, answer.channel) == ("t1:assistant", ASKED_MS + 5000 + 1, "t1")
    fills = [item for item in (*first.found, *later.found) if isinstance(item, Edit)]
    assert [(fill.source_id, fill.content, fill.edited, fill.told) for fill in fills] == [
        ("t1:user", "Hi", None, ASKED_MS + 100),
        ("t1:assistant", "Hello", None, ASKED_MS + 5000),
    ]
    assert fills[1].message == answer


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("Hi", "Hi"),
        ({"role": "user", "content": "Hi"}, "Hi"),
        ({"role": "user", "content": [{"type": "text", "text": "Hi"}]}, "Hi"),
        ([{"role": "system", "content": "be"}, {"role": "user", "content": "Hi"}], "Hi"),
        ({"messages": [{"role": "user", "content": "Hi"}], "model": "x"}, "Hi"),
        ({"question": "Hi", "top_k": 3}, "Hi"),
        ({"a": 1}, '{"a":1}'),
        (7, "7"),
    ],
)
def test_the_input_of_a_trace_is_read_in_any_form(told: Any, text: str) -> None:
    assert texts_of(batch({**TRACE, "input": told, "output": None})) == {"t1:user": text}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("Hello", "Hello"),
        ({"role": "assistant", "content": "Hello"}, "Hello"),
        ({"role": "assistant", "content": None, "refusal": "No."}, "No."),
        ([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "Hello"),
        ({"choices": [{"message": {"content": "Hello"}}]}, "Hello"),
        ({"answer": "Hello", "sources": []}, "Hello"),
    ],
)
def test_the_output_of_a_trace_is_read_in_any_form(told: Any, text: str) -> None:
    assert texts_of(batch({**TRACE, "input": None, "output": told})) == {"t1:assistant": text}


@pytest.mark.parametrize(
    "told", [None, "", [], {}, {"role": "tool", "content": "x"}, [{"role": "tool", "content": "x"}]]
)
def test_a_trace_in_which_nothing_is_shown_has_no_messages(told: Any) -> None:
    assert batch({**TRACE, "input": told, "output": told}).found == []


def test_what_is_within_a_trace_is_passed_over_and_what_nobody_knows_is_seen() -> None:
    assert batch(TRACE, kind="generation-create") == ("langfuse", [], None)
    assert batch(TRACE, kind="verdict-create") == (UNKNOWN, [], "verdict-create")
    assert batch(TRACE, kind="what she said") == (UNKNOWN, [], "no type")


def test_scores_are_numbers_truths_or_words() -> None:
    score = {"id": "sc1", "traceId": "t1", "name": "quality"}
    found = batch(
        {**score, "value": 0.5},
        {**score, "value": True},
        {**score, "value": "good"},
        {"id": "sc2", "sessionId": "s1", "value": 1},
        kind="score-create",
    ).found
    assert [(item.value, item.label, item.refers_to) for item in found if isinstance(item, Feedback)] == [
        (0.5, "quality", "t1:assistant"),
        (1.0, "quality", "t1:assistant"),
        (0.0, "good", "t1:assistant"),
    ]


def test_a_librechat_question_is_the_persons() -> None:
    (question,) = messages_of(
        logged(LIBRECHAT, isCreatedByUser=True, parentMessageId="00000000-0000-0000-0000-000000000000")
    )
    assert (question.role, question.author_id, question.reply_to) == (MessageRole.USER, "u1", None)


def test_a_librechat_message_that_was_saved_again_has_the_text_as_of_then() -> None:
    assert not [item for item in logged(LIBRECHAT).found if isinstance(item, Edit)]
    (fill,) = (
        item for item in logged(LIBRECHAT, updatedAt="2026-03-02T12:20:09Z").found if isinstance(item, Edit)
    )
    assert (fill.source_id, fill.content, fill.edited, fill.told) == ("m2", "Hello", None, ASKED_MS + 9000)


def test_a_librechat_answer_that_was_stopped_failed_or_is_empty_says_so() -> None:
    assert messages_of(logged(LIBRECHAT, unfinished=True))[0].message_type == "unfinished"
    assert messages_of(logged(LIBRECHAT, error=True))[0].message_type == "error"
    assert logged(LIBRECHAT, text="", content=[{"type": "think", "think": "hm"}]).found == []
    files = messages_of(logged(LIBRECHAT, text="", files=[{"type": "image/png"}]))[0]
    assert (files.content, files.message_type, files.metadata) == ("", "attachment", {"parts": ["image/png"]})


def test_a_librechat_thumb_is_an_opinion() -> None:
    found = logged(LIBRECHAT, feedback={"rating": "thumbsDown", "tag": {"key": "wrong"}, "text": "no"}).found
    assert found[-1] == Feedback(
        source_id="m2:feedback",
        refers_to="m2",
        value=-1.0,
        given=ASKED_MS,
        label="wrong",
        comment="no",
        author_id="u1",
        channel="s1",
    )
    assert len(logged(LIBRECHAT, feedback={"rating": "other"}).found) == 1


def test_an_open_webui_message_is_known_with_its_chat() -> None:
    (answer,) = messages_of(logged(OPEN_WEBUI, id="m2"))
    assert (answer.source_id, answer.reply_to, answer.channel) == ("s1-m2", "s1-m1", "s1")
    assert messages_of(logged(OPEN_WEBUI))[0].source_id == "s1-m2"
    (question,) = messages_of(logged(OPEN_WEBUI, role="user", parent_id=None))
    assert (question.role, question.reply_to) == (MessageRole.USER, None)
    assert logged(OPEN_WEBUI, role="system").found == []


def test_open_webuis_times_are_seconds_or_ms() -> None:
    assert messages_of(logged(OPEN_WEBUI))[0].timestamp == ASKED_MS
    assert messages_of(logged(OPEN_WEBUI, created_at=ASKED_MS, updated_at=None))[0].timestamp == ASKED_MS


def test_an_open_webui_answer_that_is_not_done_is_filled_in_by_its_next_save() -> None:
    assert messages_of(logged(OPEN_WEBUI, done=False))[0].message_type == "unfinished"
    assert messages_of(logged(OPEN_WEBUI, error={"content": "x"}))[0].message_type == "error"
    assert logged(OPEN_WEBUI, content="", done=False).found == []
    (fill,) = (item for item in logged(OPEN_WEBUI, updated_at=1_772_454_005).found if isinstance(item, Edit))
    assert (fill.content, fill.told) == ("Hello", ASKED_MS + 5000)


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (TURN, "s1"),
        (CHAT, "s1"),
        (RESPONSES, "r1"),
        (LITELLM, "s1"),
        ({"batch": [{"type": "trace-create", "body": TRACE}]}, "s1"),
        ({"batch": [{"type": "trace-create", "body": {"id": "t1"}}]}, "t1"),
        ({"batch": [{"type": "score-create", "body": {"id": "x", "traceId": "t1"}}]}, "t1"),
        ({"batch": []}, None),
        (LIBRECHAT, "s1"),
        (OPEN_WEBUI, "s1"),
        ({"data": {"rating": 1}, "meta": {"chat_id": "s1"}}, "s1"),
        ({"something": "else"}, None),
    ],
)
def test_records_are_keyed_by_their_session(record: dict[str, Any], key: str | None) -> None:
    assert key_of(orjson.dumps(record)) == key


def test_a_record_in_no_format_is_refused() -> None:
    with pytest.raises(BadRecord) as refused:
        logged(something="else")
    assert refused.value.reason is Reason.NOT_AN_EVENT


_records = st.sampled_from(
    [
        TURN,
        CHAT,
        RESPONSES,
        LITELLM,
        {"batch": [{"type": "trace-create", "timestamp": ASKED, "body": TRACE}]},
        LIBRECHAT,
        OPEN_WEBUI,
    ]
)


@given(any_bytes)
def test_any_bytes_come_to_something_or_are_refused(raw: bytes) -> None:
    assert_total("assistant", raw)


@given(_records, st.data())
def test_a_record_with_any_field_spoilt_comes_to_something_or_is_refused(
    record: dict[str, Any], data: st.DataObject
) -> None:
    assert_total("assistant", as_bytes(_spoilt(record, data)))


@given(
    st.integers(0, 250_000_000_000_000),
    st.none() | st.integers(-10, 2**40) | st.floats(allow_nan=False, allow_infinity=False),
)
def test_the_two_rows_of_a_turn_never_tie(asked: int, took: float | None) -> None:
    question, answer = messages_of(logged(TURN, timestamp=asked, response_time_ms=took))
    assert question.timestamp < answer.timestamp


def _spoilt(record: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Return a record of which one value, at any depth, is any JSON."""
    name = data.draw(st.sampled_from(sorted(record)))
    value = record[name]
    if isinstance(value, list) and value and isinstance(value[0], dict) and data.draw(st.booleans()):
        return {**record, name: [_spoilt(value[0], data), *value[1:]]}
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        return {**record, name: _spoilt(value, data)}
    return {**record, name: data.draw(any_json)}


def test_the_platform_is_registered_and_its_times_are_not_steady() -> None:
    platform = PLATFORMS["assistant"]
    assert (platform.extract, platform.key_of, platform.has_steady_times) == (extract, key_of, False)


def test_a_session_is_there_before_anything_is_said() -> None:
    told = {"event": "session", "sessionId": "s1", "timestamp": ASKED, "userId": "u1", "metadata": {"a": 1}}

    assert extract(as_bytes(told)) == Extraction(
        "session", [SessionTold(channel="s1", told=ASKED_MS, author_id="u1", metadata={"a": 1})]
    )
    assert key_of(as_bytes(told)) == "s1"
    # With words, it is a turn.
    assert extract(as_bytes(TURN | {"event": "session"})).kind == "turn"
    for missing in ("sessionId", "timestamp"):
        with pytest.raises(BadRecord) as refused:
            extract(as_bytes({name: value for name, value in told.items() if name != missing}))
        assert refused.value.reason is Reason.MISSING_FIELD
