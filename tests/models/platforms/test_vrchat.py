"""What is found in VRChat's notifications, logs and chatboxes, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRecord, Reason
from models.messages import (
    UNKNOWN,
    ConversationKind,
    Extraction,
    Message,
    MessageRole,
    Presence,
    PresenceKind,
)
from models.platforms.vrchat import KINDS, extract, key_of
from models.platforms.vrchat_log import LogLine, is_log_line, read_log_line
from tests.models.platforms.extracting import any_bytes, assert_total, the_one
from tests.models.platforms.platform_cases import PlatformCase, assert_right, cases_of
from tests.models.strategies import any_json, as_bytes

KIRI = "usr_8d1b4f0e-6a2c-4f5b-9a77-0c1d2e3f4a02"
BOT = "usr_8d1b4f0e-6a2c-4f5b-9a77-0c1d2e3f4a01"
PIER = "wrld_4432ea9b:12345~region(eu)"
FILE = "output_log_2026-03-02_19-00-11.txt"
SENT = 1772475605123


def notification(kind: str = "invite", **fields: Any) -> dict[str, Any]:
    usual = {
        "id": "not_1",
        "type": kind,
        "senderUserId": KIRI,
        "senderUsername": "Kiri Vale",
        "receiverUserId": BOT,
        "message": "This is a generated invite",
        "details": {"inviteMessage": "come", "worldId": PIER, "worldName": "Lantern Pier"},
        "created_at": "2026-03-02T18:20:05.123Z",
    }
    return usual | fields


def pipeline(content: Any, kind: str = "notification") -> bytes:
    return as_bytes({"type": kind, "content": json.dumps(content)})


def log_line(text: str, at: str = "2026.03.02 19:04:11") -> str:
    return f"{at} Debug      -  {text}"


JOINED = log_line(f"[Behaviour] OnPlayerJoined Kiri Vale ({KIRI})")


def wrapped(line: str = JOINED, **told: Any) -> bytes:
    usual = {"source": "log", "file": FILE, "offset": 48211, "zone": "Europe/Berlin", "location": PIER}
    return as_bytes(usual | {"line": line} | told)


def chatbox(*args: Any, **told: Any) -> bytes:
    usual = {"source": "osc", "id": "osc-1", "received_at": "2026-03-02T18:25:00.750Z", "user_id": BOT}
    return as_bytes(usual | {"location": PIER, "address": "/chatbox/input", "args": args} | told)


def gamelog(kind: str = "player-joined", *more: Any) -> bytes:
    return as_bytes([FILE, "2026-03-02T18:04:11.000Z", kind, *more])


# Every case of the collection

#: A line alone that tells of presence: nobody can know when that was.
WITHOUT_ZONE = {case.values[0].number for case in cases_of("vrchat") if "local_time" in str(case.values[0])}
NAMES_THE_ROOM = {110}


@pytest.mark.parametrize("case", cases_of("vrchat"))
def test_what_is_right_is_found_in_every_event_of_the_collection(case: PlatformCase) -> None:
    assert_right(case, extract, refused=WITHOUT_ZONE - NAMES_THE_ROOM, without_effect=NAMES_THE_ROOM)


@pytest.mark.parametrize(
    "case", [case for case in cases_of("vrchat") if case.values[0].number in WITHOUT_ZONE]
)
def test_what_a_line_of_the_collection_tells_is_read_of_it_alone(case: PlatformCase) -> None:
    effect, line = case.effect, read_log_line(case.raw.decode())
    assert effect is not None
    assert line is not None
    names = {"userid": "user_id"}
    assert {name: getattr(line, names.get(name, name)) for name in effect} == effect


@pytest.mark.parametrize("case", cases_of("vrchat"))
def test_an_event_is_keyed_by_the_place_that_its_messages_are_of(case: PlatformCase) -> None:
    for message in case.messages:
        assert key_of(case.raw) == message["channel"]


# Notifications


def test_every_field_of_what_somebody_writes_with_an_invitation() -> None:
    raw = pipeline(notification())
    assert extract(raw) == Extraction(
        "notification",
        (
            Message(
                source_id="not_1",
                timestamp=SENT,
                channel=BOT,
                role=MessageRole.USER,
                content="come",
                author_id=KIRI,
                author_name="Kiri Vale",
                conversation=KIRI,
                kind=ConversationKind.DIALOGUE,
                message_type="invite",
                metadata={"location": PIER, "world": "Lantern Pier"},
                raw_payload=json.loads(raw),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("kind", "details", "reply_to"),
    [
        ("requestInvite", {"requestMessage": "may I?"}, None),
        ("inviteResponse", {"responseMessage": "may I?", "inResponseTo": "not_0"}, "not_0"),
        ("requestInviteResponse", {"responseMessage": "may I?", "inResponseTo": "not_0"}, "not_0"),
    ],
)
def test_words_are_in_the_details_of_every_kind_that_has_some(
    kind: str, details: dict[str, str], reply_to: str | None
) -> None:
    message = the_one(extract, pipeline(notification(kind, details=details)))
    assert (message.content, message.message_type, message.reply_to) == ("may I?", kind, reply_to)
    assert message.exemptions == ({"reply"} if reply_to else set())
    assert message.metadata is None


def test_a_notification_out_of_the_rest_list_is_the_one_that_the_pipeline_told() -> None:
    told = notification()
    by_rest = told | {"details": json.dumps(told["details"])}
    one, other = the_one(extract, pipeline(told)), the_one(extract, as_bytes(by_rest))
    assert (one.source_id, one.timestamp, one.content) == (other.source_id, other.timestamp, other.content)
    assert key_of(pipeline(told)) == key_of(as_bytes(by_rest)) == BOT


@pytest.mark.parametrize("details", [{}, None, "", "{}", {"inviteMessage": ""}, {"inviteMessage": None}, []])
@pytest.mark.parametrize("kind", ["invite", "friendRequest", "boop", "votetokick"])
def test_what_the_platform_writes_itself_is_no_message(kind: str, details: Any) -> None:
    assert extract(pipeline(notification(kind, details=details))) == Extraction("notification")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": None}, Reason.MISSING_FIELD),
        ({"receiverUserId": ""}, Reason.MISSING_FIELD),
        ({"created_at": None}, Reason.MISSING_FIELD),
        ({"created_at": "yesterday"}, Reason.WRONG_TYPE),
        ({"details": {"inviteMessage": 1}}, Reason.WRONG_TYPE),
        ({"details": "come"}, Reason.NOT_JSON),
    ],
)
def test_words_without_what_a_row_needs_are_kept_as_a_dead_letter(
    wrong: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(pipeline(notification(**wrong)))
    assert refused.value.reason is reason


def test_what_no_column_can_hold_is_replaced_in_the_inner_json_too() -> None:
    raw = pipeline(notification(details={"inviteMessage": "nul \0 half \ud83d"}))
    assert the_one(extract, raw).content == "nul \ufffd half \ufffd"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("see-notification", '"not_1"'),
        ("hide-notification", "not_1"),
        ("clear-notification", None),
        ("friend-online", '{"userId":"usr_1","location":""}'),
        ("friend-active", '{"userid":"usr_1"}'),
        ("friend-location", '{"userId":"usr_1","location":"private"}'),
        ("user-location", '{"userId":"usr_1","location":"traveling"}'),
        ("notification-v2", '{"id":"not_2","message":"a group\'s news"}'),
    ],
)
def test_where_nobody_says_anything_only_the_kind_is_counted(kind: str, content: str | None) -> None:
    assert kind in KINDS
    assert extract(as_bytes({"type": kind, "content": content})) == Extraction(kind)


def test_a_kind_that_is_not_known_is_named() -> None:
    assert extract(b'{"type":"brand-new","content":"{}"}') == Extraction(UNKNOWN, (), "brand-new")
    assert extract(gamelog("brand-new")) == Extraction(UNKNOWN, (), "brand-new")


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"type":"Hello there"}',
        b'{"source":"elsewhere"}',
        b"[]",
        b'["a","b"]',
        b'["a","b","Hello there"]',
        b"hello there",
        b"   at System.Exception",
    ],
)
def test_what_is_none_of_this_is_refused_and_not_named(raw: bytes) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(raw)
    assert refused.value.reason is Reason.NOT_AN_EVENT
    assert "ello" not in refused.value.detail


@pytest.mark.parametrize("raw", [None, b""])
def test_an_empty_record_is_refused(raw: bytes | None) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(raw)
    assert refused.value.reason is Reason.EMPTY


# Lines of the log


def test_every_field_of_somebodys_coming() -> None:
    assert extract(wrapped(JOINED + "\r\n")) == Extraction(
        "log/join",
        (
            Presence(
                source_id=f"{FILE}:48211",
                kind=PresenceKind.JOIN,
                channel=PIER,
                timestamp=1772474651000,
                author_id=KIRI,
                author_name="Kiri Vale",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"[Behaviour] OnPlayerLeft Milo★ (EU) ({BOT})", ("leave", BOT, "Milo★ (EU)")),
        ("[Behaviour] OnPlayerJoined Old One (8JoV9XEdpo)", ("join", "8JoV9XEdpo", "Old One")),
        ("[Behaviour] OnPlayerJoined Milo (EU)", ("join", None, "Milo (EU)")),
        ("[Behaviour] OnLeftRoom", ("leave_all", None, None)),
        ("[Behaviour] Successfully left room", ("leave_all", None, None)),
        ("VRCApplication: OnApplicationQuit at 1603.499", ("leave_all", None, None)),
        ("VRCApplication: HandleApplicationQuit at 936.5161", ("leave_all", None, None)),
    ],
)
def test_lines_tell_who_came_and_went(text: str, line: tuple[str, str | None, str | None]) -> None:
    assert read_log_line(log_line(text)) == LogLine(line[0], "2026-03-02T19:04:11", *line[1:])
    presence = the_one(extract, wrapped(log_line(text)))
    assert (presence.kind.value, presence.author_id, presence.author_name) == line


@pytest.mark.parametrize("end", ["\r", "\r\n", "\0\0", "\r\n\0"])
def test_what_stands_behind_a_line_is_no_part_of_it(end: str) -> None:
    assert read_log_line(JOINED + end) == read_log_line(JOINED)
    assert extract(wrapped(JOINED + end)) == extract(wrapped())


def test_before_there_were_ids_in_lines_all_of_it_is_the_name() -> None:
    line = log_line("[Behaviour] OnPlayerLeft Milo (1234567890)", "2023.06.02 01:08:04")
    assert read_log_line(line) == LogLine("leave", "2023-06-02T01:08:04", None, "Milo (1234567890)")


@pytest.mark.parametrize(
    "line",
    [
        log_line("[Behaviour] OnPlayerJoined:Unnamed"),
        log_line("[Behaviour] OnPlayerJoined "),
        log_line("[Behaviour] OnPlayerLeftRoom"),
        log_line("[Behaviour] Joining or Creating Room: Lantern Pier"),
        log_line("[Behaviour] Joining friend: Kiri Vale"),
        log_line("[Network] OnPlayerJoined Kiri Vale"),
        log_line("[Video Playback] [Behaviour] OnLeftRoom"),
        "2026.03.02 19:04:11 [Behaviour] OnLeftRoom",
        "   at VRC.Core.Something ()",
        "",
    ],
)
def test_most_lines_tell_nothing(line: str) -> None:
    assert read_log_line(line) is None
    assert extract(wrapped(line)) == Extraction("log/other")


def test_a_line_that_names_the_room_is_for_whoever_reads_the_file() -> None:
    line = log_line(f"[Behaviour] Joining {PIER}")
    assert read_log_line(line) == LogLine("location", "2026-03-02T19:04:11", location=PIER)
    assert extract(wrapped(line)) == extract(line.encode()) == Extraction("log/location")


def test_a_line_alone_is_no_presence() -> None:
    with pytest.raises(BadRecord, match="zone") as refused:
        extract(JOINED.encode())
    assert refused.value.reason is Reason.MISSING_FIELD
    assert extract(log_line("[Always] something").encode()) == Extraction("log/other")


def test_the_first_line_of_an_exception_is_a_line_and_the_others_are_not() -> None:
    assert is_log_line("2026.03.02 19:04:11 Exception  -  NullReferenceException")
    assert not is_log_line("  at UnityEngine.Something")


def test_without_a_room_presence_is_the_files() -> None:
    assert the_one(extract, wrapped(location=None)).channel == FILE
    assert key_of(wrapped(location=None)) == FILE
    assert key_of(wrapped()) == PIER


@pytest.mark.parametrize(
    ("at", "zone", "utc"),
    [
        ("2026.03.02 19:04:11", "UTC", "2026-03-02T19:04:11Z"),
        ("2026.03.02 19:04:11", "Europe/Berlin", "2026-03-02T18:04:11Z"),
        ("2026.07.02 19:04:11", "Europe/Berlin", "2026-07-02T17:04:11Z"),
        ("2026.03.02 00:04:11", "Asia/Kolkata", "2026-03-01T18:34:11Z"),
        ("2026.03.02 19:04:11", "+05:30", "2026-03-02T13:34:11Z"),
        ("2026.03.02 19:04:11", "-03:00", "2026-03-02T22:04:11Z"),
        # The hour that summer's end makes twice, is the first one's, unless the difference is told.
        ("2026.10.25 02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ("2026.10.25 02:30:00", "+01:00", "2026-10-25T01:30:00Z"),
        # The hour that summer's beginning leaves out is read as winter's.
        ("2026.03.29 02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z"),
    ],
)
def test_the_time_of_a_line_is_that_of_the_machines_zone(at: str, zone: str, utc: str) -> None:
    presence = the_one(extract, wrapped(log_line("[Behaviour] OnLeftRoom", at), zone=zone))
    told = the_one(extract, as_bytes([FILE, utc, "vrc-quit"]))
    assert presence.timestamp == told.timestamp


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"file": None}, Reason.MISSING_FIELD),
        ({"offset": None}, Reason.WRONG_TYPE),
        ({"offset": -1}, Reason.WRONG_TYPE),
        ({"offset": True}, Reason.WRONG_TYPE),
        ({"zone": None}, Reason.MISSING_FIELD),
        ({"zone": "Middle Earth"}, Reason.UNKNOWN_VALUE),
        ({"zone": "../../etc/passwd"}, Reason.UNKNOWN_VALUE),
        ({"zone": "Europe"}, Reason.UNKNOWN_VALUE),
        ({"zone": "+24:00"}, Reason.UNKNOWN_VALUE),
        ({"line": None}, Reason.MISSING_FIELD),
        ({"line": 1}, Reason.WRONG_TYPE),
        ({"line": log_line("[Behaviour] OnLeftRoom", "2026.13.02 19:04:11")}, Reason.TIMESTAMP_OUT_OF_RANGE),
        ({"line": log_line("[Behaviour] OnLeftRoom", "0001.01.01 00:00:00")}, Reason.TIMESTAMP_OUT_OF_RANGE),
    ],
)
def test_presence_that_stands_nowhere_or_has_no_time_is_refused(
    wrong: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(wrapped(**wrong))
    assert refused.value.reason is reason


def test_two_lines_of_one_second_are_two() -> None:
    assert the_one(extract, wrapped()).source_id != the_one(extract, wrapped(offset=48400)).source_id


# VRCX's game log


@pytest.mark.parametrize(
    ("row", "presence"),
    [
        (("player-joined", "Kiri Vale", KIRI), (PresenceKind.JOIN, KIRI, "Kiri Vale")),
        (("player-left", "Kiri Vale", KIRI), (PresenceKind.LEAVE, KIRI, "Kiri Vale")),
        (("player-left", "Aoba-test"), (PresenceKind.LEAVE, None, "Aoba-test")),
        (("player-joined", "Aoba-test", ""), (PresenceKind.JOIN, None, "Aoba-test")),
        (("player-joined", "Aoba-test", None), (PresenceKind.JOIN, None, "Aoba-test")),
        (("location-destination", PIER), (PresenceKind.LEAVE_ALL, None, None)),
        (("vrc-quit",), (PresenceKind.LEAVE_ALL, None, None)),
    ],
)
def test_rows_of_the_game_log_tell_who_came_and_went(row: tuple[Any, ...], presence: Any) -> None:
    extraction = extract(gamelog(*row))
    found = the_one(extract, gamelog(*row))
    assert extraction.kind in KINDS
    assert (found.kind, found.author_id, found.author_name) == presence
    assert (found.channel, found.timestamp) == (FILE, 1772474651000)
    assert key_of(gamelog(*row)) == FILE


def test_the_same_row_is_the_same_and_another_is_another() -> None:
    rows = [
        ("player-joined", "Kiri Vale", KIRI),
        ("player-left", "Kiri Vale", KIRI),
        ("player-joined", "Milo", BOT),
    ]
    ids = {the_one(extract, gamelog(*row)).source_id for row in (*rows, *rows)}
    assert len(ids) == len(rows)


def test_other_rows_of_the_game_log_are_counted() -> None:
    assert extract(gamelog("location", PIER, "Lantern Pier")) == Extraction("gamelog/location")
    assert "gamelog/location" in KINDS


@pytest.mark.parametrize("row", [("player-joined",), ("player-joined", ""), ("player-left", None, None)])
def test_a_row_that_names_nobody_is_refused(row: tuple[Any, ...]) -> None:
    with pytest.raises(BadRecord, match="the user"):
        extract(gamelog(*row))


# The bot's own chatbox


def test_every_field_of_what_a_bot_shows() -> None:
    raw = chatbox("Welcome!", True, False)
    assert extract(raw) == Extraction(
        "osc/chatbox-input",
        (
            Message(
                source_id="osc-1",
                timestamp=1772475900750,
                channel=PIER,
                role=MessageRole.BOT,
                content="Welcome!",
                author_id=BOT,
                author_is_bot=True,
                raw_payload=json.loads(raw),
            ),
        ),
    )


@pytest.mark.parametrize("args", [("typed", False), ("typed", False, True), ("typed",), (), ("", True)])
def test_what_is_not_shown_is_not_said(args: tuple[Any, ...]) -> None:
    assert extract(chatbox(*args)) == Extraction("osc/chatbox-input")


@pytest.mark.parametrize(
    ("address", "kind"), [("/chatbox/typing", "osc/chatbox-typing"), ("/avatar/parameters/Mute", "osc/other")]
)
def test_other_messages_of_osc_are_counted(address: str, kind: str) -> None:
    assert kind in KINDS
    assert extract(chatbox(True, True, address=address)) == Extraction(kind)


def test_without_a_room_a_bot_speaks_in_its_own_account() -> None:
    assert the_one(extract, chatbox("hi", True, location=None)).channel == BOT
    assert key_of(chatbox("hi", True, location=None)) == BOT


@pytest.mark.parametrize(
    "wrong", [{"id": None}, {"received_at": None}, {"location": None, "user_id": None}, {"args": [1, True]}]
)
def test_what_is_shown_without_what_a_row_needs_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        extract(chatbox("hi", True, **wrong))


# Properties


@given(any_bytes)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert_total("vrchat", raw)


any_field = any_json | st.sampled_from(["notification", "/chatbox/input", JOINED, FILE, 0, "UTC", PIER])


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("type", "content", "senderUserId", "details", "id", "created_at", "receiverUserId"),
                *("line", "file", "offset", "zone", "location", "address", "args", "user_id", "received_at"),
            ]
        ),
        any_field,
    ),
    st.sampled_from([None, notification(), json.loads(wrapped()), json.loads(chatbox("hi", True))]),
)
def test_any_object_is_read_or_refused(told: dict[str, Any], usual: dict[str, Any] | None) -> None:
    assert_total("vrchat", as_bytes((usual or {}) | told))


@given(st.lists(any_field | st.sampled_from(["player-joined", "vrc-quit"]), max_size=6))
def test_any_row_is_read_or_refused(row: list[Any]) -> None:
    assert_total("vrchat", as_bytes(row))


@given(
    st.text(max_size=20),
    st.sampled_from(["[Behaviour] OnPlayerJoined ", "[Behaviour] OnPlayerLeft ", "[Behaviour] Joining "]),
    st.text("0123456789.: ", min_size=19, max_size=19) | st.just("2026.03.02 19:04:11"),
)
def test_any_line_is_read_or_refused(text: str, beginning: str, at: str) -> None:
    line = log_line(beginning + text, at)
    assert_total("vrchat", line.encode())
    assert_total("vrchat", wrapped(line))
