"""What is found in Twitch's lines and envelopes, and what is refused."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.errors import BadRecord, Reason
from models.messages import UNKNOWN, Clear, Deletion, Extraction, Message, MessageRole
from models.platforms.twitch import KINDS, extract, key_of
from tests.models.platforms.extracting import any_bytes, assert_total, the_one
from tests.models.platforms.platform_cases import PlatformCase, assert_right, cases_of
from tests.models.strategies import any_json, any_text, as_bytes

SENT = 1767305123456
#: What a line of a room's chat has, in IRC's words.
TAGS = {
    "badges": "",
    "display-name": "Maren_Q",
    "id": "3f6c1d52",
    "room-id": "918273645",
    "tmi-sent-ts": str(SENT),
    "user-id": "733100221",
}


def line(text: str | None = "hi", command: str = "PRIVMSG", **tags: Any) -> bytes:
    """Return a line; a tag's name has underscores for hyphens, and one that is None is left out."""
    told = TAGS | {name.replace("_", "-"): value for name, value in tags.items()}
    written = ";".join(f"{name}={value}" for name, value in told.items() if value is not None)
    words = "" if text is None else f" :{text}"
    return f"@{written} :maren_q!maren_q@maren_q.tmi.twitch.tv {command} #lumen_forge{words}".encode()


def said(raw: bytes) -> Message:
    message = the_one(extract, raw)
    assert isinstance(message, Message)
    return message


def envelope(kind: str = "channel.chat.message", **event: Any) -> dict[str, Any]:
    """Return an envelope of the websocket; of a message in a room, but for what is told otherwise."""
    usual = {
        "broadcaster_user_id": "918273645",
        "broadcaster_user_login": "lumen_forge",
        "chatter_user_id": "733100221",
        "chatter_user_login": "maren_q",
        "chatter_user_name": "Maren_Q",
        "message_id": "cc106a89",
        "message": {"text": "hi", "fragments": [{"type": "text", "text": "hi"}]},
        "badges": [],
        "message_type": "text",
    }
    return {
        "metadata": {
            "message_id": "e1",
            "message_type": "notification",
            "message_timestamp": "2026-01-01T22:05:31.999999999Z",
        },
        "payload": {"subscription": {"type": kind}, "event": usual | event},
    }


TOLD = 1767305131999


# Every case of the collection

#: Without tags there is no id: said, and no row, so it is kept with the dead letters.
WITHOUT_ID = {40}
#: JOIN and PART.
NOT_TO_BE_TRUSTED = {33, 34}


@pytest.mark.parametrize("case", cases_of("twitch"))
def test_what_is_right_is_found_in_every_event_of_the_collection(case: PlatformCase) -> None:
    assert_right(case, extract, refused=WITHOUT_ID, without_effect=NOT_TO_BE_TRUSTED)


@pytest.mark.parametrize("case", cases_of("twitch"))
def test_an_event_is_keyed_by_the_room_that_its_messages_are_of(case: PlatformCase) -> None:
    for message in case.messages:
        assert key_of(case.raw) == message["channel"]


# Lines of IRC


def test_every_field_of_a_message_of_a_line() -> None:
    raw = line(
        "@Tilde_Fox hi",
        display_name="마렌",
        badges="moderator/1,subscriber/12",
        bits="150",
        custom_reward_id="r1",
        first_msg="1",
        msg_id="highlighted-message",
        reply_parent_msg_id="p1",
        reply_thread_parent_msg_id="t1",
    )
    assert extract(raw + b"\r\n") == Extraction(
        "PRIVMSG",
        (
            Message(
                source_id="3f6c1d52",
                timestamp=SENT,
                channel="918273645",
                role=MessageRole.USER,
                content="@Tilde_Fox hi",
                author_id="733100221",
                author_name="마렌",
                message_type="channel_points_highlighted",
                reply_to="p1",
                channel_name="lumen_forge",
                exemptions=frozenset({"moderator", "mention", "reply", "first"}),
                metadata={"login": "maren_q", "bits": 150, "reward_id": "r1", "thread_id": "t1"},
                raw_payload=raw.decode(),
            ),
        ),
    )


def test_a_usual_message_needs_no_metadata() -> None:
    assert said(line()).metadata is None
    assert said(line(reply_parent_msg_id="p1", reply_thread_parent_msg_id="p1")).metadata is None


@pytest.mark.parametrize(
    ("text", "content", "message_type"),
    [
        ("\x01ACTION waves\x01", "waves", "action"),
        ("\x01ACTION waves", "waves", "action"),
        ("\x01ACTION  two blanks \x01", " two blanks ", "action"),
        ("\x01ACTION \x01", "", "action"),
        ("\x01ACTION\x01", "", "action"),
        ("\x01ACTION", "", "action"),
        ("\x01ACTIONS speak\x01", "\x01ACTIONS speak\x01", None),
        ("ACTION waves", "ACTION waves", None),
    ],
)
def test_the_wrapper_of_an_action_is_no_text(text: str, content: str, message_type: str | None) -> None:
    for message in (said(line(text)), said(as_bytes(envelope(message={"text": text})))):
        assert (message.content, message.message_type) == (content, message_type)


def test_an_action_within_a_notice_keeps_the_type_of_the_notice() -> None:
    message = said(line("\x01ACTION waves\x01", "USERNOTICE", msg_id="resub"))
    assert (message.content, message.message_type) == ("waves", "resub")
    assert message.metadata == {"is_action": True}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\:b", "a;b"),
        (r"a\sb", "a b"),
        (r"a\\sb", r"a\sb"),
        (r"a\r\nb", "a\r\nb"),
        (r"a\xb", "axb"),
        ("a\\", "a"),
        ("a=b", "a=b"),
    ],
)
def test_values_of_tags_are_unescaped(written: str, meant: str) -> None:
    assert said(line(display_name=written)).author_name == meant


def test_the_last_one_counts_of_a_tag_that_is_told_twice() -> None:
    assert said(line().replace(b"@badges", b"@display-name=Older;badges")).author_name == "Maren_Q"


@pytest.mark.parametrize("name", ["", None])
def test_who_shows_no_name_is_called_by_their_login(name: str | None) -> None:
    assert said(line(display_name=name)).author_name == "maren_q"
    assert said(line("hi", "USERNOTICE", display_name=name, login="maren")).author_name == "maren"


@pytest.mark.parametrize(
    ("written", "content"),
    [
        (":hi :there", "hi :there"),
        ("::)", ":)"),
        ("hi", "hi"),
        (":", ""),
        (": hi ", " hi "),
        (":a\u2028b\x0bc\x85d", "a\u2028b\x0bc\x85d"),
        (":spam \U000e0000", "spam \U000e0000"),
        (":spam \u034f", "spam \u034f"),
        (":cut\0", "cut\ufffd"),
        (":\0cut", "\ufffdcut"),
    ],
)
def test_a_text_stays_as_it_was_sent(written: str, content: str) -> None:
    raw = line(None) + b" " + written.encode()
    message = said(raw + b"\r\n")
    assert message.content == content
    assert message.raw_payload == raw.decode().replace("\0", "\ufffd")


@pytest.mark.parametrize("broken", [b"\xed\xa0\xbd", b"\xff"])
def test_half_an_emoji_and_what_is_no_utf_8_become_replacement_characters(broken: bytes) -> None:
    assert said(line("hi ") + broken).content == "hi \ufffd"


@pytest.mark.parametrize("emotes", ["25:4-0/84608:0-99/1902:7", "80481_/3:0-4", "?", None])
def test_emotes_that_make_no_sense_do_no_harm(emotes: str | None) -> None:
    assert said(line("Kappa", emotes=emotes, badges="?,/,vip")).content == "Kappa"


@pytest.mark.parametrize("bits", ["", "many", "-1", "9" * 30])
def test_bits_that_are_no_number_are_left_out(bits: str) -> None:
    assert said(line(bits=bits)).metadata is None


def test_nobody_in_particular_gives_and_cheers_without_a_name() -> None:
    for everybody in ("274598607", "407665396"):
        message = said(line("Cheer100", user_id=everybody, display_name="AnAnonymousCheerer"))
        assert (message.author_id, message.author_name) == (None, "AnAnonymousCheerer")


def test_who_bears_the_badge_of_a_bot_is_one() -> None:
    for raw in (
        line(badges="moderator/1,bot-badge/1"),
        line(badges="", source_badges="bot-badge/1", source_room_id="1", source_id="s"),
        as_bytes(envelope(badges=[{"set_id": "bot-badge", "id": "1", "info": ""}])),
    ):
        message = said(raw)
        assert (message.role, message.author_is_bot) == (MessageRole.BOT, True)
    assert said(line(badges="not-a-bot-badge/1")).role is MessageRole.USER


@pytest.mark.parametrize(
    ("raw", "exemptions"),
    [
        (line(badges="broadcaster/1"), {"moderator"}),
        (line(badges="lead_moderator/1"), {"moderator"}),
        (line(badges="vip/1,subscriber/3", first_msg="0"), set()),
        (line(first_msg="1"), {"first"}),
        (line("hi, @maren_q!"), {"mention"}),
        (line("@마렌 hi"), {"mention"}),
        (line("mail@example.org or @ home"), set()),
        (line(reply_parent_msg_id="p1"), {"reply"}),
        (as_bytes(envelope(badges=[{"set_id": "moderator"}])), {"moderator"}),
        (as_bytes(envelope(message={"text": "hi", "fragments": [{"type": "mention"}]})), {"mention"}),
        (as_bytes(envelope(message={"text": "@Maren_Q hi", "fragments": []})), {"mention"}),
        (as_bytes(envelope(reply={"parent_message_id": "p1"})), {"reply"}),
    ],
)
def test_what_sampling_may_spare_a_message_for(raw: bytes, exemptions: set[str]) -> None:
    assert said(raw).exemptions == exemptions


def test_a_message_of_a_shared_chat_is_mirrored_in_every_room_but_its_own() -> None:
    for copied, original in (
        (
            line(source_id="s1", source_room_id="917364520"),
            line(source_id="3f6c1d52", source_room_id="918273645"),
        ),
        (
            as_bytes(envelope(source_broadcaster_user_id="917364520", source_message_id="s1")),
            as_bytes(envelope(source_broadcaster_user_id="918273645", source_message_id="cc106a89")),
        ),
    ):
        mirrored = said(copied)
        assert (mirrored.is_mirrored, mirrored.channel) == (True, "918273645")
        assert mirrored.source_id != "s1"
        assert mirrored.metadata == {"source_room_id": "917364520", "source_id": "s1"}
        assert (said(original).is_mirrored, said(original).metadata) == (False, None)


def test_a_mirrored_notice_is_of_the_kind_that_it_has_at_home() -> None:
    told = {"source_room_id": "917364520", "source_id": "s1"}
    by_irc = said(line("hi", "USERNOTICE", msg_id="sharedchatnotice", source_msg_id="announcement", **told))
    event = {
        "notice_type": "shared_chat_announcement",
        "source_broadcaster_user_id": "917364520",
        "source_message_id": "s1",
    }
    by_eventsub = said(as_bytes(envelope("channel.chat.notification", **event)))
    assert by_irc.message_type == by_eventsub.message_type == "announcement"
    assert by_irc.is_mirrored
    assert by_eventsub.is_mirrored


@pytest.mark.parametrize(
    ("by_irc", "by_eventsub"),
    [
        ("highlighted-message", "channel_points_highlighted"),
        ("user-intro", "user_intro"),
        ("gigantified-emote-message", "power_ups_gigantified_emote"),
        ("something-new", "something-new"),
    ],
)
def test_a_message_is_of_one_type_whichever_way_it_came(by_irc: str, by_eventsub: str) -> None:
    assert said(line(msg_id=by_irc)).message_type == by_eventsub
    assert said(as_bytes(envelope(message_type=by_eventsub))).message_type == by_eventsub


@pytest.mark.parametrize(
    "kind", ["sub", "subgift", "submysterygift", "raid", "unraid", "ritual", "bitsbadgetier", "brand-new"]
)
@pytest.mark.parametrize("text", [None, ""])
def test_a_notice_without_words_of_a_person_is_no_message(kind: str, text: str | None) -> None:
    assert extract(line(text, "USERNOTICE", msg_id=kind, system_msg=r"Maren\ssubscribed")) == Extraction(
        "USERNOTICE"
    )


def test_a_notice_with_words_is_a_message_with_what_twitch_says_beside_it() -> None:
    message = said(line("still here", "USERNOTICE", msg_id="viewermilestone", system_msg=r"3\sstreams"))
    assert (message.content, message.message_type) == ("still here", "watch_streak")
    assert message.metadata == {"system_message": "3 streams"}


def test_a_timeout_a_ban_and_an_emptied_room_are_told_apart() -> None:
    sent = f"room-id=918273645;tmi-sent-ts={SENT}"
    one = f"target-user-id=733100230;{sent} :tmi.twitch.tv CLEARCHAT #lumen_forge :rude_heron"
    emptied = Clear(channel="918273645", cleared=SENT)
    banned = replace(emptied, author_id="733100230", reason="ban")
    assert the_one(extract, f"@{sent} :tmi.twitch.tv CLEARCHAT #lumen_forge".encode()) == emptied
    assert the_one(extract, f"@{one}".encode()) == banned
    timeout = replace(banned, duration_s=600, reason="timeout")
    assert the_one(extract, f"@ban-duration=600;{one}".encode()) == timeout


def test_a_person_who_is_not_named_by_an_id_does_not_empty_the_room() -> None:
    raw = f"@room-id=1;tmi-sent-ts={SENT} :tmi.twitch.tv CLEARCHAT #lumen_forge :rude_heron".encode()
    with pytest.raises(BadRecord, match="target-user-id") as refused:
        extract(raw)
    assert refused.value.reason is Reason.MISSING_FIELD


def test_a_deleted_line_is_told_with_its_room_where_that_is_known() -> None:
    raw = f"@login=a;room-id=;target-msg-id=m1;tmi-sent-ts={SENT} :tmi.twitch.tv CLEARMSG #lumen_forge :cut"
    assert the_one(extract, raw.encode()) == Deletion(source_id="m1", deleted=SENT)
    known = raw.replace("room-id=", "room-id=918273645").encode()
    assert the_one(extract, known) == Deletion(source_id="m1", deleted=SENT, channel="918273645")


def test_a_line_of_the_past_that_was_deleted_since_is_a_message_and_its_deletion() -> None:
    message, deletion = extract(line(historical="1", rm_deleted="1", rm_received_ts="1767305123702")).found
    assert isinstance(message, Message)
    assert message.source_id == "3f6c1d52"
    assert deletion == Deletion(source_id="3f6c1d52", timestamp=SENT, channel="918273645")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b":maren_q!maren_q@maren_q.tmi.twitch.tv JOIN #lumen_forge", "JOIN"),
        (b":maren_q!maren_q@maren_q.tmi.twitch.tv PART #lumen_forge", "PART"),
        (b"PING :tmi.twitch.tv", "PING"),
        (b":tmi.twitch.tv RECONNECT\r\n", "RECONNECT"),
        (b":tmi.twitch.tv CAP * ACK :twitch.tv/tags", "CAP"),
        (b":tmi.twitch.tv 001 justinfan1 :Welcome, GLHF!", "numeric"),
        (b":justinfan1.tmi.twitch.tv 353 justinfan1 = #lumen_forge :maren_q tilde_fox", "numeric"),
        (b"@msg-id=slow_on :tmi.twitch.tv NOTICE #lumen_forge :This room is now in slow mode.", "NOTICE"),
        (b"@user-id=1 :tmi.twitch.tv GLOBALUSERSTATE", "GLOBALUSERSTATE"),
        (line("psst", "WHISPER"), "WHISPER"),
    ],
)
def test_where_nothing_was_said_only_the_kind_is_counted(raw: bytes, kind: str) -> None:
    assert kind in KINDS
    assert extract(raw) == Extraction(kind)


def test_a_command_that_is_not_known_is_named() -> None:
    assert extract(line("hi", "BRANDNEW")) == Extraction(UNKNOWN, (), "BRANDNEW")


@pytest.mark.parametrize("raw", [b"hello there", b"dear #diary", b"\0", b":", b"@", b"@a :b", b" ", b"7 up"])
def test_what_is_no_line_is_refused_and_not_named(raw: bytes) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(raw)
    assert refused.value.reason is Reason.NOT_AN_EVENT


@pytest.mark.parametrize("raw", [None, b"", b"\r\n"])
def test_an_empty_record_is_refused(raw: bytes | None) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(raw)
    assert refused.value.reason is Reason.EMPTY


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ({"id": None}, Reason.MISSING_FIELD),
        ({"id": ""}, Reason.MISSING_FIELD),
        ({"tmi_sent_ts": None}, Reason.MISSING_FIELD),
        ({"tmi_sent_ts": ""}, Reason.MISSING_FIELD),
        ({"tmi_sent_ts": "yesterday"}, Reason.WRONG_TYPE),
        ({"tmi_sent_ts": "9" * 18}, Reason.TIMESTAMP_OUT_OF_RANGE),
        ({"room_id": "9" * 600}, Reason.TOO_LARGE),
        ({"user_id": "9" * 600}, Reason.TOO_LARGE),
    ],
)
def test_what_was_said_without_what_a_row_needs_is_kept_as_a_dead_letter(
    missing: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(line("hi", **missing))
    assert refused.value.reason is reason
    assert "hi" not in refused.value.detail.split()


def test_a_room_without_an_id_is_known_by_its_login() -> None:
    assert said(line(room_id="")).channel == "lumen_forge"


def test_a_frame_of_several_lines_is_read_line_by_line() -> None:
    frame = b"\r\n".join([line("first"), b"PING :tmi.twitch.tv", line("second"), b""])
    extraction = extract(frame)
    assert extraction.kind == "frame"
    assert [message.content for message in extraction.found if isinstance(message, Message)] == [
        "first",
        "second",
    ]
    assert extract(line("hi") + b"\r\n\0\0").found == extract(line("hi")).found
    assert extract(line("hi") + b"\r\n" + line("ho", "BRANDNEW")).unknown == "BRANDNEW"


# Envelopes of EventSub


def test_every_field_of_a_message_of_an_envelope() -> None:
    told = envelope(
        cheer={"bits": 100},
        channel_points_custom_reward_id="r1",
        message_type="channel_points_highlighted",
        reply={"parent_message_id": "p1", "thread_message_id": "t1"},
        chatter_user_name="마렌",
    )
    assert extract(as_bytes(told)) == Extraction(
        "channel.chat.message",
        (
            Message(
                source_id="cc106a89",
                timestamp=TOLD,
                channel="918273645",
                role=MessageRole.USER,
                content="hi",
                author_id="733100221",
                author_name="마렌",
                message_type="channel_points_highlighted",
                reply_to="p1",
                channel_name="lumen_forge",
                exemptions=frozenset({"reply"}),
                metadata={"login": "maren_q", "bits": 100, "reward_id": "r1", "thread_id": "t1"},
                raw_payload=told,
            ),
        ),
    )


def by_webhook(told: dict[str, Any], **headers: str) -> bytes:
    usual = {
        "Twitch-Eventsub-Message-Type": "notification",
        "twitch-eventsub-message-timestamp": "2026-01-01T22:05:31.999999999Z",
    }
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return as_bytes({"headers": usual | headers, "body": told["payload"]})


def test_an_event_that_came_by_webhook_is_the_same_but_for_its_envelope() -> None:
    message = said(by_webhook(envelope()))
    assert (message.source_id, message.timestamp) == ("cc106a89", TOLD)
    assert message.raw_payload == json.loads(by_webhook(envelope()))


def test_a_delivery_that_is_repeated_is_of_the_same_message_at_another_time() -> None:
    again = copy.deepcopy(envelope())
    again["metadata"] |= {"message_id": "e2", "message_timestamp": "2026-01-01T22:15:31Z"}
    first, second = said(as_bytes(envelope())), said(as_bytes(again))
    assert first.source_id == second.source_id
    assert second.timestamp - first.timestamp == 599_001


@pytest.mark.parametrize("told", ["2026-01-01T22:05:31Z", "2026-01-01T22:05:31.0005Z"])
def test_a_time_is_cut_to_milliseconds_and_not_rounded(told: str) -> None:
    again = envelope()
    again["metadata"]["message_timestamp"] = told
    assert said(as_bytes(again)).timestamp == 1767305131000


def test_a_body_without_the_headers_has_no_time() -> None:
    with pytest.raises(BadRecord, match="header") as refused:
        extract(as_bytes(envelope()["payload"]))
    assert refused.value.reason is Reason.MISSING_FIELD


def test_a_person_without_a_name_may_speak_with_a_gift() -> None:
    nobody = {"chatter_user_id": None, "chatter_user_login": None, "chatter_user_name": None}
    message = said(
        as_bytes(
            envelope(
                "channel.chat.notification",
                **nobody,
                chatter_is_anonymous=True,
                notice_type="sub_gift",
                system_message="An anonymous user gifted",
            )
        )
    )
    assert (message.author_id, message.author_name, message.message_type) == (None, None, "sub_gift")
    assert message.metadata == {"system_message": "An anonymous user gifted"}


@pytest.mark.parametrize("message", [None, {}, {"text": "", "fragments": []}, {"text": None}])
def test_a_notification_without_text_is_no_message(message: Any) -> None:
    kind = "channel.chat.notification"
    assert extract(as_bytes(envelope(kind, message=message, message_id=""))) == Extraction(kind)


TARGET = {"target_user_id": "733100230"}


@pytest.mark.parametrize(
    ("kind", "event", "found"),
    [
        (
            "channel.chat.message_delete",
            TARGET | {"message_id": "m1"},
            Deletion(source_id="m1", deleted=TOLD, channel="918273645"),
        ),
        (
            "channel.chat.clear_user_messages",
            TARGET,
            Clear(channel="918273645", cleared=TOLD, author_id="733100230"),
        ),
        ("channel.chat.clear", {}, Clear(channel="918273645", cleared=TOLD)),
        (
            "channel.moderate",
            {"action": "delete", "delete": {"message_id": "m1", "message_body": "rude words"}},
            Deletion(source_id="m1", deleted=TOLD, channel="918273645", deleted_by="900100201"),
        ),
        (
            "channel.moderate",
            {
                "action": "timeout",
                "timeout": {"user_id": "733100230", "reason": "", "expires_at": "2026-01-01T22:15:31Z"},
            },
            Clear(
                channel="918273645",
                cleared=TOLD,
                author_id="733100230",
                cleared_by="900100201",
                duration_s=599,
                reason="timeout",
            ),
        ),
        (
            "channel.moderate",
            {"action": "ban", "ban": {"user_id": "733100230", "reason": "spam"}},
            Clear(
                channel="918273645",
                cleared=TOLD,
                author_id="733100230",
                cleared_by="900100201",
                reason="spam",
            ),
        ),
        (
            "channel.moderate",
            {"action": "clear"},
            Clear(channel="918273645", cleared=TOLD, cleared_by="900100201"),
        ),
    ],
)
def test_what_is_taken_back_is_told_with_who_did_it_where_that_is_known(
    kind: str, event: dict[str, Any], found: Deletion | Clear
) -> None:
    raw = as_bytes(envelope(kind, moderator_user_id="900100201", **event))
    assert extract(raw) == Extraction(kind, (found,))


@pytest.mark.parametrize(
    "event",
    [
        {"action": "slow", "slow": {"wait_time_seconds": 30}},
        {"action": "unban", "unban": {"user_id": "733100230"}},
        {"action": "shared_chat_ban", "shared_chat_ban": {"user_id": "733100230"}},
        {"action": "shared_chat_delete", "shared_chat_delete": {"message_id": "m1"}},
        {"action": ["delete"]},
        {},
    ],
)
def test_what_a_moderator_does_otherwise_takes_nothing_back(event: dict[str, Any]) -> None:
    assert extract(as_bytes(envelope("channel.moderate", **event))) == Extraction("channel.moderate")


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("channel.chat.message", {"message_id": ""}),
        ("channel.chat.message", {"broadcaster_user_id": None}),
        ("channel.chat.message", {"message": {"text": None}}),
        ("channel.chat.message", {"message": {"text": 1}}),
        ("channel.chat.message_delete", {"message_id": None}),
        ("channel.chat.clear_user_messages", {"target_user_id": ""}),
        ("channel.chat.clear", {"broadcaster_user_id": ""}),
        ("channel.moderate", {"action": "ban", "ban": None}),
        ("channel.moderate", {"action": "delete", "delete": {}}),
    ],
)
def test_an_event_that_lacks_who_or_where_is_refused(kind: str, event: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        extract(as_bytes(envelope(kind, **event)))


@pytest.mark.parametrize(
    "kind", ["channel.chat.user_message_hold", "channel.chat.user_message_update", "automod.message.hold"]
)
def test_what_nobody_saw_is_no_message(kind: str) -> None:
    assert kind in KINDS
    assert extract(as_bytes(envelope(kind))) == Extraction(kind)


@pytest.mark.parametrize("kind", ["session_welcome", "session_keepalive", "session_reconnect", "revocation"])
def test_messages_about_the_connection_are_counted(kind: str) -> None:
    told = {"metadata": {"message_type": kind, "message_timestamp": "?"}, "payload": {}}
    assert kind in KINDS
    assert extract(as_bytes(told)) == Extraction(kind)
    assert key_of(as_bytes(told)) is None


def test_a_challenge_that_was_recorded_is_counted() -> None:
    kind = "webhook_callback_verification"
    assert extract(by_webhook(envelope(), Twitch_Eventsub_Message_Type=kind)) == Extraction(kind)


def test_a_subscription_that_is_not_known_is_named() -> None:
    raw = as_bytes(envelope("channel.brand_new.thing"))
    assert extract(raw) == Extraction(UNKNOWN, (), "channel.brand_new.thing")


@pytest.mark.parametrize(
    "told", [{}, {"text": "hi"}, {"metadata": {}}, {"headers": {}}, {"subscription": 1}, envelope("Hi there")]
)
def test_an_object_that_is_no_envelope_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(as_bytes(told))
    assert refused.value.reason is Reason.NOT_AN_EVENT


# Keys


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (line(), "918273645"),
        (line(source_room_id="1"), "918273645"),
        (line() + b"\r\n" + line(room_id="2"), "918273645"),
        (line(room_id=""), "lumen_forge"),
        (b":tmi.twitch.tv RECONNECT", None),
        (b"PING :tmi.twitch.tv", None),
        (as_bytes(envelope()), "918273645"),
        (by_webhook(envelope("channel.moderate")), "918273645"),
        (b"{", None),
        (b"{}", None),
        (b"", None),
    ],
)
def test_an_event_is_keyed_by_its_room(raw: bytes, key: str | None) -> None:
    assert key_of(raw) == key


# Properties

any_tags = st.dictionaries(
    st.sampled_from([*TAGS, "bits", "msg-id", "source-room-id", "rm-deleted", "reply-parent-msg-id"]),
    st.text(st.characters(exclude_characters="; \r\n\0", exclude_categories=["Cs"]), max_size=12),
)
any_command = st.sampled_from(["PRIVMSG", "USERNOTICE", "CLEARMSG", "CLEARCHAT", "WHISPER", "NEW", "001"])


@given(any_bytes)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert_total("twitch", raw)


@given(any_tags, any_command, st.text(max_size=20), st.booleans())
def test_any_line_is_read_or_refused(tags: dict[str, str], command: str, text: str, whole: bool) -> None:
    told = (TAGS | {"target-msg-id": "m", "target-user-id": "u"} if whole else {}) | tags
    written = ";".join(f"{name}={value}" for name, value in told.items())
    assert_total("twitch", f"@{written} :a!a@a.tmi.twitch.tv {command} #room :{text}".encode())


@given(
    st.sampled_from([kind for kind in sorted(KINDS) if kind.startswith("channel.")]),
    st.dictionaries(
        st.sampled_from(
            [
                *("broadcaster_user_id", "chatter_user_id", "message_id", "message", "badges", "cheer"),
                *("reply", "action", "delete", "ban", "timeout", "target_user_id", "notice_type"),
            ]
        ),
        any_json | st.sampled_from(["delete", "ban", "timeout", "clear"]),
    ),
    any_json | st.just("2026-01-01T22:05:31Z"),
)
def test_any_envelope_is_read_or_refused(kind: str, event: dict[str, Any], told: Any) -> None:
    made = envelope(kind, **event)
    made["metadata"]["message_timestamp"] = told
    assert_total("twitch", as_bytes(made))


@given(any_text)
def test_whatever_is_said_is_found_as_it_was_said(text: str) -> None:
    content = said(as_bytes(envelope(message={"text": "." + text}))).content
    assert len(content) == len(text) + 1
    assert all(found in (sent, "\ufffd") for found, sent in zip(content[1:], text, strict=True))
