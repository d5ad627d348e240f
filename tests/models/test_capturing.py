"""What was found → records: by the rules, under the first time, and never larger than the topic takes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from models.capturing import RECORD_MAX_BYTES, Captured, Capturing, SteadyTimes, capture, encode_within_limits
from models.channels import ANY, DatedRule, OptOutSpan, Rules, Unrecorded
from models.errors import BadRecord, Reason
from models.first_times import FirstTimesWindow
from models.ids import conversation_key, lot_of, message_id, message_source
from models.messages import (
    ChannelParent,
    Clear,
    ConversationKind,
    Deletion,
    Edit,
    Feedback,
    Found,
    Message,
    MessageRole,
    Presence,
    PresenceKind,
)
from models.platforms import assistant
from models.records import (
    NULL,
    ClearRecord,
    DeletionRecord,
    EditRecord,
    FeedbackRecord,
    MessageRecord,
    ParentRecord,
    PresenceRecord,
    SeenRecord,
    decode_record,
    message_told_in,
)

SAID_MS = 1_790_000_000_000
CAME_MS = SAID_MS + 400


def message(source_id: str = "m1", **told: Any) -> Message:
    by_default = {"timestamp": SAID_MS, "channel": "12", "role": MessageRole.USER, "content": "hello"}
    return Message(source_id=source_id, **{**by_default, "author_id": "34", **told})


def rules(*versions: DatedRule, **more: Any) -> Rules:
    return Rules(versions, **more)


def rule(channel: str = "12", since_ms: int = 0, **said: Any) -> DatedRule:
    return DatedRule("twitch", channel, since_ms * 1000, **said)


def steady(known: Rules | None = None) -> Capturing:
    return Capturing("twitch", (known or Rules([rule(ANY, keep_raw=True)])).of("twitch"), SteadyTimes())


def unsteady(known: Rules | None = None) -> Capturing:
    return Capturing("twitch", (known or Rules()).of("twitch"), FirstTimesWindow(), remembers=True)


def record(found: Found, to: Capturing | None = None) -> Any:
    captured = capture(found, to or steady(), CAME_MS)
    assert captured.record is not None
    return decode_record(encode_within_limits(captured.record))


def test_a_message_becomes_a_record_with_our_ids_and_its_event_as_it_came() -> None:
    line = "@id=m1 :a!a@a PRIVMSG #x :hello\x01\u20ac"
    found = record(
        message(
            author_name="Ann", channel_name="room", metadata={"bits": 1}, raw_payload=line, is_mirrored=True
        )
    )
    assert found == MessageRecord(
        platform="twitch",
        id=message_id("twitch", "m1", SAID_MS),
        source_id="m1",
        timestamp=SAID_MS,
        conversation_id=conversation_key("twitch", "12", "12"),
        conversation="12",
        kind="channel",
        channel="12",
        role="user",
        content="hello",
        author_id="34",
        author_name="Ann",
        channel_name="room",
        mirrored=True,
        metadata=found.metadata,
        raw_payload=found.raw_payload,
    )
    assert orjson.loads(bytes(found.metadata)) == {"bits": 1}
    assert orjson.loads(bytes(found.raw_payload)) == line


def test_a_message_of_a_thread_belongs_to_it_and_knows_when_what_it_answers_was_said() -> None:
    told: dict[str, Any] = {
        "conversation": "t9",
        "kind": ConversationKind.THREAD,
        "reply_to": "m0",
        "reply_to_timestamp": 7,
    }
    found = record(message(**told))
    assert (found.conversation, found.kind) == ("t9", "thread")
    assert found.conversation_id == conversation_key("twitch", "12", "t9")
    assert found.reply_to == message_id("twitch", "m0", 7)
    assert record(message(reply_to="m0")).reply_to is None


def test_without_the_raw_event_where_the_rule_keeps_none() -> None:
    to = steady(rules(rule(keep_raw=False)))
    found = record(message(raw_payload="line", metadata={"bits": 1}), to)
    assert (bytes(found.raw_payload), bytes(found.metadata)) == (b"null", b'{"bits":1}')
    assert record(Edit(source_id="m1", content="x", channel="12", raw_payload={}), to).raw_payload == NULL


def test_a_message_that_comes_again_with_another_time_is_the_same_and_so_is_what_refers_to_it() -> None:
    to = unsteady()
    first = record(message(), to)
    again = record(message(timestamp=SAID_MS + 777), to)
    assert again.id == first.id == message_id("twitch", "m1", SAID_MS)
    assert again.timestamp == SAID_MS
    assert record(message("m2", reply_to="m1"), to).reply_to == first.id
    assert record(Deletion(source_id="m1", channel="12"), to).id == first.id
    assert record(Edit(source_id="m1", content="x", channel="12"), to).id == first.id
    whole = Edit(source_id="m1", content="x", channel="12", message=message(timestamp=SAID_MS - 5))
    assert record(whole, to).message.id == record(whole, to).id == first.id
    assert record(Deletion(source_id="unseen", channel="12"), to).id is None


def test_what_was_seen_can_be_told_from_what_came_of_it_recorded_or_not() -> None:
    known = rules(rule(ignored_users=frozenset({"spy"}), sampling_rate=0.0))
    to, again = unsteady(known), unsteady(known)
    left_out = message("m2")
    unrecorded = message("m1", author_id="spy")
    whole = Edit(source_id="m3", content="x", channel="56", message=message("m3", channel="56"))
    for found in (unrecorded, left_out, whole):
        captured = capture(found, to, CAME_MS)
        assert captured.record is not None
        assert message_told_in(encode_within_limits(captured.record)) == message_id(
            "twitch", found.source_id, SAID_MS
        )
    assert isinstance(capture(unrecorded, again, CAME_MS).record, SeenRecord)
    for other in (
        Edit(source_id="m4", content="x", timestamp=5, channel="56"),
        Deletion(source_id="m4", timestamp=5),
        ChannelParent(channel="1", parent="2"),
    ):
        assert message_told_in(encode_within_limits(record(other))) is None
    assert message_told_in(None) is message_told_in(b"{") is None


@pytest.mark.parametrize(
    ("said", "told", "why"),
    [
        ({"is_enabled": False}, {}, Unrecorded.DISABLED),
        ({"ignored_users": frozenset({"34"})}, {}, Unrecorded.IGNORED_USER),
        ({"bots": False}, {"author_is_bot": True}, Unrecorded.BOT),
        ({"bots": False}, {"role": MessageRole.BOT}, Unrecorded.BOT),
        ({}, {"author_id": "shy"}, Unrecorded.OPTED_OUT),
    ],
)
def test_nothing_of_a_message_that_is_not_recorded_leaves_capture(
    said: dict[str, Any], told: dict[str, Any], why: Unrecorded
) -> None:
    known = rules(rule(**said), opt_outs=[OptOutSpan("twitch", "shy", SAID_MS)])
    assert capture(message(**told), steady(known), CAME_MS) == Captured(None, why)
    seen = capture(message(**told), unsteady(known), CAME_MS)
    assert seen == Captured(SeenRecord(platform="twitch", id=message_id("twitch", "m1", SAID_MS)), why)
    edit = Edit(source_id="m1", content="x", channel="12", message=message(**told))
    assert capture(edit, steady(known), CAME_MS) == Captured(None, why)


def test_a_rule_holds_as_of_the_first_time_of_a_message() -> None:
    to = unsteady(rules(rule(since_ms=SAID_MS + 1, is_enabled=False)))
    assert record(message(), to).kept
    assert isinstance(record(message(timestamp=SAID_MS + 1), to), MessageRecord)
    assert capture(message("m2", timestamp=SAID_MS + 1), to, CAME_MS).unrecorded is Unrecorded.DISABLED


def in_the_sample(rate: float, *, kept: bool) -> str:
    return next(str(n) for n in range(10_000) if (lot_of("twitch", str(n)) < rate) is kept)


def test_of_a_message_that_a_sample_leaves_out_only_that_it_was_said_goes_on() -> None:
    to = steady(rules(rule(sampling_rate=0.25, exempt=frozenset({"reply"}))))
    kept, left_out = in_the_sample(0.25, kept=True), in_the_sample(0.25, kept=False)
    assert record(message(kept), to).weight == 4
    told: dict[str, Any] = {"metadata": {"a": 1}, "raw_payload": "line", "reply_to": "m0"}
    captured = capture(message(left_out, **told), to, CAME_MS)
    found = record(message(left_out, **told), to)
    assert captured.sampled_out
    assert (found.kept, found.content, found.metadata, found.raw_payload) == (False, "", NULL, NULL)
    exempt = record(message(left_out, exemptions=frozenset({"reply"})), to)
    assert (exempt.kept, exempt.weight) == (True, 1)


def test_an_edit_goes_on_if_its_message_may_be_stored() -> None:
    kept, left_out = in_the_sample(0.25, kept=True), in_the_sample(0.25, kept=False)

    def went_on(source_id: str, said: dict[str, Any], told: dict[str, Any]) -> bool:
        edit = Edit(source_id=source_id, content="x", channel="12", edited=SAID_MS, **told)
        return isinstance(capture(edit, steady(rules(rule(**said))), CAME_MS).record, EditRecord)

    assert went_on(kept, {"sampling_rate": 0.25}, {})
    assert not went_on(left_out, {"sampling_rate": 0.25}, {})
    assert not went_on(left_out, {"sampling_rate": 0.25}, {"message": message(left_out)})
    assert went_on(left_out, {"sampling_rate": 0.25, "exempt": frozenset({"first"})}, {})
    assert not went_on(kept, {"is_enabled": False}, {})


def test_a_deletion_is_what_the_rule_makes_of_it_at_its_time_and_has_one_if_none_is_told() -> None:
    known = rules(rule(deletions="hide"), rule(since_ms=CAME_MS, deletions="blank"))
    found = record(Deletion(source_id="m1", channel="12", deleted_by="mod", reason="r"), steady(known))
    assert found == DeletionRecord(
        platform="twitch",
        source=message_source("twitch", "m1"),
        deleted=CAME_MS,
        deletion="blank",
        channel="12",
        # Its time is not told: this is where its row is looked for.
        conversation_id=conversation_key("twitch", "12", "12"),
        deleted_by="mod",
        reason="r",
    )
    told = Deletion(source_id="m1", channel="12", deleted=CAME_MS - 1, timestamp=SAID_MS)
    found = record(told, steady(known))
    assert (found.deletion, found.deleted) == ("hide", CAME_MS - 1)
    assert (found.id, found.conversation_id) == (message_id("twitch", "m1", SAID_MS), None)


def test_a_deletion_goes_on_where_its_message_may_have_been_recorded() -> None:
    now_off = steady(rules(rule(since_ms=SAID_MS, is_enabled=False)))
    assert record(Deletion(source_id="m1", channel="12", timestamp=SAID_MS - 1), now_off)
    assert record(Deletion(source_id="m1", channel="12"), now_off)
    assert record(Clear(channel="12", cleared=CAME_MS), now_off)
    surely_not = Deletion(source_id="m1", channel="12", timestamp=SAID_MS)
    assert capture(surely_not, now_off, CAME_MS) == Captured(None, Unrecorded.DISABLED)


def test_clears_presence_feedback_and_parents_become_records() -> None:
    known = rules(rule(ANY, deletions="hide"))
    clear = Clear(channel="12", cleared=5, author_id="34", duration_s=600, reason="timeout")
    assert record(clear, steady(known)) == ClearRecord(
        platform="twitch",
        channel="12",
        cleared=5,
        deletion="hide",
        author_id="34",
        duration_s=600,
        reason="timeout",
    )
    presence = Presence(source_id="p", kind=PresenceKind.JOIN, channel="12", timestamp=5, author_id="34")
    assert record(presence) == PresenceRecord(
        platform="twitch",
        source=message_source("twitch", "p"),
        kind="join",
        channel="12",
        timestamp=5,
        author_id="34",
    )
    feedback = Feedback(source_id="f", refers_to="m1", value=-1, given=5, comment="no", channel="12")
    found = record(feedback)
    assert isinstance(found, FeedbackRecord)
    assert (found.refers_to, found.value, found.comment) == (message_source("twitch", "m1"), -1, "no")
    parent = ChannelParent(channel="t", parent="12", name="thread")
    assert record(parent) == ParentRecord(platform="twitch", channel="t", parent="12", name="thread")


@pytest.mark.parametrize(
    "found",
    [
        Presence(source_id="p", kind=PresenceKind.JOIN, channel="12", timestamp=SAID_MS, author_id="shy"),
        Feedback(source_id="f", refers_to="m1", value=1, given=SAID_MS, channel="12", author_id="shy"),
    ],
)
def test_neither_presence_nor_opinion_of_who_opted_out_is_recorded(found: Found) -> None:
    known = rules(opt_outs=[OptOutSpan("twitch", "shy", SAID_MS)])
    assert capture(found, steady(known), CAME_MS) == Captured(None, Unrecorded.OPTED_OUT)


def test_the_rules_of_a_channel_that_was_just_told_to_be_its_parent_hold() -> None:
    known = rules(rule("room", is_enabled=False))
    to = steady(known)._replace(parents={"12": "room"})
    assert capture(message(), to, CAME_MS).unrecorded is Unrecorded.DISABLED
    assert capture(message(parent_channel="room"), steady(known), CAME_MS).unrecorded is Unrecorded.DISABLED
    assert capture(message(), steady(known), CAME_MS).unrecorded is None


def test_what_is_too_large_goes_without_its_raw_event_and_if_that_is_not_enough_not_at_all() -> None:
    large = "x" * (RECORD_MAX_BYTES - 1000)
    found = record(message(content=large, raw_payload=large))
    assert (found.content, found.raw_payload) == (large, NULL)
    whole = Edit(
        source_id="m1",
        content=large[:9],
        message=message(content=large, raw_payload=large),
        raw_payload=large,
    )
    edited = record(whole)
    assert (edited.raw_payload, edited.message.raw_payload) == (NULL, NULL)
    with pytest.raises(BadRecord) as error:
        record(message(content=large * 2, raw_payload=large))
    assert error.value.reason is Reason.TOO_LARGE
    assert "xxx" not in error.value.detail


def test_an_answer_is_in_a_sample_with_its_question() -> None:
    rules = Rules([DatedRule("assistant", ANY, 0, sampling_rate=0.5)])
    turn = {
        "session_id": "s",
        "timestamp": "2026-03-02T12:20:00Z",
        "user_message": "Where is it?",
        "ai_response": "Here.",
    }
    kept = set()
    for number in range(50):
        found = assistant.extract(orjson.dumps(turn | {"turn_id": f"t{number}"})).found
        records = [
            capture(one, Capturing("assistant", rules.of("assistant"), SteadyTimes()), 0).record
            for one in found
        ]
        kept.add(tuple(record.kept for record in records if isinstance(record, MessageRecord)))

    assert kept == {(True, True), (False, False)}
