"""The samples are realistic, complete, and what comes of them is what was worked out from their story."""

from collections import Counter

import orjson
import pytest

import samples
from models.entries import ChatLogEntry
from models.errors import BadRecord
from models.events import Category
from models.platforms import MESSENGER, MESSENGER_WITH_MEDIA, StateJoin
from models.states import EMPTY_HISTORY, History, as_of, decode_state, insert
from samples import Conversation, ExpectedRow, SampleRecord

each_conversation = pytest.mark.parametrize(
    "conversation", samples.conversations(), ids=lambda conversation: conversation.name
)


def _entry(event: SampleRecord, history: History, platform: StateJoin) -> ChatLogEntry | None:
    parsed = platform.parse_event(event.value)
    return platform.extract_chat_log_entry(parsed, as_of(history, event.timestamp_ms))


def _row(entry: ChatLogEntry) -> ExpectedRow:
    return ExpectedRow(
        entry.userid,
        entry.pageid,
        entry.timestamp,
        entry.direction,
        entry.message_type,
        entry.question_ref,
        entry.shortcode,
        entry.surveyid,
        entry.content,
    )


def _history(conversation: Conversation) -> History:
    history = EMPTY_HISTORY
    for state in conversation.states:
        history = insert(history, decode_state(state.value))
    return history


def _categories() -> Counter[Category]:
    found: Counter[Category] = Counter()
    for event in samples.events():
        try:
            found[MESSENGER.categorise(MESSENGER.parse_event(event.value))] += 1
        except BadRecord:
            continue
    return found


@pytest.mark.parametrize(
    ("platform", "conversation"),
    [
        *((MESSENGER, conversation) for conversation in samples.conversations()),
        *((MESSENGER_WITH_MEDIA, each) for each in samples.conversations(media=True)),
    ],
    ids=[f"{each.name}{media}" for media in ("", ", with media") for each in samples.conversations()],
)
def test_what_comes_of_a_conversation_is_what_was_worked_out_by_hand(
    platform: StateJoin, conversation: Conversation
) -> None:
    history = _history(conversation)
    rows, dead_letters = [], 0
    for event in conversation.events:
        try:
            entry = _entry(event, history, platform)
        except BadRecord:
            dead_letters += 1
        else:
            rows += [_row(entry)] if entry is not None else []

    assert rows == list(conversation.expected)
    assert dead_letters == conversation.dead_letters


@each_conversation
def test_a_state_is_as_old_as_the_event_the_bot_had_just_processed(conversation: Conversation) -> None:
    times = [event.timestamp_ms for event in conversation.events]

    assert times == sorted(times)
    assert {state.timestamp_ms for state in conversation.states} <= set(times)


@each_conversation
def test_the_records_of_a_conversation_belong_to_its_person(conversation: Conversation) -> None:
    for state in conversation.states:
        assert decode_state(state.value).userid == conversation.userid
    for event in conversation.events:
        assert conversation.userid.encode() in event.value


def test_no_two_rows_are_one() -> None:
    rows = [row.key for conversation in samples.conversations() for row in conversation.expected]

    assert len(rows) == len(set(rows))
    assert samples.expected().entries == set(rows)


def test_every_kind_of_event_occurs() -> None:
    # An envelope is no event, but several.
    assert set(_categories()) == set(Category) - {Category.ENVELOPE}


def test_synthetic_events_of_many_types_occur() -> None:
    types = {
        parsed["event"]["type"]
        for event in samples.events()
        if b'"synthetic"' in event.value
        for parsed in [orjson.loads(event.value)]
    }

    assert types >= {
        "follow_up",
        "timeout",
        "machine_report",
        "unblock",
        "external",
        "repeat_payment",
        "platform_response",
        "bailout",
        "block_user",
        "restore_state",
        "redo",
    }


def test_there_are_several_people_forms_and_scripts() -> None:
    rows = [row for conversation in samples.conversations() for row in conversation.expected]
    said = "".join(row.content for row in rows)

    assert len({row.userid for row in rows}) == 7
    assert len({row.shortcode for row in rows if row.shortcode}) >= 5
    assert len({row.surveyid for row in rows if row.surveyid}) >= 4
    assert any(row.shortcode is None for row in rows)
    assert all(sign in said for sign in ("🙏", "السلام", "नमस्ते", "Lucía"))


def test_what_looks_like_json_stays_what_was_said() -> None:
    said = {row.content for conversation in samples.conversations() for row in conversation.expected}

    assert said >= {"true", '{"a":1}', "123", "null", ""}


def test_the_broken_record_is_kept_byte_for_byte() -> None:
    broken = [event for event in samples.events() if not event.value.endswith(b"}")]

    assert [event.userid for event in broken] == ["8027465193820475"]
    with pytest.raises(BadRecord):
        MESSENGER.parse_event(broken[0].value)
    assert samples.expected().dead_letters == 1


def test_there_are_as_many_records_as_the_readme_says() -> None:
    counts = len(samples.events()), len(samples.states()), len(samples.expected().entries)

    assert counts == (154, 111, 108)
    assert len(samples.expected(media=True).entries) == 118


def test_the_samples_are_given_in_the_order_of_their_times() -> None:
    for records in (samples.events(), samples.states()):
        times = [record.timestamp_ms for record in records]
        assert times == sorted(times)
