"""What messages of threads hold, their ETags, and the format of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.threads import (
    CONTENT_KEY,
    ThreadEventType,
    event_of,
    event_record,
    is_matched,
    split_content,
    tag_of,
    text_of,
    whole_content,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
keys = st.text().filter(lambda key: key != CONTENT_KEY)


@given(
    content=st.text() | st.dictionaries(st.text(), json_values), metadata=st.dictionaries(keys, json_values)
)
def test_content_and_metadata_come_back_as_they_were_given(content: Any, metadata: Any) -> None:
    kept = split_content(content, metadata)
    assert whole_content(kept.text, kept.metadata) == (
        {"text": content} if isinstance(content, str) else content,
        metadata,
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({}, ""),
        ({"text": "a"}, "a"),
        ({"text": 1}, ""),
        ({"text": "a", "parts": ["b"]}, "a"),
        ({"parts": "a"}, ""),
        ({"parts": ["a", {"text": "b"}, {"text": ""}, {"url": "x"}, None, {"text": 1}]}, "a\nb"),
    ],
)
def test_what_is_read_of_a_content(content: dict[str, Any], text: str) -> None:
    assert text_of(content) == text


NOON = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


def test_every_change_has_another_tag() -> None:
    later = NOON + timedelta(microseconds=1)
    assert len({tag_of(None), tag_of(NOON), tag_of(later)}) == 3
    assert tag_of(None) == '"0"'


@pytest.mark.parametrize(
    ("if_match", "is_it"),
    [
        (None, True),
        ("*", True),
        ('"1"', True),
        ('"0", "1"', True),
        ('"2"', False),
        ('W/"1"', False),
        ("1", False),
    ],
)
def test_what_somebody_saw_is_what_there_is(if_match: str | None, is_it: bool) -> None:
    assert is_matched(if_match, '"1"') is is_it


THREAD, MESSAGE, EVENT = (UUID(int=number) for number in (1, 2, 3))


def test_an_event_has_the_format_of_the_document() -> None:
    event = event_of(
        "CHAT_MESSAGE_CREATED",
        event_id=EVENT,
        tenant_id="tenant-123",
        learner_id="learner-456",
        occurred=NOON,
        thread_id=THREAD,
        message_id=MESSAGE,
        data={"sender_id": "user-456", "message_type": "text"},
        content="Hello, world!",
    )
    assert event.pop("event_id") == str(EVENT)
    assert event == {
        "event_type": "CHAT_MESSAGE_CREATED",
        "tenant_id": "tenant-123",
        "learner_id": "learner-456",
        "timestamp": "2024-01-15T10:30:00Z",
        "data": {
            "message_id": str(MESSAGE),
            "thread_id": str(THREAD),
            "sender_id": "user-456",
            "content": "Hello, world!",
            "message_type": "text",
        },
    }


def test_what_happens_in_a_thread_is_in_one_partition() -> None:
    told: dict[str, Any] = {
        "event_id": EVENT,
        "tenant_id": "t",
        "learner_id": "l",
        "occurred": NOON,
        "message_id": None,
        "data": {},
    }
    key, value = event_record(event_of(ThreadEventType.THREAD_DELETED, thread_id=THREAD, **told))
    assert key == str(THREAD).encode()
    assert orjson.loads(value)["event_type"] == "CHAT_THREAD_DELETED"
    key, _ = event_record(event_of(ThreadEventType.DELETION_REQUESTED, thread_id=None, **told))
    assert key == b"t/l"


def test_an_unknown_event_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="NO_SUCH"):
        event_of(
            "NO_SUCH",
            event_id=EVENT,
            tenant_id="t",
            learner_id="l",
            occurred=NOON,
            thread_id=None,
            message_id=None,
            data={},
        )


def test_docs_name_every_event() -> None:
    docs = Path("docs/threads.md").read_text(encoding="utf-8")
    assert [event for event in ThreadEventType if f"`{event}`" not in docs] == []
