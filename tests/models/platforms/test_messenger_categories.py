"""Which events are visible messages: each category, what comes first, and the platform's idea of truth."""

from typing import Any

import pytest

from models.errors import BadRecord, Reason
from models.events import Category
from models.platforms.messenger import categorise, extract_chat_log_entry, parse_event
from tests.models.platforms.messenger_events import (
    NOW,
    SPEAKING,
    by_user,
    echo,
    postback,
    quick_reply,
    synthetic,
    text,
)
from tests.models.strategies import as_bytes, nested

REFERRAL = {"ref": "form.baseline", "source": "SHORTLINK", "type": "OPEN_THREAD"}
SPOKEN = {"message": {"text": "hi"}}
SYNTHETIC_KINDS: list[Any] = [
    "unblock",
    "follow_up",
    "repeat_payment",
    "redo",
    "platform_response",
    "machine_report",
    "bailout",
    "block_user",
    "restore_state",
    "timeout",
    "external",
    "invented_tomorrow",
    {},
]

CATEGORIES: list[tuple[dict[str, Any], Category]] = [
    # 1. A referral, wherever it is
    (by_user(referral=REFERRAL), Category.REFERRAL),
    (by_user(referral={}), Category.REFERRAL),
    (by_user(referral=[]), Category.REFERRAL),
    (by_user(referral="x"), Category.REFERRAL),
    (postback("{}", referral=REFERRAL), Category.REFERRAL),
    (postback("{}", referral={}), Category.REFERRAL),
    (postback("get_started"), Category.REFERRAL),
    (postback("get_started", referral=REFERRAL), Category.REFERRAL),
    (postback('{"referral": {"ref": "form.baseline"}}'), Category.REFERRAL),
    (postback(' {"referral": {}}'), Category.REFERRAL),
    (postback({"referral": REFERRAL}), Category.REFERRAL),
    (postback('{"referral": {"ref": "\\ud800"}}'), Category.REFERRAL),
    (quick_reply('{"referral": {"ref": "form.baseline"}}'), Category.REFERRAL),
    (quick_reply({"referral": {}}), Category.REFERRAL),
    # 2.
    (by_user(optin={"type": "one_time_notif_req"}), Category.OPTIN),
    (by_user(optin={}), Category.OPTIN),
    # 3. Every kind, those not known yet included
    *[(synthetic(kind), Category.SYNTHETIC) for kind in SYNTHETIC_KINDS],
    # 4.
    (by_user(pass_thread_control={"new_owner_app_id": "1"}), Category.HANDOVER),
    (by_user(pass_thread_control={}), Category.HANDOVER),
    # 5.
    (by_user(read={"watermark": NOW}), Category.WATERMARK),
    (by_user(delivery={"watermark": NOW}), Category.WATERMARK),
    (by_user(delivery={}), Category.WATERMARK),
    # 6.
    (echo(), Category.ECHO),
    (echo(is_echo=1), Category.ECHO),
    (echo(is_echo="false"), Category.ECHO),
    (echo(is_echo={}), Category.ECHO),
    # 7.
    (postback('{"value": true, "ref": "q1"}'), Category.POSTBACK),
    (postback("plain text"), Category.POSTBACK),
    (postback("GET_STARTED"), Category.POSTBACK),
    (postback(None), Category.POSTBACK),
    (by_user(postback={}), Category.POSTBACK),
    (by_user(postback="odd"), Category.POSTBACK),
    # 8.
    (quick_reply('{"value": "Yes", "ref": "q1"}'), Category.QUICK_REPLY),
    (quick_reply("get_started"), Category.QUICK_REPLY),
    (quick_reply(None), Category.QUICK_REPLY),
    (by_user(message={"quick_reply": {}}), Category.QUICK_REPLY),
    # 9. Text, even empty
    (text("hi"), Category.TEXT),
    (text(""), Category.TEXT),
    (by_user(message={"text": "look", "attachments": [{"type": "image"}]}), Category.TEXT),
    # 10. The rest
    (by_user(message={"attachments": [{"type": "image"}]}), Category.MEDIA),
    (by_user(message={"text": None, "attachments": [{"type": "image"}]}), Category.MEDIA),
    (by_user(reaction={"action": "react", "emoji": "😠"}), Category.REACTION),
    (by_user(message={"mid": "m_1", "is_unsupported": True}), Category.MEDIA),
    (by_user(message_edit={"mid": "m_1", "text": "hello", "num_edit": 1}), Category.EDIT),
    (by_user(message={"mid": "m_1", "is_deleted": True}), Category.UNSENT),
    (by_user(message={"mid": "m_1", "is_deleted": False}), Category.OTHER),
    (by_user(message_unsend={"mid": "m_1"}), Category.UNSENT),
    (echo(is_deleted=True, text=None), Category.UNSENT),
    (echo(is_deleted=False), Category.ECHO),
    (by_user(message={"mid": "m_1"}), Category.OTHER),
    # What nobody took apart
    ({"object": "page", "entry": [{"messaging": [text("hi")]}]}, Category.ENVELOPE),
    ({"id": "1", "time": NOW, "messaging": [text("hi")]}, Category.ENVELOPE),
    ({"id": "1", "time": NOW, "standby": [text("hi")]}, Category.ENVELOPE),
    ({"id": "1", "time": NOW, "changes": [{"field": "feed", "value": {}}]}, Category.ENVELOPE),
    ({"field": "messages", "value": text("hi")}, Category.ENVELOPE),
    ({"object": "page", "entry": []}, Category.ENVELOPE),
    (text("hi") | {"entry": [], "field": "x", "value": "y"}, Category.TEXT),
    (by_user(field="x"), Category.OTHER),
    (by_user(account_linking={"status": "linked"}), Category.OTHER),
    (by_user(), Category.OTHER),
    ({}, Category.OTHER),
    # What is false to the platform is not there
    (by_user(referral=None, **SPOKEN), Category.TEXT),
    (by_user(referral=False, **SPOKEN), Category.TEXT),
    (by_user(referral="", **SPOKEN), Category.TEXT),
    (by_user(optin=0, **SPOKEN), Category.TEXT),
    (by_user(optin=-0.0, **SPOKEN), Category.TEXT),
    (by_user(read=None, delivery=False, **SPOKEN), Category.TEXT),
    (by_user(pass_thread_control=None, **SPOKEN), Category.TEXT),
    (by_user(postback=None, **SPOKEN), Category.TEXT),
    (by_user(postback="", **SPOKEN), Category.TEXT),
    (by_user(message={"text": "hi", "is_echo": False}), Category.TEXT),
    (by_user(message={"text": "hi", "is_echo": None}), Category.TEXT),
    (by_user(message={"text": "hi", "is_echo": 0}), Category.TEXT),
    (by_user(message={"text": "hi", "is_echo": ""}), Category.TEXT),
    (by_user(message={"text": "hi", "quick_reply": None}), Category.TEXT),
    (by_user(message={"text": "hi", "quick_reply": ""}), Category.TEXT),
    (postback("{}", referral=None), Category.POSTBACK),
    (postback('{"referral": null}'), Category.POSTBACK),
    (postback('{"referral": ""}'), Category.POSTBACK),
    (quick_reply('{"referral": false}'), Category.QUICK_REPLY),
    # A payload that is no JSON object has no referral
    (postback('["referral"]'), Category.POSTBACK),
    (postback('{"referral": {'), Category.POSTBACK),
    (postback('{"x": NaN, "referral": {}}'), Category.POSTBACK),
    (postback('"referral"'), Category.POSTBACK),
    (postback("123"), Category.POSTBACK),
    (postback(["referral"]), Category.POSTBACK),
    (quick_reply(nested(100_000, b'{"referral":').decode()), Category.QUICK_REPLY),
    (quick_reply("{\0}"), Category.QUICK_REPLY),
    # Rules that need two things
    (by_user(source="whatsapp", pass_thread_control={}, **SPOKEN), Category.TEXT),
    (synthetic(None, **SPOKEN), Category.TEXT),
    (synthetic("", **SPOKEN), Category.TEXT),
    (synthetic("timeout", source="messenger", **SPOKEN), Category.TEXT),
    (synthetic("timeout", event="timeout", **SPOKEN), Category.TEXT),
    # Several at once: the first rule wins
    (by_user(referral={}, optin={}), Category.REFERRAL),
    (synthetic("external", referral=REFERRAL), Category.REFERRAL),
    (synthetic("external", optin={}), Category.OPTIN),
    (by_user(optin={}, **SPOKEN), Category.OPTIN),
    (synthetic("timeout", **SPOKEN), Category.SYNTHETIC),
    (synthetic("timeout", read={}, pass_thread_control={}), Category.SYNTHETIC),
    (by_user(pass_thread_control={}, read={}, **SPOKEN), Category.HANDOVER),
    (echo() | {"read": {}}, Category.WATERMARK),
    (by_user(delivery={}, postback={"title": "x"}), Category.WATERMARK),
    (echo() | {"postback": {"title": "x"}}, Category.ECHO),
    (echo() | {"postback": {"title": "x", "payload": "get_started"}}, Category.REFERRAL),
    (echo(quick_reply={"payload": "{}"}), Category.ECHO),
    (echo(quick_reply={"payload": '{"referral": {}}'}), Category.REFERRAL),
    (postback("{}") | {"message": {"text": "hi", "quick_reply": {}}}, Category.POSTBACK),
    (postback("{}") | {"message": {"quick_reply": {"payload": '{"referral": {}}'}}}, Category.REFERRAL),
    (by_user(reaction={}, message={"attachments": [{}]}), Category.MEDIA),
    # Nothing is where it should be
    (by_user(message="hi"), Category.OTHER),
    (by_user(message=["hi"]), Category.OTHER),
    (by_user(message=None), Category.OTHER),
    (by_user(message={"quick_reply": "Yes"}), Category.QUICK_REPLY),
]


@pytest.mark.parametrize(("event", "category"), CATEGORIES)
def test_the_category_is_the_first_that_matches(event: dict[str, Any], category: Category) -> None:
    assert categorise(parse_event(as_bytes(event))) is category


@pytest.mark.parametrize(("event", "category"), CATEGORIES)
def test_only_what_someone_said_is_an_entry(event: dict[str, Any], category: Category) -> None:
    parsed = parse_event(as_bytes({**event, "sender": {"id": "S"}, "recipient": {"id": "R"}}))
    if category is Category.ENVELOPE:
        with pytest.raises(BadRecord, match="produce each of its events by itself") as refused:
            extract_chat_log_entry(parsed, {})
        assert refused.value.reason is Reason.NOT_AN_EVENT
    else:
        assert (extract_chat_log_entry(parsed, {}) is not None) == (category in SPEAKING)
