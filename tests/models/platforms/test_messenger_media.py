"""What people see without a text: the words of templates always, the rest where it is asked for."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.entries import ChatLogEntry, Direction, decode_entry, encode_entry
from models.errors import BadRecord
from models.events import Category
from models.platforms.messenger import categorise, extract_chat_log_entry, parse_event
from tests.models.columns import values
from tests.models.platforms.messenger_events import (
    NOW,
    PAGE,
    STATE,
    USER,
    by_user,
    echo,
    postback,
    quick_reply,
    synthetic,
    text,
)
from tests.models.strategies import any_json, as_bytes

REFERRAL = {"ref": "form.baseline", "source": "ADS", "type": "OPEN_THREAD"}


def attached(*attachments: Any, **message: Any) -> dict[str, Any]:
    return by_user(message={"mid": "m_1", "attachments": list(attachments)} | message)


def template(**payload: Any) -> dict[str, Any]:
    return {"type": "template", "payload": payload}


def button(title: Any) -> dict[str, Any]:
    return {"type": "postback", "title": title, "payload": "x"}


BUTTONS = template(template_type="button", text="Ready?", buttons=[button("Yes"), button("No")])
GENERIC = template(
    template_type="generic",
    elements=[
        {"title": "Clinic A", "subtitle": "Main street", "image_url": "x", "buttons": [button("Book")]},
        {"title": "Clinic B", "buttons": [button("Book"), button("Call")]},
    ],
)
RECEIPT = template(
    template_type="receipt",
    recipient_name="Ada",
    order_number="1",
    elements=[{"title": "Transfer", "subtitle": "March", "price": 50}],
)
MEDIA = template(template_type="media", elements=[{"media_type": "image", "buttons": [button("See")]}])
FALLBACK = {"type": "fallback", "title": "A page", "url": "https://example.org", "payload": None}
IMAGE = {"type": "image", "payload": {"url": "https://example.org/a.jpg"}}


# The words of a template, always


@pytest.mark.parametrize(
    ("attachments", "content"),
    [
        ([BUTTONS], "Ready?\nYes\nNo"),
        ([GENERIC], "Clinic A\nMain street\nBook\nClinic B\nBook\nCall"),
        ([GENERIC | {"title": "Clinic A"}], "Clinic A\nMain street\nBook\nClinic B\nBook\nCall"),
        ([RECEIPT], "Transfer\nMarch"),
        ([MEDIA], "See"),
        ([FALLBACK], "A page"),
        (
            [template(template_type="customer_feedback", title="Rate us", subtitle="One minute")],
            "Rate us\nOne minute",
        ),
        ([BUTTONS, FALLBACK], "Ready?\nYes\nNo\nA page"),
        ([template(text="one\ntwo", buttons=[])], "one\ntwo"),
        ([IMAGE], ""),
        ([template(text=5, title=None, elements={}, buttons="x")], ""),
        ([template(elements=[None, "x", {"title": []}], buttons=[{"title": ""}, 5, button("Go")])], "Go"),
        ([{"type": "template", "payload": "x", "title": ""}], ""),
        (["x", None, 5, []], ""),
        ({"type": "template"}, ""),
        (None, ""),
    ],
)
def test_an_echo_without_text_says_what_can_be_read_on_it(attachments: Any, content: str) -> None:
    for said in (None, ""):
        entry = extract_chat_log_entry(echo(text=said, attachments=attachments), STATE)
        assert entry is not None
        assert entry.content == content


def test_where_there_is_text_it_is_all_that_was_said() -> None:
    entry = extract_chat_log_entry(echo(text="Hello", attachments=[BUTTONS]), STATE)
    assert entry is not None
    assert entry.content == "Hello"


# The rest, where it is asked for

SEEN: list[tuple[dict[str, Any], str, str]] = [
    (attached(IMAGE), "image", ""),
    (attached({"type": "audio", "payload": {"url": "x"}}), "audio", ""),
    (attached({"type": "video", "payload": {"url": "x"}}), "video", ""),
    (attached({"type": "file", "payload": {"url": "x"}}), "file", ""),
    (attached(IMAGE, {"type": "video"}), "image", ""),
    (
        attached({"type": "location", "title": "Pinned location", "payload": {"coordinates": {"lat": 1}}}),
        "location",
        "Pinned location",
    ),
    (attached(FALLBACK), "fallback", "A page"),
    (attached(GENERIC), "template", "Clinic A\nMain street\nBook\nClinic B\nBook\nCall"),
    (attached({"type": "image", "payload": {"url": "x", "sticker_id": 369239263222822}}), "sticker", ""),
    (attached(IMAGE, sticker_id=369239263222822), "sticker", ""),
    (attached({"type": "reel", "payload": {"url": "x", "title": "A dance"}}), "reel", "A dance"),
    (attached({"type": 5}), "attachment", ""),
    (attached(), "attachment", ""),
    (by_user(message={"mid": "m_1", "is_unsupported": True}), "unsupported", ""),
    (by_user(reaction={"mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤"}), "reaction", "❤"),
    (by_user(reaction={"mid": "m_1", "action": "react", "reaction": "other"}), "reaction", "other"),
    (by_user(reaction={"mid": "m_1", "action": "unreact"}), "unreaction", ""),
    (by_user(message_edit={"mid": "m_1", "text": "better so", "num_edit": 1}), "edit", "better so"),
    (by_user(message_edit={"mid": "m_1", "text": None}), "edit", ""),
    (by_user(message={"mid": "m_1", "is_deleted": True}), "unsent", ""),
    (by_user(message_unsend={"mid": "m_1"}), "unsent", ""),
    (postback("get_started"), "postback", "I accept"),
    (postback("{}", referral=REFERRAL), "postback", "I accept"),
    (postback('{"referral": {}}'), "postback", "I accept"),
    (quick_reply('{"referral": {}}'), "quick_reply", "Yes"),
    (text("hi") | {"referral": REFERRAL}, "text", "hi"),
]

NOT_SEEN: list[dict[str, Any]] = [
    by_user(referral=REFERRAL),
    by_user(postback={"payload": "get_started", "referral": REFERRAL}),
    by_user(postback={"title": "", "payload": "get_started"}),
    by_user(postback={"title": 5, "payload": "get_started"}),
    by_user(message={"quick_reply": {"payload": '{"referral": {}}'}}),
    echo() | {"referral": REFERRAL},
    by_user(optin={}),
    by_user(read={"watermark": NOW}),
    by_user(pass_thread_control={}),
    by_user(message={"mid": "m_1"}),
    synthetic("timeout"),
]


@pytest.mark.parametrize(("event", "message_type", "content"), SEEN)
def test_what_people_see_is_an_entry_of_its_own_type_where_it_is_asked_for(
    event: dict[str, Any], message_type: str, content: str
) -> None:
    parsed = parse_event(as_bytes(event))
    assert extract_chat_log_entry(parsed, STATE) is None
    assert extract_chat_log_entry(parsed, STATE, media=True) == ChatLogEntry(
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
        metadata=STATE["md"],
    )


@pytest.mark.parametrize("event", NOT_SEEN)
def test_what_nobody_sees_is_no_entry_even_then(event: dict[str, Any]) -> None:
    assert extract_chat_log_entry(parse_event(as_bytes(event)), STATE, media=True) is None


def test_what_a_bot_takes_back_is_said_by_the_bot() -> None:
    event = echo(text=None, mid="m_1", is_deleted=True)
    assert extract_chat_log_entry(event, STATE) is None
    entry = extract_chat_log_entry(event, STATE, media=True)
    assert entry is not None
    assert (entry.userid, entry.pageid, entry.direction) == (USER, PAGE, Direction.BOT)
    assert (entry.message_type, entry.content) == ("unsent", "")


@pytest.mark.parametrize("event", [echo(), text("hi"), quick_reply("{}"), postback("{}")])
def test_what_is_captured_anyway_is_captured_the_same(event: dict[str, Any]) -> None:
    entry = extract_chat_log_entry(event, STATE)
    assert entry is not None
    assert extract_chat_log_entry(event, STATE, media=True) == entry


@pytest.mark.parametrize("field", ["sender", "timestamp"])
def test_it_is_refused_without_its_person_or_time(field: str) -> None:
    event = attached(IMAGE)
    del event[field]
    assert extract_chat_log_entry(event, STATE) is None
    with pytest.raises(BadRecord, match=f"{field}.*: missing"):
        extract_chat_log_entry(event, STATE, media=True)


parts = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("type", "title", "text", "payload", "elements", "buttons"), any_json)
)
odd = st.fixed_dictionaries(
    {"sender": st.just({"id": USER}), "recipient": st.just({"id": PAGE}), "timestamp": st.just(NOW)},
    optional={
        "message": st.fixed_dictionaries(
            {},
            optional={
                "is_echo": any_json,
                "is_deleted": any_json,
                "is_unsupported": any_json,
                "text": any_json,
                "sticker_id": any_json,
                "attachments": any_json | st.lists(parts | st.fixed_dictionaries({"payload": parts})),
            },
        ),
        "postback": any_json | st.fixed_dictionaries({"title": any_json, "referral": any_json}),
        "referral": any_json,
        "reaction": any_json | st.fixed_dictionaries({"action": any_json, "emoji": any_json}),
        "message_edit": any_json | st.fixed_dictionaries({"text": any_json}),
        "message_unsend": any_json,
    },
)


@given(odd)
def test_any_event_is_an_entry_that_can_be_stored_nothing_or_a_bad_record(value: dict[str, Any]) -> None:
    event = parse_event(as_bytes(value))
    with suppress(BadRecord):
        entry = extract_chat_log_entry(event, {}, media=True)
        if entry is None:
            assert categorise(event) in {Category.OTHER, Category.REFERRAL}
        else:
            assert values(decode_entry(encode_entry(entry))) == values(entry)
