"""What Discord's dispatches come to: the collected cases, the rules they show, and any bytes."""

from typing import Any, TypeVar

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRecord, Reason
from models.messages import (
    UNKNOWN,
    ChannelParent,
    ConversationKind,
    Deletion,
    Edit,
    Extraction,
    Message,
    MessageRole,
    Presence,
    PresenceKind,
)
from models.platforms import PLATFORMS
from models.platforms.discord import KINDS, extract, key_of
from tests.models.platforms.extracting import any_bytes, assert_total
from tests.models.platforms.platform_cases import PlatformCase, assert_right, cases_of
from tests.models.strategies import any_json, as_bytes

ID, CHANNEL, GUILD, PERSON = (
    "1478005055389958151",
    "1312000000000000202",
    "1312000000000000101",
    "1312000000000001001",
)
SAID, SAID_MS = "2026-03-02T12:24:25.211000+00:00", 1_772_454_265_211
EDITED, EDITED_MS = "2026-03-02T12:25:25.711000+00:00", 1_772_454_325_711
PICTURE = {
    "id": "1",
    "filename": "p.png",
    "content_type": "image/png",
    "size": 9,
    "url": "https://cdn.example/p?ex=1",
}

Kind = TypeVar("Kind")


def a_message(**changed: Any) -> dict[str, Any]:
    told = {
        "type": 0,
        "id": ID,
        "timestamp": SAID,
        "edited_timestamp": None,
        "channel_id": CHANNEL,
        "channel_type": 0,
        "guild_id": GUILD,
        "author": {"id": PERSON, "username": "kestrel.v", "global_name": "Kestrel"},
        "content": "hello",
        "flags": 0,
        "mentions": [],
        "attachments": [],
        "embeds": [],
        "components": [],
    }
    return {name: value for name, value in {**told, **changed}.items() if value is not ...}


def a_bots(**changed: Any) -> dict[str, Any]:
    bot = {"id": "1312000000000000404", "username": "Lantern", "bot": True}
    answer = {"type": 20, "webhook_id": bot["id"], "application_id": bot["id"]}
    return a_message(author=bot, **{**answer, **changed})


def dispatched(name: str, data: Any) -> Extraction:
    return extract(orjson.dumps({"t": name, "s": 1, "op": 0, "d": data}))


def said(**changed: Any) -> Message:
    return the(dispatched("MESSAGE_CREATE", a_message(**changed)), Message)


def the(extraction: Extraction, kind: type[Kind]) -> Kind:
    (found,) = extraction.found
    assert isinstance(found, kind)
    return found


@pytest.mark.parametrize("case", cases_of("discord"))
def test_each_collected_event_comes_to_what_is_right(case: PlatformCase) -> None:
    assert_right(case, extract)
    assert extract(case.raw).kind in KINDS


def test_a_message_keeps_its_dispatch_as_it_came() -> None:
    event = {"t": "MESSAGE_CREATE", "s": 7, "op": 0, "d": a_message()}
    message = the(extract(orjson.dumps(event)), Message)
    assert message.raw_payload == event
    assert message.metadata == {"guild_id": GUILD, "display_name": "Kestrel"}
    assert message.message_type is None


def test_the_time_is_in_the_id_and_is_read_from_the_field_only_for_another_id() -> None:
    assert said(timestamp=...).timestamp == SAID_MS
    assert said(id="import-1").timestamp == SAID_MS
    assert extract(orjson.dumps({"t": "MESSAGE_DELETE", "d": {"id": "import-1", "channel_id": CHANNEL}})) == (
        "delete",
        (Deletion(source_id="import-1", channel=CHANNEL),),
        None,
    )


@pytest.mark.parametrize(
    ("body", "message_type", "metadata"),
    [
        (
            {"attachments": [PICTURE]},
            "attachment",
            {"attachments": [{k: v for k, v in PICTURE.items() if k != "url"}]},
        ),
        (
            {"flags": 8192, "attachments": [{"id": "1", "duration_secs": 3.2}]},
            "voice",
            {"attachments": [{"id": "1", "duration_secs": 3.2}]},
        ),
        (
            {"sticker_items": [{"id": "1", "name": "wave", "format_type": 1}]},
            "sticker",
            {"stickers": ["wave"]},
        ),
        (
            {
                "embeds": [
                    {"title": "Now", "description": "playing", "fields": [{"name": "By", "value": "Nim"}]}
                ]
            },
            "embed",
            {"text": "Now\nplaying\nBy\nNim"},
        ),
        (
            {
                "flags": 32768,
                "components": [
                    {
                        "type": 17,
                        "components": [
                            {"type": 10, "content": "# Hi"},
                            {
                                "type": 9,
                                "components": [{"type": 10, "content": "deep"}],
                                "accessory": {"type": 2, "label": "Go"},
                            },
                        ],
                    }
                ],
            },
            "components",
            {"text": "# Hi\ndeep"},
        ),
        (
            {
                "poll": {
                    "question": {"text": "Which day?"},
                    "answers": [{"answer_id": 1, "poll_media": {"text": "Friday"}}],
                }
            },
            "poll",
            {"text": "Which day?\nFriday"},
        ),
        (
            {
                "message_reference": {"type": 1, "message_id": "9", "channel_id": "8"},
                "message_snapshots": [{"message": {"content": "their words", "attachments": [{"id": "1"}]}}],
            },
            "forward",
            {
                "text": "their words",
                "attachments": [{"id": "1"}],
                "refers_to": {"message_id": "9", "channel_id": "8"},
            },
        ),
    ],
)
def test_what_is_no_text_is_a_row_without_one_that_says_what_it_is(
    body: dict[str, Any], message_type: str, metadata: dict[str, Any]
) -> None:
    message = said(content="", **body)
    assert (message.content, message.message_type, message.is_withheld) == ("", message_type, False)
    assert message.reply_to is None
    assert message.metadata == {"guild_id": GUILD, "display_name": "Kestrel", **metadata}


def test_a_picture_with_words_is_text() -> None:
    message = said(attachments=[PICTURE])
    assert (message.content, message.message_type) == ("hello", None)
    assert "attachments" in (message.metadata or {})


def test_an_empty_message_of_a_person_is_withheld_and_one_of_a_bot_is_not() -> None:
    assert said(content="").is_withheld
    assert said(content="", type=19).message_type == "withheld"
    assert not said(content="", author={"id": "1", "username": "b", "bot": True}).is_withheld
    assert not said(content="", webhook_id="1").is_withheld


def test_a_reply_refers_to_its_parent_and_to_the_time_in_that_id() -> None:
    reply = said(type=19, message_reference={"message_id": ID}, mentions=[{"id": "2"}])
    assert (reply.reply_to, reply.reply_to_timestamp) == (ID, SAID_MS)
    assert reply.exemptions == {"mention", "reply"}
    assert said(type=19, message_reference={"type": 0, "message_id": ID}).exemptions == {"reply"}
    assert said(mention_everyone=True).exemptions == {"mention"}
    assert said().exemptions == frozenset()


def test_a_copy_of_an_announcement_is_a_message_here_and_answers_nothing() -> None:
    copy = said(
        flags=2, webhook_id="5", message_reference={"message_id": ID, "channel_id": "1", "guild_id": "2"}
    )
    assert (copy.message_type, copy.reply_to, copy.role) == ("crosspost", None, MessageRole.BOT)
    assert (copy.metadata or {})["refers_to"] == {"message_id": ID, "channel_id": "1", "guild_id": "2"}


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ({"channel_type": 0}, ConversationKind.CHANNEL),
        ({"channel_type": 1, "guild_id": ...}, ConversationKind.DIALOGUE),
        ({"channel_type": 3, "guild_id": ...}, ConversationKind.DIALOGUE),
        ({"channel_type": 11}, ConversationKind.THREAD),
        ({"channel_type": 0, "guild_id": ..., "flags": 64}, ConversationKind.CHANNEL),
        ({"channel_type": ...}, ConversationKind.CHANNEL),
        ({"channel_type": ..., "guild_id": ...}, ConversationKind.DIALOGUE),
    ],
)
def test_the_channel_says_what_its_messages_belong_to(place: dict[str, Any], kind: ConversationKind) -> None:
    assert said(**place).kind is kind


def test_what_only_one_person_saw_says_so() -> None:
    seen = the(
        dispatched("MESSAGE_CREATE", a_bots(flags=64, interaction_metadata={"user": {"id": PERSON}})), Message
    )
    assert (seen.metadata or {})["ephemeral"] is True
    assert (seen.metadata or {})["asked_by"] == PERSON
    assert seen.message_type == "slash_answer"


def test_an_awaited_answer_is_a_row_that_its_update_fills_in() -> None:
    awaited = the(dispatched("MESSAGE_CREATE", a_bots(flags=128, content="")), Message)
    assert (awaited.content, awaited.message_type, awaited.is_withheld) == ("", "loading", False)
    extraction = dispatched("MESSAGE_UPDATE", a_bots(content="Here it is."))
    fill = the(extraction, Edit)
    assert extraction.kind == "fill"
    assert (fill.source_id, fill.content, fill.edited, fill.timestamp) == (ID, "Here it is.", None, SAID_MS)
    assert fill.message is not None
    assert (fill.message.content, fill.message.message_type) == ("Here it is.", "slash_answer")


def test_an_answer_in_an_embed_fills_in_too_and_one_still_awaited_does_not() -> None:
    assert (
        the(dispatched("MESSAGE_UPDATE", a_bots(content="", embeds=[{"title": "T"}])), Edit).message_type
        == "embed"
    )
    assert dispatched("MESSAGE_UPDATE", a_bots(content="", flags=128)) == ("update", (), None)
    assert dispatched("MESSAGE_UPDATE", a_bots(content="")) == ("update", (), None)


def test_a_webhooks_own_message_is_not_filled_in() -> None:
    assert dispatched("MESSAGE_UPDATE", a_message(webhook_id="5", application_id="4")).found == ()


def test_an_edit_tells_its_time_and_the_message_as_it_is_now() -> None:
    extraction = dispatched("MESSAGE_UPDATE", a_message(content="hello again", edited_timestamp=EDITED))
    edit = the(extraction, Edit)
    assert extraction.kind == "edit"
    assert (edit.content, edit.edited, edit.timestamp, edit.channel) == (
        "hello again",
        EDITED_MS,
        SAID_MS,
        CHANNEL,
    )
    assert edit.message is not None
    assert (edit.message.content, edit.message.author_id) == ("hello again", PERSON)


def test_an_edit_of_an_old_archive_tells_its_text_and_no_more() -> None:
    told = {"id": ID, "channel_id": CHANNEL, "content": "later", "edited_timestamp": EDITED}
    edit = the(dispatched("MESSAGE_UPDATE", told), Edit)
    assert (edit.content, edit.edited, edit.timestamp, edit.message) == ("later", EDITED_MS, SAID_MS, None)


@pytest.mark.parametrize(
    "told",
    [
        {"id": ID, "channel_id": CHANNEL},
        {"id": ID, "channel_id": CHANNEL, "embeds": [{"type": "link"}]},
        {"id": ID, "channel_id": CHANNEL, "edited_timestamp": EDITED},
        {"id": ID, "channel_id": CHANNEL, "content": "as it was", "flags": 4},
        {"id": ID, "channel_id": CHANNEL, "content": None, "edited_timestamp": EDITED},
        {"channel_id": CHANNEL},
    ],
)
def test_an_update_that_tells_no_new_text_changes_nothing(told: dict[str, Any]) -> None:
    assert dispatched("MESSAGE_UPDATE", told) == ("update", (), None)


def test_an_edit_whose_text_is_withheld_blanks_nothing() -> None:
    extraction = dispatched("MESSAGE_UPDATE", a_message(content="", edited_timestamp=EDITED))
    assert extraction.kind == "edit"
    assert the(extraction, Message).is_withheld


@pytest.mark.parametrize("update", ["MESSAGE_CREATE", "MESSAGE_UPDATE"])
@pytest.mark.parametrize("number", [6, 7, 8, 18, 21, 24, 46])
def test_what_the_platform_writes_is_no_message(number: int, update: str) -> None:
    assert dispatched(update, a_message(type=number, edited_timestamp=EDITED)) == ("system", (), None)


def test_a_type_that_nobody_knows_is_counted_and_seen() -> None:
    assert dispatched("MESSAGE_CREATE", a_message(type=99)) == (UNKNOWN, (), "message type 99")
    assert dispatched("SOMETHING_NEW", {"content": "words"}) == (UNKNOWN, (), "SOMETHING_NEW")
    assert dispatched("what she said", {}) == (UNKNOWN, (), "no name")
    assert extract(b'{"op":77,"t":null,"d":null}') == (UNKNOWN, (), "op 77")


@pytest.mark.parametrize(
    "name", ["READY", "PRESENCE_UPDATE", "TYPING_START", "MESSAGE_REACTION_REMOVE_ALL", "GUILD_BAN_ADD"]
)
def test_in_most_dispatches_nothing_is_said(name: str) -> None:
    assert dispatched(name, {"guild_id": GUILD}) == ("other", (), None)


def test_a_deletion_tells_neither_when_nor_who() -> None:
    extraction = dispatched("MESSAGE_DELETE", {"id": ID, "channel_id": CHANNEL, "guild_id": GUILD})
    assert extraction.found == (Deletion(source_id=ID, timestamp=SAID_MS, channel=CHANNEL),)
    many = dispatched("MESSAGE_DELETE_BULK", {"ids": [ID, "2"], "channel_id": CHANNEL})
    assert [item.source_id for item in many.found if isinstance(item, Deletion)] == [ID, "2"]


def test_who_joins_a_server_is_told_twice_and_is_one() -> None:
    def joined(fraction: str) -> Presence:
        told = {
            "guild_id": GUILD,
            "user": {"id": PERSON, "username": "nim_b"},
            "joined_at": f"2026-03-02T12:24:50.{fraction}+00:00",
        }
        return the(dispatched("GUILD_MEMBER_ADD", told), Presence)

    first, again = joined("211000"), joined("600000")
    assert first.source_id == again.source_id
    assert (first.kind, first.channel, first.author_id, first.author_name) == (
        PresenceKind.JOIN,
        GUILD,
        PERSON,
        "nim_b",
    )
    assert (first.timestamp, again.timestamp) == (1_772_454_290_211, 1_772_454_290_600)


def test_who_leaves_a_server_is_only_counted_as_no_time_is_told() -> None:
    assert dispatched("GUILD_MEMBER_REMOVE", {"guild_id": GUILD, "user": {"id": PERSON}}) == (
        "leave",
        (),
        None,
    )


def test_threads_tell_which_channel_they_belong_to() -> None:
    thread = {"id": "1312000000000009131", "parent_id": CHANNEL, "name": "a thread", "type": 11}
    parent = ChannelParent(channel="1312000000000009131", parent=CHANNEL, name="a thread")
    assert dispatched("THREAD_CREATE", thread) == ("threads", [parent], None)
    for name in ("GUILD_CREATE", "THREAD_LIST_SYNC"):
        assert dispatched(name, {"id": GUILD, "threads": [thread, {"id": "1"}]}).found == [parent]
    assert dispatched("GUILD_CREATE", {"id": GUILD, "unavailable": True}).found == []


def test_a_message_of_the_history_is_the_one_that_the_gateway_told() -> None:
    bare = a_message(guild_id=..., channel_type=...)
    wrapped = {"source": "rest", "channel_id": CHANNEL, "guild_id": GUILD, "channel_type": 11, "d": bare}
    message = the(extract(orjson.dumps(wrapped)), Message)
    live = said(channel_type=11)
    assert message.raw_payload == wrapped
    assert msgspec.structs.replace(message, raw_payload=None) == msgspec.structs.replace(
        live, raw_payload=None
    )


def test_a_message_of_the_history_without_its_place_is_one_of_a_channel() -> None:
    wrapped = {"source": "rest", "channel_id": CHANNEL, "d": a_message(guild_id=..., channel_type=...)}
    message = the(extract(orjson.dumps(wrapped)), Message)
    assert (message.kind, message.channel) == (ConversationKind.CHANNEL, CHANNEL)


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"t": "MESSAGE_CREATE", "d": {"channel_id": "1", "guild_id": "2", "id": "3"}}, "1"),
        ({"source": "rest", "channel_id": "1", "d": {"id": "3"}}, "1"),
        ({"t": "THREAD_CREATE", "d": {"id": "3", "guild_id": "2", "parent_id": "1"}}, "3"),
        ({"t": "GUILD_CREATE", "d": {"id": "2"}}, "2"),
        ({"t": "GUILD_MEMBER_ADD", "d": {"guild_id": "2"}}, "2"),
        ({"t": "READY", "d": {"id": "3"}}, None),
        ({"op": 11, "t": None, "d": None}, None),
    ],
)
def test_events_are_keyed_by_their_channel(event: dict[str, Any], key: str | None) -> None:
    assert key_of(orjson.dumps(event)) == key


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"id": ...}, Reason.MISSING_FIELD),
        ({"channel_id": ...}, Reason.MISSING_FIELD),
        ({"author": ...}, Reason.MISSING_FIELD),
        ({"content": ...}, Reason.MISSING_FIELD),
        ({"content": 7}, Reason.WRONG_TYPE),
        ({"type": ...}, Reason.MISSING_FIELD),
        ({"id": "import-1", "timestamp": ...}, Reason.MISSING_FIELD),
    ],
)
def test_a_message_without_what_a_row_needs_is_refused(changed: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(BadRecord) as refused:
        said(**changed)
    assert refused.value.reason is reason


@pytest.mark.parametrize("raw", [b"{}", b'{"op":0,"t":null,"d":{}}', b'{"t":7,"d":{}}', b'{"d":{"id":"1"}}'])
def test_what_is_no_payload_of_the_gateway_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRecord) as refused:
        extract(raw)
    assert refused.value.reason is Reason.NOT_AN_EVENT


_names = st.sampled_from(
    [
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
        "MESSAGE_DELETE_BULK",
        "GUILD_MEMBER_ADD",
        "THREAD_CREATE",
        "GUILD_CREATE",
        "X",
    ]
)
_fields = st.sampled_from(
    [
        *a_message(),
        "ids",
        "poll",
        "message_reference",
        "message_snapshots",
        "sticker_items",
        "webhook_id",
        "member",
        "threads",
        "user",
    ]
)


@given(any_bytes)
def test_any_bytes_come_to_something_or_are_refused(raw: bytes) -> None:
    assert_total("discord", raw)


@given(_names, st.dictionaries(_fields, any_json, max_size=4), st.integers(0, 2**18))
def test_a_dispatch_with_any_field_spoilt_comes_to_something_or_is_refused(
    name: str, spoilt: dict[str, Any], flags: int
) -> None:
    assert_total("discord", as_bytes({"t": name, "op": 0, "d": {**a_message(flags=flags), **spoilt}}))


def test_the_platform_is_registered_and_its_times_are_steady() -> None:
    platform = PLATFORMS["discord"]
    assert (platform.extract, platform.key_of, platform.has_steady_times) == (extract, key_of, True)
