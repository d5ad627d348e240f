"""What becomes of a visible message, field by field, and what can never be an entry."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decoding import MAX_DEPTH
from models.entries import ChatLogEntry, Direction, decode_entry, encode_entry
from models.errors import BadRecord, Reason
from models.events import Moment
from models.fields import INDEXED_MAX_BYTES, TIMESTAMP_MAX_MS
from models.platforms.messenger import categorise, extract_chat_log_entry, moment_of, parse_event
from tests.models.columns import values
from tests.models.platforms.messenger_events import (
    FROM_BOT,
    NOW,
    PAGE,
    SPEAKING,
    STATE,
    SURVEY,
    USER,
    by_user,
    echo,
    postback,
    quick_reply,
    text,
)
from tests.models.strategies import any_json, any_text, as_bytes, nested


def extract(event: dict[str, Any], state: dict[str, Any] = STATE) -> ChatLogEntry | None:
    return extract_chat_log_entry(parse_event(as_bytes(event)), state)


def entry_of(event: dict[str, Any], state: dict[str, Any] = STATE) -> ChatLogEntry:
    entry = extract(event, state)
    assert entry is not None
    return entry


# The fields


def test_every_field_of_a_bot_entry() -> None:
    event = echo(metadata='{"ref": "q1", "type": "number"}')
    assert extract(event) == ChatLogEntry(
        userid=USER,
        pageid=PAGE,
        timestamp=NOW,
        direction=Direction.BOT,
        content="How old are you?",
        question_ref="q1",
        shortcode="baseline",
        surveyid=None,
        message_type="number",
        raw_payload=event,
        metadata=STATE["md"],
    )


@pytest.mark.parametrize(
    ("event", "content", "message_type"),
    [
        (text("42"), "42", "text"),
        (quick_reply('{"value": "Yes"}'), "Yes", "quick_reply"),
        (postback('{"value": true}'), "I accept", "postback"),
    ],
)
def test_every_field_of_a_user_entry(event: dict[str, Any], content: str, message_type: str) -> None:
    assert extract(event, STATE | {"md": {"pageid": "P2"}}) == ChatLogEntry(
        userid=USER,
        pageid=PAGE,
        timestamp=NOW,
        direction=Direction.USER,
        content=content,
        question_ref="q7",
        shortcode="baseline",
        surveyid=None,
        message_type=message_type,
        raw_payload=event,
        metadata={"pageid": "P2"},
    )


@pytest.mark.parametrize("event", [echo(), text("hi")])
def test_without_a_state_its_fields_are_null(event: dict[str, Any]) -> None:
    entry = entry_of(event, {})
    assert (entry.question_ref, entry.shortcode, entry.surveyid, entry.metadata) == (None, None, None, None)
    assert entry.pageid == PAGE


@pytest.mark.parametrize(
    "said",
    [
        "true",
        "null",
        "123",
        '{"a":1}',
        '"quoted"',
        "[]",
        "get_started",
        "  spaces and\nlines ",
        "👩‍👩‍👧‍👦 😀",
        "مرحبا، كيف حالك؟",
        "\\u0000 typed",
        "0",
    ],
)
def test_what_a_person_typed_is_never_altered(said: str) -> None:
    assert entry_of(text(said)).content == said
    assert entry_of(quick_reply("{}", text=said)).content == said
    assert entry_of(postback("{}", title=said)).content == said
    assert entry_of(echo(text=said)).content == said


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (text("a\0b"), "a\ufffdb"),
        (text("half \ud83d"), "half \ufffd"),
        (text(""), ""),
        (by_user(message={"quick_reply": {"payload": "{}"}}), ""),
        (by_user(postback={"payload": "{}"}), ""),
        (by_user(postback={"title": None}), ""),
        (postback("{}") | {"message": {"text": "typed"}}, "typed"),
        (postback("{}") | {"message": {"text": ""}}, "I accept"),
        (postback("{}") | {"message": "odd"}, "I accept"),
        (echo(text=None), ""),
        (echo(text=""), ""),
        ({**FROM_BOT, "message": {"is_echo": True, "attachments": [{"type": "image"}]}}, ""),
    ],
)
def test_content(event: dict[str, Any], content: str) -> None:
    assert entry_of(event).content == content


@pytest.mark.parametrize(
    ("metadata", "question_ref", "message_type"),
    [
        ('{"ref": "q1", "type": "statement"}', "q1", "statement"),
        ('{"ref": 17}', "17", None),
        ('{"type": "statement"}', None, "statement"),
        ('{"ref": "", "type": ""}', None, None),
        ('{"ref": null, "type": 5}', None, None),
        ('{"ref": {"a": 1}, "type": []}', None, None),
        ('{"ref": true}', None, None),
        ('{"ref": "a\\u0000b", "type": "\\ud800"}', "a\ufffdb", "\ufffd"),
        ('\n {"ref": "q1"}', "q1", None),
        ({"ref": "q1", "type": "statement"}, "q1", "statement"),
        ("plain text", None, None),
        ('"ref"', None, None),
        ('["ref"]', None, None),
        ("{not json", None, None),
        ("", None, None),
        (None, None, None),
        (5, None, None),
        (nested(MAX_DEPTH + 1, b'{"ref":').decode(), None, None),
    ],
)
def test_only_a_json_object_in_the_metadata_has_ref_and_type(
    metadata: Any, question_ref: str | None, message_type: str | None
) -> None:
    entry = entry_of(echo(metadata=metadata))
    assert (entry.question_ref, entry.message_type) == (question_ref, message_type)


def test_a_persons_own_metadata_says_nothing_of_question_and_type() -> None:
    entry = entry_of(by_user(message={"text": "hi", "metadata": '{"ref": "x", "type": "y"}'}))
    assert (entry.question_ref, entry.message_type) == ("q7", "text")


@pytest.mark.parametrize(
    ("state", "shortcode"),
    [
        ({"forms": ["a"]}, "a"),
        ({"forms": ["a", "b", "c"]}, "c"),
        ({"forms": ["a", 305]}, "305"),
        ({"forms": []}, None),
        ({"forms": ["a", None]}, None),
        ({"forms": ["a", ""]}, None),
        ({"forms": ["a", {}]}, None),
        ({"forms": ["x" * (INDEXED_MAX_BYTES + 1)]}, None),
        ({"forms": "abc"}, None),
        ({"forms": None}, None),
    ],
)
def test_the_shortcode_is_the_last_form(state: dict[str, Any], shortcode: str | None) -> None:
    assert entry_of(text("hi"), state).shortcode == shortcode
    assert entry_of(echo(), state).shortcode == shortcode


@pytest.mark.parametrize(
    ("md", "surveyid"),
    [
        ({"surveyid": SURVEY}, SURVEY),
        ({"survey_id": SURVEY}, SURVEY),
        ({"surveyid": SURVEY.upper()}, SURVEY),
        ({"surveyid": "", "survey_id": SURVEY}, SURVEY),
        ({"surveyid": "none", "survey_id": SURVEY}, SURVEY),
        ({"surveyid": "not a uuid"}, None),
        ({"surveyid": 5}, None),
        ({"surveyid": None}, None),
        ({}, None),
    ],
)
def test_the_survey_is_what_the_state_says_when_that_is_a_uuid(
    md: dict[str, Any], surveyid: str | None
) -> None:
    assert entry_of(text("hi"), {"md": md}).surveyid == surveyid
    assert entry_of(echo(), {"md": md}).surveyid == surveyid


@pytest.mark.parametrize(
    ("state", "question_ref", "metadata"),
    [
        ({"md": {"pageid": 42}, "question": 7}, "7", {"pageid": 42}),
        ({"md": {"pageid": ""}, "question": ""}, None, {"pageid": ""}),
        ({"md": {"pageid": {}}, "question": {}}, None, {"pageid": {}}),
        ({"md": {"pageid": True}, "question": False}, None, {"pageid": True}),
        ({"md": {}}, None, {}),
        ({"md": []}, None, None),
        ({"md": "text"}, None, None),
        ({"forms": ["baseline"], "md": None}, None, None),
    ],
)
def test_what_a_user_entry_takes_from_the_state(
    state: dict[str, Any], question_ref: str | None, metadata: Any
) -> None:
    entry = entry_of(text("hi"), state)
    assert (entry.pageid, entry.question_ref, entry.metadata) == (PAGE, question_ref, metadata)


@pytest.mark.parametrize("page", [None, {}, {"id": None}, {"id": ""}, {"id": []}, "P1", ["P1"]])
@pytest.mark.parametrize(("event", "side"), [(text("hi"), "recipient"), (echo(), "sender")])
def test_where_the_event_does_not_say_its_page_the_state_may(
    event: dict[str, Any], side: str, page: Any
) -> None:
    without = event | {side: page}
    assert entry_of(without, {"md": {"pageid": 42}}).pageid == "42"
    unknown: list[Any] = [None, {}, {"pageid": ""}, {"pageid": {}}]
    assert {entry_of(without, {"md": md}).pageid for md in unknown} == {None}
    assert entry_of(without, {}).pageid is None


def test_ids_that_come_as_numbers_become_text() -> None:
    numbers = {"sender": {"id": 111}, "recipient": {"id": 222}}
    said, asked = entry_of(text("hi") | numbers), entry_of(echo() | numbers)
    assert (said.userid, said.pageid) == ("111", "222")
    assert (asked.userid, asked.pageid) == ("222", "111")


def test_the_payload_is_the_event_with_what_no_column_holds_replaced() -> None:
    event = by_user(message={"text": "a\0"}, extra={"k\ud800": [1, 0.5, None, "\\u0000", '{"a":1}']})
    assert entry_of(event).raw_payload == by_user(
        message={"text": "a\ufffd"}, extra={"k\ufffd": [1, 0.5, None, "\\u0000", '{"a":1}']}
    )


# What can never be an entry


@pytest.mark.parametrize("value", [None, {}, [], "U1", {"id": None}, {"id": ""}, {"id": 1.5}, {"id": True}])
@pytest.mark.parametrize(
    ("event", "person"),
    [
        (echo(), "recipient"),
        (text("hi"), "sender"),
        (quick_reply("{}"), "sender"),
        (postback("{}"), "sender"),
    ],
)
def test_a_visible_message_without_its_person_is_refused(
    event: dict[str, Any], person: str, value: Any
) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(event | {person: value})
    assert refused.value.reason in {Reason.MISSING_FIELD, Reason.WRONG_TYPE}
    assert refused.value.detail.startswith(f"{person}.id: ")


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        (None, Reason.MISSING_FIELD),
        ("soon", Reason.WRONG_TYPE),
        (1.5, Reason.WRONG_TYPE),
        (False, Reason.WRONG_TYPE),
        ({}, Reason.WRONG_TYPE),
        (-1, Reason.TIMESTAMP_OUT_OF_RANGE),
        (TIMESTAMP_MAX_MS + 1, Reason.TIMESTAMP_OUT_OF_RANGE),
    ],
)
@pytest.mark.parametrize("event", [echo(), text("hi")])
def test_a_visible_message_without_a_usable_timestamp_is_refused(
    event: dict[str, Any], timestamp: Any, reason: Reason
) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(event | {"timestamp": timestamp})
    assert refused.value.reason is reason
    assert refused.value.detail.startswith("timestamp: ")


@pytest.mark.parametrize("said", [123, 0, 1.5, True, False, {"a": 1}, ["a"]])
def test_text_that_is_no_text_is_refused_instead_of_guessed(said: Any) -> None:
    for event in (text(said), quick_reply("{}", text=said), echo(text=said)):
        with pytest.raises(BadRecord) as refused:
            extract(event)
        assert refused.value.reason is Reason.WRONG_TYPE
        assert refused.value.detail.startswith("message.text: ")


def test_a_title_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadRecord, match=r"postback\.title: "):
        extract(postback("{}", title={"en": "I accept"}))


def test_an_identifier_too_large_for_the_primary_key_is_refused() -> None:
    with pytest.raises(BadRecord) as refused:
        extract(text("hi") | {"sender": {"id": "😀" * (INDEXED_MAX_BYTES // 4 + 1)}})
    assert refused.value.reason is Reason.TOO_LARGE


def test_an_invisible_event_needs_neither_person_nor_timestamp() -> None:
    assert extract({"read": {}}) is None
    assert extract({"referral": {}, "timestamp": "never", "sender": 5}) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b"malformed", Reason.NOT_JSON),
        (b'"text"', Reason.NOT_AN_OBJECT),
        (b"[{}]", Reason.NOT_AN_OBJECT),
        (nested(MAX_DEPTH + 1), Reason.TOO_DEEP),
        (nested(100_000), Reason.TOO_DEEP),
    ],
)
def test_what_is_no_event_is_refused(raw: bytes | None, reason: Reason) -> None:
    with pytest.raises(BadRecord) as refused:
        parse_event(raw)
    assert refused.value.reason is reason


# Whose moment it is


@pytest.mark.parametrize(
    ("event", "moment"),
    [
        (text("hi"), Moment(USER, NOW)),
        (echo(), Moment(USER, NOW)),
        (postback("get_started"), None),
        (by_user(read={}), None),
        (echo() | {"read": {}}, None),
        (by_user(message={"is_echo": False}), None),
        (text("hi") | {"sender": {"id": 111}}, Moment("111", NOW)),
        ({}, None),
    ],
)
def test_whose_state_a_visible_message_needs_and_as_of_when(
    event: dict[str, Any], moment: Moment | None
) -> None:
    parsed = parse_event(as_bytes(event))
    assert moment_of(parsed, categorise(parsed)) == moment


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sender": {"id": ""}}, Reason.MISSING_FIELD),
        ({"sender": "U1"}, Reason.MISSING_FIELD),
        ({"timestamp": "soon"}, Reason.WRONG_TYPE),
        ({"timestamp": -1}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ],
)
def test_a_visible_message_of_no_moment_is_refused(changes: dict[str, Any], reason: Reason) -> None:
    event = parse_event(as_bytes(text("hi") | changes))
    with pytest.raises(BadRecord) as refused:
        moment_of(event, categorise(event))
    assert refused.value.reason is reason


# Anything at all

ids = st.sampled_from([{"id": USER}, {"id": 111}]) | any_json
payloads = st.sampled_from(["get_started", '{"referral": {}}', '{"ref": "q1", "type": "t"}']) | any_json
messages = any_json | st.fixed_dictionaries(
    {},
    optional={
        "text": any_text | any_json,
        "is_echo": st.booleans() | any_json,
        "metadata": payloads | any_json.map(lambda value: as_bytes(value).decode()),
        "quick_reply": st.fixed_dictionaries({"payload": payloads}) | any_json,
        "attachments": any_json,
    },
)
events = any_json.filter(lambda value: isinstance(value, dict)) | st.fixed_dictionaries(
    {"sender": ids, "recipient": ids, "timestamp": st.just(NOW) | any_json},
    optional={
        "message": messages,
        "postback": st.fixed_dictionaries({}, optional={"title": any_text | any_json, "payload": payloads})
        | any_json,
        "source": st.sampled_from(["synthetic", "messenger"]) | any_json,
        "event": st.just({"type": "timeout"}) | any_json,
        **dict.fromkeys(("referral", "optin", "pass_thread_control", "read", "delivery"), any_json),
    },
)
states = st.fixed_dictionaries(
    {},
    optional={
        "forms": st.lists(any_text | any_json, max_size=3),
        "question": any_text | any_json,
        "md": any_json
        | st.fixed_dictionaries(
            {},
            optional={"pageid": any_json, "surveyid": st.uuids().map(str) | any_json, "survey_id": any_json},
        ),
    },
)


@given(events, states)
def test_any_json_is_an_entry_that_survives_the_topic_or_nothing_or_a_bad_record(
    event: dict[str, Any], state: dict[str, Any]
) -> None:
    parsed, known = parse_event(as_bytes(event)), parse_event(as_bytes(state))
    category = categorise(parsed)
    with suppress(BadRecord):
        entry = extract_chat_log_entry(parsed, known)
        assert (entry is not None) == (category in SPEAKING)
        if entry is not None:
            assert values(decode_entry(encode_entry(entry))) == values(entry)
            assert moment_of(parsed, category) == Moment(entry.userid, entry.timestamp)


@given(st.binary() | any_json.map(as_bytes))
def test_any_bytes_are_an_event_or_a_bad_record(raw: bytes) -> None:
    with suppress(BadRecord):
        categorise(parse_event(raw))


@given(any_text)
def test_any_text_is_kept_but_for_what_no_column_can_hold(said: str) -> None:
    content = entry_of(text(said)).content
    assert len(content) == len(said)
    assert all(kept in (typed, "\ufffd") for kept, typed in zip(content, said, strict=True))


def test_the_deepest_event_survives_the_topic() -> None:
    inner = orjson.loads(nested(MAX_DEPTH - 1))
    entry = entry_of(text("hi") | {"extra": inner}, {"md": inner})
    assert values(decode_entry(encode_entry(entry))) == values(entry)
